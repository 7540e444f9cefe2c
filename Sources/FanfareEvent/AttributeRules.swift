/// What CloudEvents 1.0.2 says about the values of attributes.
enum AttributeRules {
    /// The first character of the string `source[range]` that an attribute may not have, in words; nil when all are fine.
    ///
    /// Not allowed (CloudEvents, "Type System"): U+0000 to U+001F, U+007F to U+009F, noncharacters, lone surrogates, each
    /// also as an escape.
    @inline(__always)
    static func forbiddenCharacter(_ source: Span<UInt8>, _ range: Range<Int>, hasEscapes: Bool) -> String? {
        // Nearly all attributes: nothing to decode.
        if !hasEscapes, isPrintable(source, range) { return nil }
        return forbiddenCharacter(source, range)
    }

    private static func forbiddenCharacter(_ source: Span<UInt8>, _ range: Range<Int>) -> String? {
        var offset = range.lowerBound
        while offset < range.upperBound {
            let byte = source[offset]
            if byte == UInt8(ascii: "\\") {
                guard let scalar = escaped(source, &offset, end: range.upperBound) else {
                    return "half a surrogate pair"
                }
                if isForbidden(scalar) { return words(for: scalar) }
            } else if byte < 0x7F {
                offset &+= 1
            } else {
                let scalar = decoded(source, &offset)
                if isForbidden(scalar) { return words(for: scalar) }
            }
        }
        return nil
    }

    /// Whether `source[range]`, without escapes, is base64 (RFC 4648, section 4) with its padding.
    static func isBase64(_ source: Span<UInt8>, _ range: Range<Int>) -> Bool {
        guard range.count % 4 == 0 else { return false }
        var end = range.upperBound
        for _ in 0..<2 where end > range.lowerBound && source[end - 1] == UInt8(ascii: "=") { end -= 1 }
        for index in range.lowerBound..<end {
            let byte = source[index]
            let letter = byte | 0x20
            let isDigit =
                letter >= UInt8(ascii: "a") && letter <= UInt8(ascii: "z") || byte &- UInt8(ascii: "0") <= 9
                || byte == UInt8(ascii: "+") || byte == UInt8(ascii: "/")
            guard isDigit else { return false }
        }
        return true
    }

    /// Whether `text` is an RFC 3339 `date-time`: `2026-11-23T13:17:43.5+01:00`.
    static func isTime(_ text: Span<UInt8>) -> Bool {
        guard text.count >= 20,
            let year = number(text, 0, 4), text[4] == UInt8(ascii: "-"),
            let month = number(text, 5, 2), text[7] == UInt8(ascii: "-"),
            let day = number(text, 8, 2), text[10] | 0x20 == UInt8(ascii: "t"),
            let hour = number(text, 11, 2), text[13] == UInt8(ascii: ":"),
            let minute = number(text, 14, 2), text[16] == UInt8(ascii: ":"),
            let second = number(text, 17, 2)
        else { return false }
        guard 1...12 ~= month, 1...days(month, year) ~= day, hour < 24, minute < 60, second <= 60 else { return false }
        var offset = 19
        if text[offset] == UInt8(ascii: ".") {
            offset += 1
            let start = offset
            while offset < text.count, text[offset] &- UInt8(ascii: "0") <= 9 { offset += 1 }
            guard offset > start else { return false }
        }
        return isZone(text, offset)
    }

    private static func isZone(_ text: Span<UInt8>, _ offset: Int) -> Bool {
        guard offset < text.count else { return false }
        if text[offset] | 0x20 == UInt8(ascii: "z") { return offset + 1 == text.count }
        guard text[offset] == UInt8(ascii: "+") || text[offset] == UInt8(ascii: "-"), offset + 6 == text.count,
            let hours = number(text, offset + 1, 2), text[offset + 3] == UInt8(ascii: ":"),
            let minutes = number(text, offset + 4, 2)
        else { return false }
        return hours < 24 && minutes < 60
    }

    private static func number(_ text: Span<UInt8>, _ start: Int, _ count: Int) -> Int? {
        var value = 0
        for index in start..<start + count {
            let digit = text[index] &- UInt8(ascii: "0")
            guard digit <= 9 else { return nil }
            value = value * 10 + Int(digit)
        }
        return value
    }

    private static func days(_ month: Int, _ year: Int) -> Int {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    private static func escaped(_ source: Span<UInt8>, _ offset: inout Int, end: Int) -> Unicode.Scalar? {
        if let letter = JSONUnescape.simple(source[offset + 1]) {
            offset += 2
            return Unicode.Scalar(letter)
        }
        return JSONUnescape.unicode(source, &offset, end: end)
    }

    /// The scalar at `offset` of valid UTF-8, 0x7F or above.
    private static func decoded(_ source: Span<UInt8>, _ offset: inout Int) -> Unicode.Scalar {
        let lead = source[offset]
        let length = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4
        var value = UInt32(lead) & (length == 1 ? 0x7F : 0x7F >> UInt32(length))
        for index in 1..<length { value = value << 6 | UInt32(source[offset + index] & 0x3F) }
        offset += length
        return Unicode.Scalar(value) ?? "\u{FFFD}"
    }

    private static func isForbidden(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0...0x1F, 0x7F...0x9F, 0xFDD0...0xFDEF: true
        default: scalar.value & 0xFFFE == 0xFFFE
        }
    }

    private static func words(for scalar: Unicode.Scalar) -> String {
        let digits = String(scalar.value, radix: 16, uppercase: true)
        let name = "U+" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits
        return scalar.value <= 0x9F ? "the control character \(name)" : "the noncharacter \(name)"
    }
}
