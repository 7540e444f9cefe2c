/// The text of JSON strings: what is between the quotes, unescaped.
enum JSONUnescape {
    /// Appends the text of `source[range]`, the valid inside of a string; half a surrogate pair becomes U+FFFD.
    static func append(_ source: Span<UInt8>, _ range: Range<Int>, to target: inout [UInt8]) {
        var offset = range.lowerBound
        while offset < range.upperBound {
            let end = plainTextEnd(source, offset, range.upperBound)
            // Safe: the pointer is used only within the closure. Plain text goes in one piece: this is on the data path.
            unsafe source.extracting(offset..<end).withUnsafeBufferPointer { unsafe target.append(contentsOf: $0) }
            offset = end
            if offset == range.upperBound { return }
            if let letter = simple(source[offset + 1]) {
                target.append(letter)
                offset += 2
            } else {
                let scalar = unicode(source, &offset, end: range.upperBound) ?? "\u{FFFD}"
                for unit in UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter { target.append(unit) }
            }
        }
    }

    /// The character of a `\u` escape at `offset`, which moves to after it (and after its other half); nil for half a pair.
    static func unicode(_ source: Span<UInt8>, _ offset: inout Int, end: Int) -> Unicode.Scalar? {
        let first = codeUnit(source, offset + 2)
        offset += 6
        if let scalar = Unicode.Scalar(first) { return scalar }
        guard UTF16.isLeadSurrogate(first), offset + 6 <= end,
            source[offset] == UInt8(ascii: "\\"), source[offset + 1] == UInt8(ascii: "u")
        else { return nil }
        let second = codeUnit(source, offset + 2)
        guard UTF16.isTrailSurrogate(second) else { return nil }
        offset += 6
        return Unicode.Scalar(0x10000 + (UInt32(first) & 0x3FF) << 10 + UInt32(second) & 0x3FF)
    }

    /// What a one-letter escape stands for; nil for `u`.
    static func simple(_ letter: UInt8) -> UInt8? {
        switch letter {
        case UInt8(ascii: "b"): 0x08
        case UInt8(ascii: "f"): 0x0C
        case UInt8(ascii: "n"): 0x0A
        case UInt8(ascii: "r"): 0x0D
        case UInt8(ascii: "t"): 0x09
        case UInt8(ascii: "u"): nil
        default: letter
        }
    }

    private static func codeUnit(_ source: Span<UInt8>, _ start: Int) -> UInt16 {
        var unit: UInt16 = 0
        for index in start..<start + 4 { unit = unit << 4 | UInt16(hexDigit(source[index]) ?? 0) }
        return unit
    }
}
