/// Text for HTML and SVG, and numbers for people.
enum Markup {
    /// `text` as content or attribute value.
    static func escaped(_ text: String) -> String {
        var escaped = ""
        for character in text.unicodeScalars {
            switch character {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "\"": escaped += "&quot;"
            default: escaped.unicodeScalars.append(character)
            }
        }
        return escaped
    }

    /// An element with escaped text.
    static func element(_ name: String, _ text: String, classes: String? = nil) -> String {
        let attribute = classes.map { " class=\"\($0)\"" } ?? ""
        return "<\(name)\(attribute)>\(escaped(text))</\(name)>"
    }

    /// A table with a row of headings; the first cell of each row is a heading too.
    static func table(_ headings: [String], _ rows: [[String]]) -> String {
        let head = headings.map { element("th", $0) }.joined()
        let body = rows.map { row in
            "<tr>" + element("th", row.first ?? "") + row.dropFirst().map { element("td", $0) }.joined() + "</tr>"
        }
        return
            "<div class=\"scroll\"><table><thead><tr>\(head)</tr></thead><tbody>\(body.joined())</tbody></table></div>"
    }

    /// A coordinate, or a number of a document: a tenth is enough.
    static func coordinate(_ value: Double) -> String { number(value, 1) }

    /// `value` with at most so many decimals.
    static func number(_ value: Double, _ decimals: Int) -> String {
        guard value.isFinite, abs(value) < 1e12 else { return "∞" }
        var factor = 1.0
        for _ in 0..<decimals { factor *= 10 }
        let rounded = (value * factor).rounded() / factor
        return rounded == rounded.rounded() ? String(Int(rounded)) : String(rounded)
    }

    /// A count with thousands set apart.
    static func count(_ value: Double) -> String {
        let digits = Array(number(value, 0))
        let sign = digits.first == "-" ? "-" : ""
        let plain = digits.filter { $0 != "-" }
        var text = ""
        for (index, digit) in plain.enumerated() {
            if index > 0, (plain.count - index) % 3 == 0 { text += "," }
            text.append(digit)
        }
        return sign + text
    }

    /// A time with its unit, three digits of it.
    static func time(nanoseconds: Double) -> String {
        let units: [(String, Double)] = [("s", 1e9), ("ms", 1e6), ("µs", 1e3), ("ns", 1)]
        let (unit, size) = units.first { nanoseconds >= $0.1 } ?? units[3]
        let value = nanoseconds / size
        return "\(number(value, value >= 100 ? 0 : value >= 10 ? 1 : 2)) \(unit)"
    }
}
