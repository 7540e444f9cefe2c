/// Checks UTF-8 as it arrives, in pieces cut anywhere, and refuses at the first byte that cannot be right (RFC 3629:
/// nothing overlong, no surrogates, nothing beyond U+10FFFF).
package struct UTF8Validator: Sendable {
    /// Continuation bytes still to come.
    private var needed: UInt8 = 0
    /// What the next continuation byte may be.
    private var lower: UInt8 = 0x80
    private var upper: UInt8 = 0xBF

    /// At the beginning of a text.
    package init() {}

    /// Whether the text may end here: no character is cut short.
    package var isComplete: Bool { needed == 0 }

    /// Takes the next piece; false when the text is not UTF-8, whatever may follow.
    package mutating func validate(_ piece: ByteView) -> Bool {
        let bytes = unsafe piece.unsafeBytes
        var index = 0
        // Safe: index is checked against bytes.count before each access.
        while index < bytes.count {
            if needed == 0 {
                while index + 8 <= bytes.count,
                    unsafe bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self) & 0x8080_8080_8080_8080 == 0
                {
                    index += 8
                }
                guard index < bytes.count else { return true }
            }
            guard unsafe step(bytes[index]) else { return false }
            index += 1
        }
        return true
    }

    @inline(__always)
    private mutating func step(_ byte: UInt8) -> Bool {
        if needed > 0 {
            guard byte >= lower, byte <= upper else { return false }
            needed -= 1
            (lower, upper) = (0x80, 0xBF)
            return true
        }
        switch byte {
        case 0x00...0x7F: return true
        case 0xC2...0xDF: needed = 1
        case 0xE0: (needed, lower) = (2, 0xA0)
        case 0xED: (needed, upper) = (2, 0x9F)
        case 0xE1...0xEF: needed = 2
        case 0xF0: (needed, lower) = (3, 0x90)
        case 0xF4: (needed, upper) = (3, 0x8F)
        case 0xF1...0xF3: needed = 3
        default: return false
        }
        return true
    }
}
