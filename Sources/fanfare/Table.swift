/// Rows in columns for people: the first column and those marked so are flush left, the others flush right. What cells hold
/// may come from anyone: characters that a terminal acts on instead of showing them are escaped.
struct Table {
    private var rows: [[String]]
    private let leftAligned: Set<Int>

    /// A table with this heading.
    init(_ heading: [String], leftAligned: Set<Int> = [0]) {
        rows = [heading]
        self.leftAligned = leftAligned
    }

    /// Adds a row with as many cells as the heading has.
    mutating func add(_ row: [String]) { rows.append(row.map(Self.escaped)) }

    /// Control and formatting characters and line ends as `\u{1b}`.
    static func escaped(_ cell: String) -> String {
        var text = ""
        for scalar in cell.unicodeScalars {
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator:
                text += "\\u{\(String(scalar.value, radix: 16))}"
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text
    }

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
