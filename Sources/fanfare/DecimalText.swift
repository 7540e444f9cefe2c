/// Numbers in tables.
enum DecimalText {
    /// `value`, which is not negative, with so many decimals; what has no end, or nearly none, as such.
    static func text(_ value: Double, _ decimals: Int) -> String {
        guard value < 1e12 else { return "∞" }
        var factor = 1
        for _ in 0..<decimals { factor *= 10 }
        let scaled = Int((value * Double(factor)).rounded())
        guard decimals > 0 else { return String(scaled) }
        let rest = String(scaled % factor)
        return "\(scaled / factor).\(String(repeating: "0", count: decimals - rest.utf8.count))\(rest)"
    }
}
