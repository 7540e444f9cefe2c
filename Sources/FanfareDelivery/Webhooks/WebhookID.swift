import FanfareBase

/// `webhook-id`: opaque, the same on every attempt and redelivery of an event, different in another log.
///
/// `msg_` and 26 characters of base32: SipHash-2-4-128 of the position's text under the log's key, so that nobody can tell
/// the position from it or make two that are equal. It holds no `.`, which would blur what is signed.
package struct WebhookID: Hashable, Sendable {
    /// Characters of an identifier.
    package static let textBytes = 30

    private let low: UInt64
    private let high: UInt64

    /// The identifier of the event at `position`.
    package init(_ position: Position, key: HashKey) {
        var hash = SipHash128(key: key)
        // Safe: the text is written before it is read.
        unsafe withUnsafeTemporaryAllocation(byteCount: Position.textBytes, alignment: 1) { text in
            unsafe position.write(to: text)
            unsafe hash.update(UnsafeRawBufferPointer(text))
        }
        let result = hash.finished()
        low = result.low
        high = result.high
    }

    /// The identifier of something that is at no position: 128 random bits.
    package init(low: UInt64, high: UInt64) {
        self.low = low
        self.high = high
    }

    /// Appends the text.
    package func append(to target: inout [UInt8]) {
        target.append("msg_")
        var rest = (high: high, low: low)
        for _ in 0..<Self.textBytes - 4 {
            let digit = UInt8(truncatingIfNeeded: rest.low & 0x1F)
            target.append(digit < 26 ? UInt8(ascii: "a") + digit : UInt8(ascii: "2") + digit - 26)
            rest.low = rest.low >> 5 | rest.high << 59
            rest.high >>= 5
        }
    }
}

extension [UInt8] {
    /// Appends a text known when this was written.
    mutating func append(_ text: StaticString) {
        // Safe: a StaticString's start is valid for its utf8CodeUnitCount.
        unsafe append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// Appends the decimal digits of `number`.
    mutating func append(decimal number: UInt64) {
        var divisor: UInt64 = 1
        while number / divisor >= 10 { divisor *= 10 }
        while divisor > 0 {
            append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: number / divisor % 10))
            divisor /= 10
        }
    }
}
