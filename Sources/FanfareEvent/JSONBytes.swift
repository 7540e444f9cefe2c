import CFanfareJSON
import FanfareBase

/// The place of the next quote, backslash or control character of `bytes[start..<end]`; `end` when there is none.
@inline(__always)
func plainTextEnd(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Int {
    invariant(start >= 0 && start <= end && end <= bytes.count, "text is looked for within the bytes")
    // Safe: C reads only what was just checked to be there.
    return unsafe bytes.withUnsafeBufferPointer { bytes in
        guard let first = bytes.baseAddress else { return end }
        return unsafe fanfare_plain_text_end(first, start, end)
    }
}

/// Whether `bytes[range]`, known to hold no control characters below U+0020, are printable ASCII.
@inline(__always)
func isPrintable(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Bool {
    invariant(range.lowerBound >= 0 && range.upperBound <= bytes.count, "text is judged within the bytes")
    // Safe: C reads only what was just checked to be there.
    return unsafe bytes.withUnsafeBufferPointer { bytes in
        guard let first = bytes.baseAddress else { return true }
        return unsafe fanfare_is_printable(first, range.lowerBound, range.upperBound)
    }
}

/// The place of the first byte from `start` on that no token of a topic may have; the end when there is none.
@inline(__always)
func tokenEnd(_ bytes: Span<UInt8>, _ start: Int) -> Int {
    invariant(start >= 0 && start <= bytes.count, "a token is looked for within the bytes")
    // Safe: C reads only what was just checked to be there.
    return unsafe bytes.withUnsafeBufferPointer { bytes in
        guard let first = bytes.baseAddress else { return start }
        return unsafe fanfare_token_end(first, start, bytes.count)
    }
}

/// Whether `bytes` spell `text`.
@inline(__always)
func equals(_ bytes: Span<UInt8>, _ text: StaticString) -> Bool {
    guard bytes.count == text.utf8CodeUnitCount else { return false }
    // Safe: both hold as many bytes. The text's count is a constant, so that is a comparison or two.
    return unsafe bytes.withUnsafeBufferPointer { bytes in
        guard let first = bytes.baseAddress else { return true }
        return unsafe fanfare_are_equal(first, text.utf8Start, text.utf8CodeUnitCount)
    }
}

/// Whether both are the same bytes.
@inline(__always)
func equals(_ left: Span<UInt8>, _ right: Span<UInt8>) -> Bool {
    guard left.count == right.count else { return false }
    // Safe: both hold as many bytes.
    return unsafe left.withUnsafeBufferPointer { left in
        unsafe right.withUnsafeBufferPointer { right in
            guard let first = left.baseAddress, let other = right.baseAddress else { return true }
            return unsafe fanfare_are_equal(first, other, left.count)
        }
    }
}
