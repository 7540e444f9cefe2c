/// Turns the text of a JSON string, validated when it was accepted, into the UTF-8 it stands for (RFC 8259, section 7).
enum JSONStringBytes {
    /// Appends the unescaped bytes of `text`, which has no quotes around it. A lone surrogate, which is not accepted on the
    /// way in, becomes U+FFFD.
    static func append(_ text: UnsafeRawBufferPointer, to target: inout [UInt8]) {
        var index = 0
        while index < text.count {
            // Safe: index is below count.
            let byte = unsafe text[index]
            index += 1
            if byte == UInt8(ascii: "\\"), index < text.count {
                unsafe appendEscape(text, &index, to: &target)
            } else {
                target.append(byte)
            }
        }
    }

    private static func appendEscape(_ text: UnsafeRawBufferPointer, _ index: inout Int, to target: inout [UInt8]) {
        let kind = unsafe text[index]
        index += 1
        switch kind {
        case UInt8(ascii: "b"): target.append(0x08)
        case UInt8(ascii: "f"): target.append(0x0C)
        case UInt8(ascii: "n"): target.append(0x0A)
        case UInt8(ascii: "r"): target.append(0x0D)
        case UInt8(ascii: "t"): target.append(0x09)
        case UInt8(ascii: "u"): appendScalar(unsafe scalar(text, &index), to: &target)
        default: target.append(kind)
        }
    }

    /// The scalar of the four digits at `index`, with the low surrogate that follows a high one.
    private static func scalar(_ text: UnsafeRawBufferPointer, _ index: inout Int) -> UInt32 {
        let first = unsafe unit(text, index) ?? 0xFFFD
        index = min(index + 4, text.count)
        guard 0xD800...0xDBFF ~= first, index + 6 <= text.count else { return first }
        guard unsafe text[index] == UInt8(ascii: "\\"), unsafe text[index + 1] == UInt8(ascii: "u"),
            let second = unsafe unit(text, index + 2), 0xDC00...0xDFFF ~= second
        else { return first }
        index += 6
        return 0x10000 + (first - 0xD800) << 10 + (second - 0xDC00)
    }

    private static func unit(_ text: UnsafeRawBufferPointer, _ index: Int) -> UInt32? {
        guard index + 4 <= text.count else { return nil }
        var unit: UInt32 = 0
        for offset in 0..<4 {
            guard let digit = unsafe Character(UnicodeScalar(text[index + offset])).hexDigitValue else { return nil }
            unit = unit << 4 | UInt32(digit)
        }
        return unit
    }

    private static func appendScalar(_ value: UInt32, to target: inout [UInt8]) {
        let scalar = UnicodeScalar(value) ?? "\u{FFFD}"
        target.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
    }
}
