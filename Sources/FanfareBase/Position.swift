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

    /// The place before it, from which one resumes with it; it is not the first.
    public var before: Position { Position(log: log, sequence: SequenceNumber(sequence.rawValue - 1)) }

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
        // Safe: 0..<25 was checked above.
        unsafe target.storeBytes(of: Self.hexDigits(log.rawValue).littleEndian, as: UInt64.self)
        unsafe target[8] = UInt8(ascii: "-")
        let (high, low) = (sequence.rawValue % 10_000_000_000_000_000).quotientAndRemainder(dividingBy: 100_000_000)
        unsafe target.storeBytes(
            of: Self.decimalDigits(UInt32(high)).littleEndian, toByteOffset: 9, as: UInt64.self)
        unsafe target.storeBytes(
            of: Self.decimalDigits(UInt32(low)).littleEndian, toByteOffset: 17, as: UInt64.self)
    }

    /// The eight hex digits of `value`, the first one lowest: nibbles are spread to bytes, all eight at once.
    private static func hexDigits(_ value: UInt32) -> UInt64 {
        var digits = UInt64(value.byteSwapped)
        digits = (digits | digits << 16) & 0x0000_FFFF_0000_FFFF
        digits = (digits | digits << 8) & 0x00FF_00FF_00FF_00FF
        digits = (digits >> 4 | digits << 8) & 0x0F0F_0F0F_0F0F_0F0F
        let letters = (digits &+ 0x0606_0606_0606_0606) >> 4 & 0x0101_0101_0101_0101
        return digits | 0x3030_3030_3030_3030 &+ letters &* 39
    }

    /// The eight decimal digits of `value`, below 100,000,000, the first one lowest: four, two, then one digit a lane, by
    /// multiplication with the reciprocal.
    private static func decimalDigits(_ value: UInt32) -> UInt64 {
        let fours = UInt64(value / 10_000) | UInt64(value % 10_000) << 32
        let hundreds = (fours &* 10_486) >> 20 & 0x0000_007F_0000_007F
        let twos = hundreds | (fours &- hundreds &* 100) << 16
        let tens = (twos &* 103) >> 10 & 0x000F_000F_000F_000F
        return (tens | (twos &- tens &* 10) << 8) | 0x3030_3030_3030_3030
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
