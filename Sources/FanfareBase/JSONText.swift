extension [UInt8] {
    /// Appends `text` as a JSON string with its quotes. Escapes what RFC 8259 requires, so the result has no line breaks.
    public mutating func appendJSONString(_ text: some StringProtocol) {
        append(UInt8(ascii: "\""))
        for byte in text.utf8 { appendJSONEscaped(byte) }
        append(UInt8(ascii: "\""))
    }

    /// Appends one byte of UTF-8 as it stands inside a JSON string.
    public mutating func appendJSONEscaped(_ byte: UInt8) {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"):
            append(UInt8(ascii: "\\"))
            append(byte)
        case 0..<0x20:
            append(contentsOf: [UInt8(ascii: "\\"), UInt8(ascii: "u"), UInt8(ascii: "0"), UInt8(ascii: "0")])
            append(UInt8(ascii: "0") + byte >> 4)
            append(byte & 0xF < 10 ? UInt8(ascii: "0") + byte & 0xF : UInt8(ascii: "a") + byte & 0xF - 10)
        default: append(byte)
        }
    }
}
