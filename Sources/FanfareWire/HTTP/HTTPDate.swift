import FanfareBase

/// Dates in headers (RFC 9110, section 5.6.7): `Sun, 06 Nov 1994 08:49:37 GMT`, and the two obsolete forms when reading.
package enum HTTPDate {
    private static let days: [StaticString] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
    private static let months: [StaticString] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    /// Appends the date `seconds` after 1970-01-01T00:00:00Z; years up to 9999.
    package static func append(secondsSince1970 seconds: UInt64, to output: inout [UInt8]) {
        let day = Int(min(seconds, 253_402_300_799)) / 86_400
        let second = Int(min(seconds, 253_402_300_799)) % 86_400
        let (year, month, dayOfMonth) = civil(fromDays: day)
        output.append(days[day % 7])
        output.append(", ")
        append(dayOfMonth, digits: 2, to: &output)
        output.append(UInt8(ascii: " "))
        output.append(months[month - 1])
        output.append(UInt8(ascii: " "))
        append(year, digits: 4, to: &output)
        output.append(UInt8(ascii: " "))
        append(second / 3600, digits: 2, to: &output)
        output.append(UInt8(ascii: ":"))
        append(second / 60 % 60, digits: 2, to: &output)
        output.append(UInt8(ascii: ":"))
        append(second % 60, digits: 2, to: &output)
        output.append(" GMT")
    }

    /// Seconds since 1970 of a date in any of the three forms; nil for anything else and for dates before 1970.
    package static func parse(_ text: ByteView) -> UInt64? {
        let words = text.trimmed.split(at: [0x20, UInt8(ascii: ","), UInt8(ascii: "-"), UInt8(ascii: ":")])
        // Without separators: day name, then (day, month, year, h, m, s, GMT) or asctime's (month, day, h, m, s, year).
        guard words.count == 8 || words.count == 7 else { return nil }
        let isAsctime = words.count == 7
        guard isAsctime || words[7].equals("GMT") else { return nil }
        guard let month = month(words[isAsctime ? 1 : 2]), let day = words[isAsctime ? 2 : 1].decimal,
            var year = words[isAsctime ? 6 : 3].decimal, let hour = words[isAsctime ? 3 : 4].decimal,
            let minute = words[isAsctime ? 4 : 5].decimal, let second = words[isAsctime ? 5 : 6].decimal
        else { return nil }
        // Two digits (RFC 850): the century that makes it lie closest to now; ours are 1970 to 2069.
        if words[isAsctime ? 6 : 3].count == 2 { year += year < 70 ? 2000 : 1900 }
        guard year >= 1970, year <= 9999, day >= 1, day <= 31, hour < 24, minute < 60, second <= 60 else { return nil }
        return UInt64(daysFromCivil(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second)
    }

    /// Seconds to wait that a Retry-After header asks for at `now` (RFC 9110, section 10.2.3): seconds, or a date; a date
    /// that has passed is 0. Nil when it is neither. Seconds beyond an `Int` are the greatest one: it is a lower bound.
    package static func retryAfterSeconds(_ value: ByteView, now: WallTime) -> Int? {
        let value = value.trimmed
        if !value.isEmpty, value.allSatisfy({ $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }) {
            return value.decimal ?? .max
        }
        guard let date = parse(value) else { return nil }
        return date > now.seconds ? Int(date - now.seconds) : 0
    }

    private static func month(_ name: ByteView) -> Int? {
        for (index, month) in months.enumerated() where name.equals(month) { return index + 1 }
        return nil
    }

    private static func append(_ value: Int, digits: Int, to output: inout [UInt8]) {
        var divisor = digits == 4 ? 1000 : 10
        while divisor > 0 {
            output.append(UInt8(ascii: "0") + UInt8(value / divisor % 10))
            divisor /= 10
        }
    }

    /// Days since 1970-01-01 to year, month and day in the Gregorian calendar: Howard Hinnant's `civil_from_days`.
    private static func civil(fromDays days: Int) -> (year: Int, month: Int, day: Int) {
        let shifted = days + 719_468
        let era = shifted / 146_097
        let dayOfEra = shifted % 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * monthFromMarch + 2) / 5 + 1)
    }

    private static func daysFromCivil(_ year: Int, _ month: Int, _ day: Int) -> Int {
        let shifted = month <= 2 ? year - 1 : year
        let yearOfEra = shifted % 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return shifted / 400 * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }
}

extension ByteView {
    /// The non-empty pieces between any of `separators`.
    func split(at separators: [UInt8]) -> [ByteView] {
        var pieces: [ByteView] = []
        var start = 0
        for index in 0...count where index == count || separators.contains(self[index]) {
            if index > start { pieces.append(slice(start..<index)) }
            start = index + 1
        }
        return pieces
    }
}
