/// Memory with a fixed address that is filled from front to back and emptied at once: what a turn's sends point at.
///
/// Never grows and never moves: at its capacity an append takes nothing and says so. One thread. Freed with the object, so
/// the owner keeps it while an operation points into it.
///
/// Invariant: 0 ≤ `count` ≤ `capacity`.
@safe public final class ByteRegion {
    /// Where it begins, aligned to `alignment`.
    public let start: UnsafeMutableRawPointer
    /// Bytes it can hold.
    public let capacity: Int
    /// Unchecked: single instructions of the one thread that owns the region; no access spans another.
    @exclusivity(unchecked) @usableFromInline var used = 0

    /// An empty region of `capacity` bytes whose start is a multiple of `alignment`.
    public init(capacity: Int, alignment: Int = 64) {
        invariant(capacity > 0, "a region holds something")
        self.capacity = capacity
        // Safe: freed in deinit; every access below stays within capacity.
        unsafe start = .allocate(byteCount: capacity, alignment: alignment)
    }

    deinit { unsafe start.deallocate() }

    /// Bytes in use.
    @inlinable public var count: Int { unsafe used }
    /// Bytes still free.
    @inlinable public var unusedCapacity: Int { capacity - count }

    /// What is in use, valid until `reset`.
    @inlinable public var bytes: UnsafeRawBufferPointer { unsafe UnsafeRawBufferPointer(start: start, count: count) }

    /// Copies `bytes` behind what is there; returns where they are now, or nil, and nothing changes, when they don't fit.
    @inlinable public func append(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawPointer? {
        guard bytes.count <= unusedCapacity else { return nil }
        let target = unsafe start + count
        if let source = bytes.baseAddress { unsafe target.copyMemory(from: source, byteCount: bytes.count) }
        unsafe used += bytes.count
        return UnsafeRawPointer(target)
    }

    /// Copies `bytes` behind what is there, like its unsafe sibling.
    @inlinable public func append(_ bytes: RawSpan) -> UnsafeRawPointer? {
        unsafe bytes.withUnsafeBytes { bytes in unsafe append(bytes) }
    }

    /// The free rest, to be written from its front and then kept by `commit`.
    @inlinable public var unused: UnsafeMutableRawBufferPointer {
        unsafe UnsafeMutableRawBufferPointer(start: start + count, count: unusedCapacity)
    }

    /// Keeps the first `bytes` bytes of `unused`.
    @inlinable public func commit(_ bytes: Int) {
        invariant(bytes >= 0 && bytes <= unusedCapacity, "what is committed was reserved")
        unsafe used += bytes
    }

    /// Forgets everything from `count` on: takes back what was appended since it had this value.
    @inlinable public func truncate(to count: Int) {
        invariant(count >= 0 && count <= self.count, "a region is cut, not extended")
        unsafe used = count
    }

    /// Forgets everything; nothing in flight may point here.
    @inlinable public func reset() { unsafe used = 0 }
}
