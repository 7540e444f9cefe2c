/// Questions about a `Content-Type` value (RFC 9110, 8.3.1); parameters are ignored, case too.
package enum MediaType {
    /// Whether the content is JSON: `application/json`, `text/json` or anything ending in `+json` (RFC 6839).
    package static func isJSON(_ value: Span<UInt8>) -> Bool {
        let essence = essence(of: value)
        if matches(value, essence, "application/json") || matches(value, essence, "text/json") { return true }
        guard essence.count > 6, value[essence.lowerBound] != UInt8(ascii: "/") else { return false }
        return matches(value, essence.upperBound - 5..<essence.upperBound, "+json")
    }

    /// Whether the type without parameters is `text`, which is in lower case.
    package static func matches(_ value: Span<UInt8>, _ text: StaticString) -> Bool {
        matches(value, essence(of: value), text)
    }

    private static func matches(_ value: Span<UInt8>, _ range: Range<Int>, _ text: StaticString) -> Bool {
        guard range.count == text.utf8CodeUnitCount else { return false }
        for index in 0..<range.count {
            let byte = value[range.lowerBound + index]
            let isUpper = byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z")
            // Safe: index is below the text's length.
            guard unsafe (isUpper ? byte | 0x20 : byte) == text.utf8Start[index] else { return false }
        }
        return true
    }

    /// What is before the parameters, without the space around it.
    private static func essence(of value: Span<UInt8>) -> Range<Int> {
        var start = 0
        var end = 0
        while end < value.count, value[end] != UInt8(ascii: ";") { end += 1 }
        while start < end, isSpace(value[start]) { start += 1 }
        while end > start, isSpace(value[end - 1]) { end -= 1 }
        return start..<end
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }
}
