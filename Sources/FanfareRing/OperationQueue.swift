import FanfareBase

/// What a turn asks of the kernel, in order: filled by the shard, emptied by `Ring.enter`.
///
/// One thread. Grows by doubling while a turn asks for more than any before it and keeps its memory, so there is no
/// allocation after warm-up. It has no limit of its own: what a turn may ask for is bounded by the turn's budgets.
@safe public final class OperationQueue {
    /// Unchecked, all three: single accesses of the one thread that owns the queue.
    @exclusivity(unchecked) @usableFromInline var storage: UnsafeMutablePointer<Operation>
    @exclusivity(unchecked) @usableFromInline var capacity: Int
    @exclusivity(unchecked) @usableFromInline var used = 0

    /// An empty queue.
    public init(capacity: Int = RingLimits.queueCapacityAtStart) {
        invariant(capacity > 0, "a queue has room for an operation")
        unsafe self.capacity = capacity
        // Safe: freed in deinit or when replaced; operations are trivial values.
        unsafe storage = .allocate(capacity: capacity)
    }

    deinit { unsafe storage.deallocate() }

    /// Operations waiting.
    @inlinable public var count: Int { unsafe used }
    /// Nothing waits.
    @inlinable public var isEmpty: Bool { count == 0 }

    /// Puts `operation` behind the others.
    @inlinable @inline(__always) public func append(_ operation: Operation) {
        if unsafe used == capacity { grow() }
        // Safe: used < capacity.
        unsafe (storage + used).initialize(to: operation)
        unsafe used += 1
    }

    /// The operation at `index`, oldest first: what a simulated kernel carries out.
    @inlinable @inline(__always) public subscript(index: Int) -> Operation {
        invariant(index >= 0 && index < count, "a queue is read within its count")
        return unsafe storage[index]
    }

    /// Forgets every operation and keeps the memory.
    @inlinable public func removeAll() { unsafe used = 0 }

    @inlinable var operations: UnsafeBufferPointer<Operation> {
        unsafe UnsafeBufferPointer(start: storage, count: used)
    }

    @usableFromInline func grow() {
        let larger = unsafe UnsafeMutablePointer<Operation>.allocate(capacity: capacity * 2)
        unsafe larger.moveInitialize(from: storage, count: used)
        unsafe storage.deallocate()
        unsafe storage = larger
        unsafe capacity *= 2
    }
}
