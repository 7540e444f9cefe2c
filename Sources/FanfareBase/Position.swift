/// An event's number in the log, from 1, never given twice. Zero means "before the first event".
public struct SequenceNumber: Comparable, Hashable, Sendable {
    /// The number itself.
    public var rawValue: UInt64

    /// The number `rawValue`.
    @inlinable public init(_ rawValue: UInt64) { self.rawValue = rawValue }

    /// Before the first event of any log.
    @inlinable public static var zero: Self { Self(0) }

    /// The number after this one.
    @inlinable public var next: Self { Self(rawValue &+ 1) }

    @inlinable public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}

/// A log's identity: its creation time in seconds, so a newer log sorts later. Shown as 8 lowercase hex digits.
public struct LogID: Hashable, Sendable {
    /// Seconds since the Unix epoch at creation.
    public var rawValue: UInt32

    /// The log made `rawValue` seconds after the Unix epoch.
    @inlinable public init(_ rawValue: UInt32) { self.rawValue = rawValue }
}

/// A place in a log as users see it: `LOGID-NNNNNNNNNNNNNNNN` (CONTRACT, section 3).
public struct Position: Hashable, Sendable, CustomStringConvertible {
    /// 8 hex digits, a hyphen and 16 decimal digits.
    public static let textBytes = 25

    /// The log it belongs to.
    public var log: LogID
    /// The place in that log.
    public var sequence: SequenceNumber

    /// The place `sequence` in `log`.
    @inlinable public init(log: LogID, sequence: SequenceNumber) {
        self.log = log
        self.sequence = sequence
    }

    /// Parses exactly `textBytes` characters; nil when `text` is anything else.
    public init?(_ text: some StringProtocol) {
        let bytes = Array(text.utf8)
        guard bytes.count == Self.textBytes, bytes[8] == UInt8(ascii: "-") else { return nil }
        var log: UInt32 = 0
        for byte in bytes[..<8] {
            guard let digit = Self.hexDigit(byte) else { return nil }
            log = log << 4 | UInt32(digit)
        }
        var sequence: UInt64 = 0
        for byte in bytes[9...] {
            guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { return nil }
            sequence = sequence * 10 + UInt64(byte - UInt8(ascii: "0"))
        }
        self.init(log: LogID(log), sequence: SequenceNumber(sequence))
    }

    /// Writes the `textBytes` characters at `target`.
    ///
    /// - Precondition: `target` holds at least `textBytes` bytes.
    public func write(to target: UnsafeMutableRawBufferPointer) {
        invariant(target.count >= Self.textBytes, "a position's text fits its target")
        for index in 0..<8 {
            let digit = UInt8(truncatingIfNeeded: log.rawValue >> UInt32(28 - 4 * index)) & 0xF
            // Safe: index is below textBytes, checked above.
            unsafe target[index] = digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10
        }
        unsafe target[8] = UInt8(ascii: "-")
        var rest = sequence.rawValue
        for index in stride(from: Self.textBytes - 1, through: 9, by: -1) {
            unsafe target[index] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        }
    }

    public var description: String {
        // Safe: the closure initialises exactly the textBytes it reports.
        unsafe String(unsafeUninitializedCapacity: Self.textBytes) { target in
            unsafe write(to: UnsafeMutableRawBufferPointer(target))
            return Self.textBytes
        }
    }

    private static func hexDigit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        default: nil
        }
    }
}
