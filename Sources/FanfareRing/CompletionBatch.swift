import FanfareBase

/// What became of operations, in the order the kernel said so: filled by `Ring.enter`, walked by the shard by index.
///
/// Grows by doubling and keeps its memory. At most one turn's completions: the ring's completion entries and what the
/// driver answers itself.
@safe public struct CompletionBatch: ~Copyable {
    @usableFromInline var storage: UnsafeMutablePointer<Completion>
    @usableFromInline var capacity: Int
    @usableFromInline var used = 0
    /// Completions held.
    @inlinable public var count: Int { used }

    /// An empty batch.
    public init(capacity: Int = RingLimits.queueCapacityAtStart) {
        invariant(capacity > 0, "a batch has room for a completion")
        self.capacity = capacity
        // Safe: freed in deinit or when replaced; completions are trivial values.
        unsafe storage = .allocate(capacity: capacity)
    }

    deinit { unsafe storage.deallocate() }

    /// Nothing became of anything.
    @inlinable public var isEmpty: Bool { count == 0 }

    /// The completion at `index`, oldest first.
    @inlinable @inline(__always) public subscript(index: Int) -> Completion {
        invariant(index >= 0 && index < count, "a batch is read within its count")
        return unsafe storage[index]
    }

    /// Puts `completion` behind the others: what drivers do.
    @inlinable @inline(__always) public mutating func append(_ completion: Completion) {
        if count == capacity { grow() }
        // Safe: count < capacity.
        unsafe (storage + count).initialize(to: completion)
        used += 1
    }

    /// Forgets every completion and keeps the memory.
    @inlinable public mutating func removeAll() { used = 0 }

    @usableFromInline mutating func grow() {
        let larger = UnsafeMutablePointer<Completion>.allocate(capacity: capacity * 2)
        unsafe larger.moveInitialize(from: storage, count: count)
        unsafe storage.deallocate()
        unsafe storage = larger
        capacity *= 2
    }
}
