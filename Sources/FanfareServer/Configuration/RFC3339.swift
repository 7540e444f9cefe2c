import FanfareBase

/// Times as people and CloudEvents write them (RFC 3339, section 5.6).
package enum RFC3339 {
    /// A regular expression for the shape; months and days are checked on reading.
    package static let pattern =
        "^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})$"

    /// The time that `text` spells, to the nanosecond below; nil when it is none. A leap second is the second after it. One
    /// before 1970 is its beginning, and one after 2261 is in 2262: no event is from then.
    package static func time(_ text: String) -> WallTime? {
        var rest = Array(text.utf8)[...]
        guard let year = number(&rest, 4, "-"), let month = number(&rest, 2, "-"), let day = number(&rest, 2, nil),
            let separator = rest.popFirst(), separator | 0x20 == UInt8(ascii: "t"),
            let hour = number(&rest, 2, ":"), let minute = number(&rest, 2, ":"), let second = number(&rest, 2, nil)
        else { return nil }
        guard (1...12).contains(month), (1...days(in: month, of: year)).contains(day),
            hour < 24, minute < 60, second <= 60
        else { return nil }
        guard let nanoseconds = fraction(&rest), let offset = offsetSeconds(&rest), rest.isEmpty else { return nil }
        guard year >= 1970 else { return WallTime(nanoseconds: 0) }
        guard year <= 2261 else { return WallTime(nanoseconds: UInt64(Int64.max)) }
        let seconds = dayNumber(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset
        return WallTime(nanoseconds: UInt64(max(seconds, 0)) * 1_000_000_000 + UInt64(nanoseconds))
    }

    /// `time` in UTC, with nine digits of fraction unless it is a whole second.
    package static func text(_ time: WallTime) -> String {
        let seconds = Int(time.seconds)
        var day = seconds / 86_400
        var year = 1970
        while day >= (isLeap(year) ? 366 : 365) {
            day -= isLeap(year) ? 366 : 365
            year += 1
        }
        var month = 1
        while day >= days(in: month, of: year) {
            day -= days(in: month, of: year)
            month += 1
        }
        let clock = seconds % 86_400
        let fraction = Int(time.nanoseconds % 1_000_000_000)
        return "\(padded(year, 4))-\(padded(month, 2))-\(padded(day + 1, 2))T"
            + "\(padded(clock / 3600, 2)):\(padded(clock / 60 % 60, 2)):\(padded(clock % 60, 2))"
            + (fraction == 0 ? "" : ".\(padded(fraction, 9))") + "Z"
    }

    /// `count` digits and the character after them.
    private static func number(_ rest: inout ArraySlice<UInt8>, _ count: Int, _ after: Unicode.Scalar?) -> Int? {
        let digits = rest.prefix(count)
        guard digits.count == count, digits.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        rest = rest.dropFirst(count)
        if let after { guard rest.popFirst() == UInt8(ascii: after) else { return nil } }
        return digits.reduce(0) { $0 * 10 + Int($1 - 0x30) }
    }

    private static func fraction(_ rest: inout ArraySlice<UInt8>) -> Int? {
        guard rest.first == UInt8(ascii: ".") else { return 0 }
        rest = rest.dropFirst()
        let digits = rest.prefix { (0x30...0x39).contains($0) }
        guard !digits.isEmpty else { return nil }
        rest = rest.dropFirst(digits.count)
        let nine = digits.prefix(9) + Array(repeating: 0x30, count: max(0, 9 - digits.count))
        return nine.reduce(0) { $0 * 10 + Int($1 - 0x30) }
    }

    private static func offsetSeconds(_ rest: inout ArraySlice<UInt8>) -> Int? {
        guard let sign = rest.popFirst() else { return nil }
        if sign | 0x20 == UInt8(ascii: "z") { return 0 }
        guard sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-"), let hour = number(&rest, 2, ":"),
            let minute = number(&rest, 2, nil), hour < 24, minute < 60
        else { return nil }
        return (hour * 3600 + minute * 60) * (sign == UInt8(ascii: "+") ? 1 : -1)
    }

    /// Days from 1970-01-01.
    private static func dayNumber(_ year: Int, _ month: Int, _ day: Int) -> Int {
        let years = (1970..<year).reduce(0) { $0 + (isLeap($1) ? 366 : 365) }
        return years + (1..<month).reduce(0) { $0 + days(in: $1, of: year) } + day - 1
    }

    private static func days(in month: Int, of year: Int) -> Int {
        switch month {
        case 2: isLeap(year) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    private static func isLeap(_ year: Int) -> Bool { year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) }

    private static func padded(_ value: Int, _ width: Int) -> String {
        let digits = String(value)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}
