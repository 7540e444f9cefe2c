/// Classes of ASCII bytes, as RFC 9110 and RFC 3986 name them.
package enum ASCII {
    /// Carriage return.
    package static let carriageReturn: UInt8 = 0x0D
    /// Line feed.
    package static let lineFeed: UInt8 = 0x0A

    /// `byte` with `A` to `Z` made small.
    @inlinable package static func lowercased(_ byte: UInt8) -> UInt8 {
        byte &- UInt8(ascii: "A") < 26 ? byte | 0x20 : byte
    }

    /// Space or tab.
    @inlinable package static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

    /// `0` to `9`.
    @inlinable package static func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") < 10 }

    /// The value of a hex digit of either case.
    @inlinable package static func hexValue(_ byte: UInt8) -> UInt8? {
        if isDigit(byte) { return byte &- UInt8(ascii: "0") }
        let letter = (byte | 0x20) &- UInt8(ascii: "a")
        return letter < 6 ? letter + 10 : nil
    }

    /// A character of a token (RFC 9110, section 5.6.2): what methods and header names are made of.
    @inlinable package static func isToken(_ byte: UInt8) -> Bool {
        // One bit per character: ! # $ % & ' * + - . 0-9 in the first word, A-Z ^ _ ` a-z | ~ in the second.
        let word: UInt64 = byte < 64 ? 0x03FF_6CFA_0000_0000 : byte < 128 ? 0x57FF_FFFF_C7FF_FFFE : 0
        return word >> UInt64(byte & 63) & 1 != 0
    }

    /// What may stand in a header's value: tab, printable ASCII and bytes from 0x80 on (RFC 9110, section 5.5).
    @inlinable package static func isFieldValue(_ byte: UInt8) -> Bool {
        byte >= 0x20 ? byte != 0x7F : byte == 0x09
    }

    /// Unreserved characters of RFC 3986: never percent-encoded.
    @inlinable package static func isUnreserved(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"): true
        default: isDigit(byte) || (byte | 0x20) &- UInt8(ascii: "a") < 26
        }
    }
}
