/// The secret of a keyed hash: 128 random bits, one per log, so that nobody outside can make keys collide.
public struct HashKey: Hashable, Sendable {
    /// The first eight bytes, little-endian.
    public var low: UInt64
    /// The last eight bytes, little-endian.
    public var high: UInt64

    /// The key with these halves.
    @inlinable public init(low: UInt64, high: UInt64) {
        self.low = low
        self.high = high
    }
}

/// SipHash-2-4 with 128 bits of output (Aumasson and Bernstein, 2012; the reference code's `outlen` 16), fed piece by
/// piece: how the bytes are cut into pieces does not change the result.
public struct SipHash128: Sendable {
    private var v0: UInt64
    private var v1: UInt64
    private var v2: UInt64
    private var v3: UInt64
    /// The bytes not yet compressed, little-endian; `total % 8` of them.
    private var pending: UInt64 = 0
    private var total: UInt64 = 0

    /// A hash of nothing yet.
    public init(key: HashKey) {
        v0 = 0x736f_6d65_7073_6575 ^ key.low
        v1 = 0x646f_7261_6e64_6f6d ^ key.high ^ 0xee
        v2 = 0x6c79_6765_6e65_7261 ^ key.low
        v3 = 0x7465_6462_7974_6573 ^ key.high
    }

    /// Adds one byte.
    public mutating func update(_ byte: UInt8) {
        pending |= UInt64(byte) << (8 * (total & 7))
        total &+= 1
        if total & 7 == 0 {
            compress(pending)
            pending = 0
        }
    }

    /// Adds `bytes`.
    public mutating func update(_ bytes: UnsafeRawBufferPointer) {
        // A word is the bytes that wait and the first of the next eight, whose others then wait.
        let shift = 8 * (total & 7)
        var index = 0
        while index + 8 <= bytes.count {
            // Safe: index and the seven behind it are below count, here and below.
            let word = UInt64(littleEndian: unsafe bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self))
            compress(pending | word &<< shift)
            pending = shift == 0 ? 0 : word &>> (64 &- shift)
            index += 8
        }
        let left = bytes.count - index
        if left == 0 { return total &+= UInt64(bytes.count) }
        // The last seven at most: in two loads that overlap, or one by one.
        var word: UInt64 = 0
        if left >= 4 {
            let low = unsafe bytes.loadUnaligned(fromByteOffset: index, as: UInt32.self)
            let high = unsafe bytes.loadUnaligned(fromByteOffset: bytes.count - 4, as: UInt32.self)
            word = UInt64(low.littleEndian) | UInt64(high.littleEndian) &<< UInt64(8 &* (left &- 4))
        } else {
            for place in 0..<left { word |= UInt64(unsafe bytes[index + place]) &<< UInt64(8 &* place) }
        }
        pending |= word &<< shift
        if Int(total & 7) + left >= 8 {
            compress(pending)
            pending = shift == 0 ? 0 : word &>> (64 &- shift)
        }
        total &+= UInt64(bytes.count)
    }

    /// Adds `bytes`.
    public mutating func update(_ bytes: Span<UInt8>) {
        // Safe: the pointer is used only within the closure.
        unsafe bytes.withUnsafeBytes { unsafe update($0) }
    }

    /// The hash of everything added; the state itself stays as it is.
    public func finished() -> DeduplicationKey {
        var state = self
        state.compress(pending | total << 56)
        state.v2 ^= 0xee
        for _ in 0..<4 { state.round() }
        let low = state.v0 ^ state.v1 ^ state.v2 ^ state.v3
        state.v1 ^= 0xdd
        for _ in 0..<4 { state.round() }
        return DeduplicationKey(low: low, high: state.v0 ^ state.v1 ^ state.v2 ^ state.v3)
    }

    @inline(__always)
    private mutating func compress(_ word: UInt64) {
        v3 ^= word
        round()
        round()
        v0 ^= word
    }

    @inline(__always)
    private mutating func round() {
        v0 &+= v1
        v1 = Self.rotate(v1, 13) ^ v0
        v0 = Self.rotate(v0, 32)
        v2 &+= v3
        v3 = Self.rotate(v3, 16) ^ v2
        v0 &+= v3
        v3 = Self.rotate(v3, 21) ^ v0
        v2 &+= v1
        v1 = Self.rotate(v1, 17) ^ v2
        v2 = Self.rotate(v2, 32)
    }

    @inline(__always)
    private static func rotate(_ word: UInt64, _ count: UInt64) -> UInt64 { word << count | word >> (64 - count) }
}
