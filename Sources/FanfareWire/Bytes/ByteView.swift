import Glibc

/// Bytes borrowed from memory that someone else keeps alive and unchanged: a receive buffer, or a decoder's own.
///
/// Every access is bounds-checked. A view that a decoder gave out is valid until the decoder's next `decode` (or its end)
/// and until the receive buffer goes back to the kernel, whichever is first; copy what must live longer (`array`).
@safe package struct ByteView: Sequence {
    @usableFromInline let bytes: UnsafeRawBufferPointer

    /// The bytes at `bytes`.
    ///
    /// Unsafe: the caller promises that they stay valid for as long as the view or a slice of it is used.
    @unsafe @inlinable package init(_ bytes: UnsafeRawBufferPointer) { unsafe self.bytes = unsafe bytes }

    /// The text's UTF-8: constant memory, valid forever.
    @inlinable package init(_ text: StaticString) {
        unsafe bytes = UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
    }

    /// No bytes.
    @inlinable package static var empty: Self { Self("") }

    /// How many bytes.
    @inlinable package var count: Int { unsafe bytes.count }
    /// Whether there are none.
    @inlinable package var isEmpty: Bool { count == 0 }

    /// For interfaces that take a pointer; the view's rule about validity holds.
    @unsafe @inlinable package var unsafeBytes: UnsafeRawBufferPointer { unsafe bytes }

    /// The byte at `index`, from 0.
    @inlinable package subscript(index: Int) -> UInt8 {
        precondition(index >= 0 && index < count, "index within the view")
        return unsafe bytes[index]
    }

    /// The bytes in `range`; its indices start from 0 again.
    @inlinable package func slice(_ range: Range<Int>) -> ByteView {
        precondition(range.lowerBound >= 0 && range.upperBound <= count, "range within the view")
        return unsafe ByteView(UnsafeRawBufferPointer(rebasing: bytes[range]))
    }

    /// The bytes from `index` on.
    @inlinable package func slice(from index: Int) -> ByteView { slice(index..<count) }

    /// Takes the first `count` bytes off this view and gives them back.
    @inlinable @discardableResult package mutating func take(_ count: Int) -> ByteView {
        let taken = slice(0..<count)
        self = slice(from: count)
        return taken
    }

    /// Where `byte` occurs first, from `start` on.
    @inlinable package func firstIndex(of byte: UInt8, from start: Int = 0) -> Int? {
        guard start >= 0, start < count, let base = unsafe bytes.baseAddress else { return nil }
        // Safe: start is below count, and memchr looks at count - start bytes from there.
        guard let found = unsafe memchr(base + start, Int32(byte), count - start) else { return nil }
        return unsafe base.distance(to: UnsafeRawPointer(found))
    }

    /// Whether the bytes are exactly `text`.
    @inlinable package func equals(_ text: StaticString) -> Bool { self == ByteView(text) }

    /// Whether the bytes begin with `text`.
    @inlinable package func hasPrefix(_ text: StaticString) -> Bool {
        text.utf8CodeUnitCount <= count && slice(0..<text.utf8CodeUnitCount) == ByteView(text)
    }

    /// Whether the bytes are `text` but for the case of ASCII letters.
    package func equalsIgnoringCase(_ text: StaticString) -> Bool { equalsIgnoringCase(ByteView(text)) }

    /// Whether both are the same but for the case of ASCII letters.
    package func equalsIgnoringCase(_ other: ByteView) -> Bool {
        guard count == other.count else { return false }
        for index in 0..<count where ASCII.lowercased(self[index]) != ASCII.lowercased(other[index]) { return false }
        return true
    }

    /// Without spaces and tabs at both ends.
    package var trimmed: ByteView {
        var first = 0
        var end = count
        while first < end, ASCII.isBlank(self[first]) { first += 1 }
        while end > first, ASCII.isBlank(self[end - 1]) { end -= 1 }
        return slice(first..<end)
    }

    /// The value of one or more decimal digits and nothing else; nil when it is anything else or does not fit.
    package var decimal: Int? {
        guard !isEmpty, count <= 19 else { return nil }
        var value = 0
        for byte in self {
            guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { return nil }
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = product.addingReportingOverflow(Int(byte - UInt8(ascii: "0")))
            if overflow || carry { return nil }
            value = sum
        }
        return value
    }

    /// A copy that lives on its own.
    package var array: [UInt8] { unsafe [UInt8](bytes) }

    /// The text, with U+FFFD for what is not UTF-8. For people and rare paths: it allocates.
    package var string: String { unsafe String(decoding: bytes, as: UTF8.self) }

    /// Lends the bytes as a span.
    @inlinable package func withRawSpan<Result, Failure: Error>(
        _ body: (RawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        // Safe: the view's memory outlives the call, as the view's own rule says.
        try body(unsafe RawSpan(_unsafeBytes: bytes))
    }

    /// Walks the bytes.
    @safe package struct Iterator: IteratorProtocol {
        @usableFromInline let bytes: UnsafeRawBufferPointer
        @usableFromInline var index = 0

        @inlinable init(_ bytes: UnsafeRawBufferPointer) { unsafe self.bytes = unsafe bytes }

        /// The next byte.
        @inlinable package mutating func next() -> UInt8? {
            guard unsafe index < bytes.count else { return nil }
            defer { index += 1 }
            return unsafe bytes[index]
        }
    }

    /// Walks the bytes from the first.
    @inlinable package func makeIterator() -> Iterator { unsafe Iterator(bytes) }
}

extension ByteView: Equatable {
    /// Whether both hold the same bytes.
    @inlinable package static func == (left: Self, right: Self) -> Bool {
        guard left.count == right.count else { return false }
        guard let first = unsafe left.bytes.baseAddress, let second = unsafe right.bytes.baseAddress
        else { return true }
        // Safe: both hold left.count bytes.
        return unsafe memcmp(first, second, left.count) == 0
    }
}

extension [UInt8] {
    /// Lends the array's bytes as a view that must not outlive `body`.
    package func withByteView<Result, Failure: Error>(
        _ body: (ByteView) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        // Safe: the pointer is valid within the closure.
        unsafe try span.withUnsafeBytes { bytes throws(Failure) in unsafe try body(ByteView(bytes)) }
    }

    /// Appends the view's bytes.
    package mutating func append(_ view: ByteView) { unsafe append(contentsOf: view.unsafeBytes) }

    /// Appends the text's UTF-8.
    package mutating func append(_ text: StaticString) { append(ByteView(text)) }

    /// Appends `value` in decimal.
    package mutating func append(decimal value: Int) {
        if value < 0 { append(UInt8(ascii: "-")) }
        var rest = value.magnitude
        let start = count
        repeat {
            append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10))
            rest /= 10
        } while rest > 0
        if count - start > 1 { self[start...].reverse() }
    }
}
