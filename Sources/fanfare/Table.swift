/// Rows in columns for people: the first column and those marked so are flush left, the others flush right.
struct Table {
    private var rows: [[String]]
    private let leftAligned: Set<Int>

    /// A table with this heading.
    init(_ heading: [String], leftAligned: Set<Int> = [0]) {
        rows = [heading]
        self.leftAligned = leftAligned
    }

    /// Adds a row with as many cells as the heading has.
    mutating func add(_ row: [String]) { rows.append(row) }

    /// The lines, each as long as its content.
    var lines: [String] {
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            var line = ""
            for (column, cell) in row.enumerated() {
                let padding = String(repeating: " ", count: widths[column] - cell.count)
                line += (column == 0 ? "" : "  ") + (leftAligned.contains(column) ? cell + padding : padding + cell)
            }
            while line.last == " " { line.removeLast() }
            return line
        }
    }
}
