import FanfareBase

/// `Retry-After` (RFC 9110, section 10.2.3): seconds, or a date in one of HTTP's three forms.
package enum RetryAfter {
    /// Seconds to wait from `now`, at most `WebhookLimits.retryAfterSeconds`; nil when `value` is neither number nor date.
    /// A date in the past is no wait.
    package static func seconds(_ value: String, now: WallTime) -> UInt64? {
        let text = value.drop { $0 == " " || $0 == "\t" }
        if !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) {
            return min(UInt64(text) ?? .max, WebhookLimits.retryAfterSeconds)
        }
        guard let date = date(text) else { return nil }
        return date <= now.seconds ? 0 : min(date - now.seconds, WebhookLimits.retryAfterSeconds)
    }

    /// Seconds since 1970 of `Sun, 06 Nov 1994 08:49:37 GMT`, `Sunday, 06-Nov-94 08:49:37 GMT` or
    /// `Sun Nov  6 08:49:37 1994` (RFC 9110, section 5.6.7).
    static func date(_ text: some StringProtocol) -> UInt64? {
        let isSeparator: (Character) -> Bool = { $0 == " " || $0 == "-" || $0 == "," }
        let words: [String] = String(text).split(whereSeparator: isSeparator).map { String($0) }
        if words.count == 6, words[5] == "GMT" {
            guard let year = Int(words[3]) else { return nil }
            let century = words[3].count == 2 ? (year < 70 ? 2000 : 1900) : 0
            return seconds(day: words[1], month: words[2], year: year + century, time: words[4])
        }
        guard words.count == 5, let year = Int(words[4]) else { return nil }
        return seconds(day: words[2], month: words[1], year: year, time: words[3])
    }

    private static func seconds(day: String, month: String, year: Int, time: String) -> UInt64? {
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        let parts = time.split(separator: ":", omittingEmptySubsequences: false).map { Int($0) ?? -1 }
        guard let month = months.firstIndex(of: month), let day = Int(day), 1...31 ~= day, 1970...9999 ~= year,
            parts.count == 3, 0...23 ~= parts[0], 0...59 ~= parts[1], 0...60 ~= parts[2]
        else { return nil }
        let days = daysSince1970(year: year, month: month + 1, day: day)
        return UInt64(days * 86_400 + parts[0] * 3_600 + parts[1] * 60 + parts[2])
    }

    /// Days in the proleptic Gregorian calendar, the year counted from March so that the leap day is its last.
    private static func daysSince1970(year: Int, month: Int, day: Int) -> Int {
        let year = month <= 2 ? year - 1 : year
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        return year * 365 + year / 4 - year / 100 + year / 400 + dayOfYear - 719_468
    }
}
