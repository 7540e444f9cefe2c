/// A connection's bytes in waiting: appended behind, removed in front, at most `limit` of them.
///
/// Grows by doubling and moves when it does, so nothing in flight may point here. An empty one holds no heap memory (24
/// bytes in place), which is what 100,000 idle connections need. `removeFirst` is O(1); an append moves what is left to the
/// front only when at least as much was removed since, or when the limit leaves no other room.
///
/// Invariant: `head` ≤ `tail` ≤ the memory's size ≤ `limit`, and there is no memory when `head` = `tail` after a removal.
@safe public struct GrowingBytes: ~Copyable {
    /// The first allocation: one small frame or request.
    @inlinable public static var firstCapacityBytes: Int { 512 }

    @usableFromInline var start: UnsafeMutableRawPointer?
    @usableFromInline var head: Int32 = 0
    @usableFromInline var tail: Int32 = 0
    @usableFromInline var size: Int32 = 0
    @usableFromInline let limitBytes: Int32

    /// Holds nothing yet, and never more than `limit` bytes.
    ///
    /// - Precondition: `limit` is positive and below 2 GiB.
    @inlinable public init(limit: Int) {
        invariant(limit > 0 && limit <= Int(Int32.max), "a connection's bytes are counted by 31 bits")
        limitBytes = Int32(limit)
    }

    deinit { unsafe start?.deallocate() }

    /// Bytes waiting.
    @inlinable public var count: Int { Int(tail - head) }
    /// Nothing waits, and no memory is held.
    @inlinable public var isEmpty: Bool { head == tail }
    /// The most bytes that may wait.
    @inlinable public var limit: Int { Int(limitBytes) }
    /// Bytes of heap memory held.
    @inlinable public var capacity: Int { Int(size) }

    /// The bytes waiting, valid until the next change.
    @inlinable public var bytes: UnsafeRawBufferPointer {
        // Safe: head ≤ tail ≤ size.
        guard let start = unsafe start else { return unsafe UnsafeRawBufferPointer(start: nil, count: 0) }
        return unsafe UnsafeRawBufferPointer(start: start + Int(head), count: count)
    }

    /// Calls `body` with the bytes waiting.
    @inlinable public func withBytes<Result, Failure: Error>(
        _ body: (RawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try body(unsafe bytes.bytes)
    }

    /// Puts `bytes` behind the others; false, and nothing changes, when that would pass the limit.
    @inlinable public mutating func append(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard let source = bytes.baseAddress, bytes.count > 0 else { return true }
        guard let target = unsafe reserve(bytes.count) else { return false }
        unsafe target.copyMemory(from: source, byteCount: bytes.count)
        commit(bytes.count)
        return true
    }

    /// Puts `bytes` behind the others, like its unsafe sibling.
    @inlinable public mutating func append(_ bytes: RawSpan) -> Bool {
        unsafe bytes.withUnsafeBytes { bytes in unsafe append(bytes) }
    }

    /// Room for `bytes` more, to be filled and then kept by `commit`; nil when that would pass the limit.
    @inlinable public mutating func reserve(_ bytes: Int) -> UnsafeMutableRawPointer? {
        guard bytes >= 0, bytes <= limit - count else { return nil }
        if unsafe start == nil || bytes > Int(size - tail) { makeRoom(bytes) }
        // Safe: makeRoom left at least `bytes` behind tail.
        return unsafe start! + Int(tail)
    }

    /// Keeps the first `bytes` bytes of what `reserve` gave.
    @inlinable public mutating func commit(_ bytes: Int) {
        invariant(bytes >= 0 && bytes <= Int(size - tail), "what is committed was reserved")
        tail += Int32(truncatingIfNeeded: bytes)
    }

    /// Takes `bytes` bytes off the front; the last one frees the memory.
    @inlinable public mutating func removeFirst(_ bytes: Int) {
        invariant(bytes >= 0 && bytes <= count, "what is removed was there")
        head += Int32(truncatingIfNeeded: bytes)
        if head == tail { removeAll() }
    }

    /// Forgets everything and frees the memory.
    @inlinable public mutating func removeAll() {
        unsafe start?.deallocate()
        unsafe start = nil
        head = 0
        tail = 0
        size = 0
    }

    @usableFromInline mutating func makeRoom(_ bytes: Int) {
        let count = self.count
        let needed = count + bytes
        if unsafe start != nil, needed <= Int(size), Int(head) >= count || Int(size) == limit {
            // Safe: both ranges lie in the allocation; copyMemory allows overlap.
            unsafe start!.copyMemory(from: start! + Int(head), byteCount: count)
        } else {
            let newSize = min(limit, max(needed, Int(size) * 2, Self.firstCapacityBytes))
            let larger = UnsafeMutableRawPointer.allocate(byteCount: newSize, alignment: 16)
            if let start = unsafe start {
                unsafe larger.copyMemory(from: start + Int(head), byteCount: count)
                unsafe start.deallocate()
            }
            unsafe start = larger
            size = Int32(newSize)
        }
        head = 0
        tail = Int32(count)
    }
}
