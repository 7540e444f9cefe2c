/// Base64 with the standard alphabet (RFC 4648, section 4).
enum Base64 {
    private static let alphabet: StaticString = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

    /// Characters of the text of `bytes` bytes, padding included.
    static func textBytes(_ bytes: Int) -> Int { (bytes + 2) / 3 * 4 }

    /// Writes the text of `bytes` over `target` from `offset` on.
    static func write(_ bytes: [UInt8], over target: inout [UInt8], at offset: Int) {
        var place = offset
        var index = 0
        while index < bytes.count {
            let rest = bytes.count - index
            let second = rest > 1 ? bytes[index + 1] : 0
            let third = rest > 2 ? bytes[index + 2] : 0
            let group = UInt32(bytes[index]) << 16 | UInt32(second) << 8 | UInt32(third)
            target[place] = character(group >> 18)
            target[place + 1] = character(group >> 12)
            target[place + 2] = rest > 1 ? character(group >> 6) : padding
            target[place + 3] = rest > 2 ? character(group) : padding
            place += 4
            index += 3
        }
    }

    /// The bytes of `text`, or nil when it is not base64. Padding may be left out; stray bits must be zero.
    static func decode(_ text: [UInt8]) -> [UInt8]? {
        var bytes: [UInt8] = []
        let isValid = unsafe text.withUnsafeBytes { unsafe decode($0, appendingTo: &bytes) }
        return isValid ? bytes : nil
    }

    /// Appends the bytes of `text`; false when it is not base64 (what was appended then means nothing).
    static func decode(_ text: UnsafeRawBufferPointer, appendingTo bytes: inout [UInt8]) -> Bool {
        var end = text.count
        if end % 4 == 0 {
            // Safe: the indices lie below count.
            while end > 0, text.count - end < 2, unsafe text[end - 1] == padding { end -= 1 }
        }
        guard end % 4 != 1 else { return false }
        var group: UInt32 = 0
        for index in 0..<end {
            guard let value = unsafe value(of: text[index]) else { return false }
            group = group << 6 | UInt32(value)
            guard index % 4 == 3 else { continue }
            bytes.append(UInt8(truncatingIfNeeded: group >> 16))
            bytes.append(UInt8(truncatingIfNeeded: group >> 8))
            bytes.append(UInt8(truncatingIfNeeded: group))
            group = 0
        }
        switch end % 4 {
        case 2:
            bytes.append(UInt8(truncatingIfNeeded: group >> 4))
            return group & 0xF == 0
        case 3:
            bytes.append(UInt8(truncatingIfNeeded: group >> 10))
            bytes.append(UInt8(truncatingIfNeeded: group >> 2))
            return group & 0x3 == 0
        default: return true
        }
    }

    private static let padding = UInt8(ascii: "=")

    private static func character(_ group: UInt32) -> UInt8 {
        // Safe: the index is below 64, the alphabet's length.
        unsafe alphabet.utf8Start[Int(group & 0x3F)]
    }

    private static func value(of character: UInt8) -> UInt8? {
        switch character {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): character - UInt8(ascii: "A")
        case UInt8(ascii: "a")...UInt8(ascii: "z"): character - UInt8(ascii: "a") + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): character - UInt8(ascii: "0") + 52
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: "/"): 63
        default: nil
        }
    }
}
