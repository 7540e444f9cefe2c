import FanfareWire

/// Durations as configuration spells them, as far as a delay needs them.
package enum DelayText {
    /// The milliseconds of `250ms`, `5s` or `2m`; nil when it is anything else or more than an hour.
    package static func milliseconds(_ text: String) -> Int? {
        let units: [(String, Int)] = [("ms", 1), ("s", 1000), ("m", 60_000)]
        for (unit, factor) in units where text.hasSuffix(unit) {
            let digits = text.dropLast(unit.count)
            guard !digits.isEmpty, digits.utf8.count <= 7, digits.utf8.allSatisfy(ASCII.isDigit),
                let value = UInt32(digits)
            else {
                continue
            }
            return Int(value) * factor <= 3_600_000 ? Int(value) * factor : nil
        }
        return nil
    }
}
