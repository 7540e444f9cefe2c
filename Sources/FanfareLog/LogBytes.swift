import FanfareBase

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Borrowed bytes with checked little-endian loads: what every decoder of this module reads from.
///
/// The holder of the memory keeps it alive and unchanged. A load outside the bytes breaks an invariant, so decoders check
/// lengths first.
@safe package struct LogBytes {
    /// The bytes themselves.
    package let base: UnsafeRawBufferPointer

    /// Borrows `base`.
    @inlinable package init(_ base: UnsafeRawBufferPointer) { unsafe self.base = unsafe base }

    /// How many bytes there are.
    @inlinable package var count: Int { unsafe base.count }

    func load<T: BitwiseCopyable & FixedWidthInteger>(_ offset: Int, _: T.Type) -> T {
        invariant(offset >= 0 && offset <= count - MemoryLayout<T>.size, "a load stays inside its bytes")
        return unsafe T(littleEndian: base.loadUnaligned(fromByteOffset: offset, as: T.self))
    }

    func u8(_ offset: Int) -> UInt8 { load(offset, UInt8.self) }
    func u16(_ offset: Int) -> UInt16 { load(offset, UInt16.self) }
    func u32(_ offset: Int) -> UInt32 { load(offset, UInt32.self) }
    func u64(_ offset: Int) -> UInt64 { load(offset, UInt64.self) }

    func slice(_ range: Range<Int>) -> LogBytes {
        invariant(range.lowerBound >= 0 && range.upperBound <= count, "a slice stays inside its bytes")
        return unsafe LogBytes(UnsafeRawBufferPointer(rebasing: base[range]))
    }

    func checksum(_ range: Range<Int>, seed: UInt32) -> UInt32 {
        unsafe crc32c(slice(range).base, seed: seed)
    }

    func isEqual(to other: LogBytes) -> Bool {
        guard count == other.count else { return false }
        guard let first = unsafe base.baseAddress, let second = unsafe other.base.baseAddress else { return true }
        // Safe: both hold count bytes.
        return unsafe memcmp(first, second, count) == 0
    }

    var array: [UInt8] { unsafe [UInt8](base) }

    var isZero: Bool {
        // Whole words first: this also looks at megabytes of a segment that was never written to.
        let words = count / 8
        for index in 0..<words where u64(index * 8) != 0 { return false }
        for index in words * 8..<count where u8(index) != 0 { return false }
        return true
    }
}

/// Bytes that this object owns, aligned to a block; freed, or given back to their pool, when the last holder lets go, on
/// whatever thread that is.
///
/// Whoever made it may change it until it is shared; from then on nobody does.
@safe package final class LogMemory: @unchecked Sendable {
    /// Where the bytes begin.
    package let pointer: UnsafeMutableRawPointer
    /// How many bytes there are.
    package let capacity: Int
    private let pool: LogMemoryPool?

    /// Memory for at least `capacity` bytes, rounded up to whole blocks; not initialised.
    package convenience init(capacity: Int) { self.init(capacity: capacity, pool: nil) }

    /// The same, from `pool` when it has some, and given back to it.
    init(capacity: Int, pool: LogMemoryPool?) {
        self.pool = pool
        let wanted = roundedToBlocks(max(1, capacity))
        if let spare = unsafe pool?.take(wanted) {
            unsafe (pointer, self.capacity) = unsafe spare
        } else {
            unsafe pointer = UnsafeMutableRawPointer.allocate(byteCount: wanted, alignment: LogLimits.blockBytes)
            self.capacity = wanted
        }
    }

    deinit { if let pool { unsafe pool.give(pointer, capacity) } else { unsafe pointer.deallocate() } }

    func bytes(_ range: Range<Int>) -> LogBytes {
        invariant(range.lowerBound >= 0 && range.upperBound <= capacity, "a view stays inside its memory")
        return unsafe LogBytes(UnsafeRawBufferPointer(start: pointer + range.lowerBound, count: range.count))
    }

    func target(_ range: Range<Int>) -> UnsafeMutableRawBufferPointer {
        invariant(range.lowerBound >= 0 && range.upperBound <= capacity, "a target stays inside its memory")
        return unsafe UnsafeMutableRawBufferPointer(start: pointer + range.lowerBound, count: range.count)
    }

    func store<T: BitwiseCopyable & FixedWidthInteger>(_ value: T, at offset: Int) {
        invariant(offset >= 0 && offset <= capacity - MemoryLayout<T>.size, "a store stays inside its memory")
        unsafe pointer.storeBytes(of: value.littleEndian, toByteOffset: offset, as: T.self)
    }

    func copy(_ source: LogBytes, at offset: Int) {
        invariant(offset >= 0 && offset <= capacity - source.count, "a copy stays inside its memory")
        // Safe: both ranges were checked, and the source is never part of the memory being filled.
        if let start = unsafe source.base.baseAddress {
            unsafe (pointer + offset).copyMemory(from: start, byteCount: source.count)
        }
    }

    func zero(_ range: Range<Int>) {
        invariant(range.lowerBound >= 0 && range.upperBound <= capacity, "a fill stays inside its memory")
        unsafe _ = (pointer + range.lowerBound).initializeMemory(as: UInt8.self, repeating: 0, count: range.count)
    }
}

/// `bytes` rounded up to whole blocks.
func roundedToBlocks(_ bytes: Int) -> Int {
    (bytes + LogLimits.blockBytes - 1) / LogLimits.blockBytes * LogLimits.blockBytes
}
