/// A comma-separated header value, element by element: blanks around elements and empty elements are skipped
/// (RFC 9110, section 5.6.1). Commas within quoted strings do not separate.
package struct CommaList: Sequence {
    private let value: ByteView

    /// The elements of `value`.
    package init(_ value: ByteView) { self.value = value }

    /// Whether an element is `token`, whatever its case.
    package func contains(_ token: StaticString) -> Bool {
        for element in self where element.equalsIgnoringCase(token) { return true }
        return false
    }

    /// Walks the elements.
    package struct Iterator: IteratorProtocol {
        private var rest: ByteView

        fileprivate init(_ value: ByteView) { rest = value }

        /// The next element that is not empty, without blanks around it.
        package mutating func next() -> ByteView? {
            while !rest.isEmpty {
                let end = DelimitedText.firstUnquoted(UInt8(ascii: ","), in: rest) ?? rest.count
                let element = rest.slice(0..<end).trimmed
                rest = rest.slice(from: Swift.min(end + 1, rest.count))
                if !element.isEmpty { return element }
            }
            return nil
        }
    }

    /// Walks the elements from the first.
    package func makeIterator() -> Iterator { Iterator(value) }
}

/// Finding delimiters in header values that may hold quoted strings (RFC 9110, section 5.6.4).
enum DelimitedText {
    /// Where `delimiter` first occurs outside quoted strings.
    static func firstUnquoted(_ delimiter: UInt8, in text: ByteView) -> Int? {
        var quoted = false
        var index = 0
        while index < text.count {
            let byte = text[index]
            if quoted, byte == UInt8(ascii: "\\") {
                index += 2
                continue
            }
            if byte == UInt8(ascii: "\"") { quoted.toggle() }
            if !quoted, byte == delimiter { return index }
            index += 1
        }
        return nil
    }
}
