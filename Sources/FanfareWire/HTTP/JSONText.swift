/// Writing of JSON strings (RFC 8259, section 7).
package enum JSONText {
    private static let hexDigits: StaticString = "0123456789abcdef"

    /// Appends what stands between a string's quotes for `text`: quotes, backslashes and control characters escaped; what
    /// is not UTF-8 becomes U+FFFD.
    package static func appendEscaped(_ text: ByteView, to output: inout [UInt8]) {
        var utf8 = UTF8Validator()
        guard utf8.validate(text), utf8.isComplete else { return appendEscaped(text.string, to: &output) }
        output.reserveCapacity(output.count + text.count)
        for byte in text { appendEscaped(byte, to: &output) }
    }

    /// Appends what stands between a string's quotes for `text`.
    package static func appendEscaped(_ text: String, to output: inout [UInt8]) {
        for byte in text.utf8 { appendEscaped(byte, to: &output) }
    }

    /// Appends `text` as a JSON string, quotes included.
    package static func appendString(_ text: String, to output: inout [UInt8]) {
        output.append(UInt8(ascii: "\""))
        appendEscaped(text, to: &output)
        output.append(UInt8(ascii: "\""))
    }

    /// Appends `text` as a JSON string, quotes included.
    package static func appendString(_ text: ByteView, to output: inout [UInt8]) {
        output.append(UInt8(ascii: "\""))
        appendEscaped(text, to: &output)
        output.append(UInt8(ascii: "\""))
    }

    @inline(__always)
    private static func appendEscaped(_ byte: UInt8, to output: inout [UInt8]) {
        switch byte {
        case UInt8(ascii: "\""): output.append("\\\"")
        case UInt8(ascii: "\\"): output.append("\\\\")
        case 0x0A: output.append("\\n")
        case 0x0D: output.append("\\r")
        case 0x09: output.append("\\t")
        case 0..<0x20:
            output.append("\\u00")
            // Safe: both digits are below 16.
            unsafe output.append(hexDigits.utf8Start[Int(byte >> 4)])
            unsafe output.append(hexDigits.utf8Start[Int(byte & 15)])
        default: output.append(byte)
        }
    }
}
