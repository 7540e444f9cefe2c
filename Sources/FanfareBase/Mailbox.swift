import Synchronization

/// Messages from one thread to one other, in order, without a lock: a bounded ring with one writer and one reader.
///
/// Exactly one thread may call `push` and exactly one may call `pop`. Full is the world's state, not an error: the
/// producer keeps the message and says what that means. Nothing is allocated after `init`.
///
/// Invariant: `head` ≤ `tail` ≤ `head` + `capacity`; places `head..<tail` hold messages. Each index has a cache line pair of
/// its own, and each side keeps a copy of the other's index, so an uncontended push touches no shared line.
@safe public final class Mailbox<Message: Sendable>: @unchecked Sendable {
    @usableFromInline let slots: UnsafeMutablePointer<Message>
    @usableFromInline let mask: Int
    /// The most messages that wait.
    public let capacity: Int

    @usableFromInline let beforeProducer = InlineArray<16, Int>(repeating: 0)
    /// Messages ever pushed. Written by the producer.
    @usableFromInline let tail = Atomic<Int>(0)
    /// The producer's last look at `head`.
    @exclusivity(unchecked) @usableFromInline var headSeen = 0
    @usableFromInline let beforeConsumer = InlineArray<16, Int>(repeating: 0)
    /// Messages ever popped. Written by the consumer.
    @usableFromInline let head = Atomic<Int>(0)
    /// The consumer's last look at `tail`.
    @exclusivity(unchecked) @usableFromInline var tailSeen = 0
    @usableFromInline let afterConsumer = InlineArray<16, Int>(repeating: 0)

    /// An empty mailbox for `capacity` messages, rounded up to a power of two.
    public init(capacity: Int) {
        invariant(capacity > 0 && capacity <= 1 << 24, "a mailbox holds between 1 and 2^24 messages")
        let rounded = 1 << (Int.bitWidth - (capacity - 1).leadingZeroBitCount)
        self.capacity = rounded
        mask = rounded - 1
        // Safe: owned until deinit; indices are masked.
        unsafe slots = .allocate(capacity: rounded)
    }

    deinit {
        let tail = self.tail.load(ordering: .acquiring)
        var head = self.head.load(ordering: .acquiring)
        while head < tail {
            unsafe (slots + (head & mask)).deinitialize(count: 1)
            head += 1
        }
        unsafe slots.deallocate()
    }

    /// Puts `message` behind the others; false, and nothing changes, when `capacity` messages wait. Producer only.
    @inlinable public func push(_ message: Message) -> Bool {
        let tail = self.tail.load(ordering: .relaxed)
        if unsafe tail - headSeen == capacity {
            unsafe headSeen = head.load(ordering: .acquiring)
            if unsafe tail - headSeen == capacity { return false }
        }
        // Safe: the place is free until `tail` is published, and only this thread writes places.
        unsafe (slots + (tail & mask)).initialize(to: message)
        self.tail.store(tail + 1, ordering: .releasing)
        return true
    }

    /// Takes the oldest message; nil when there is none. Consumer only.
    @inlinable public func pop() -> Message? {
        let head = self.head.load(ordering: .relaxed)
        if unsafe head == tailSeen {
            unsafe tailSeen = tail.load(ordering: .acquiring)
            if unsafe head == tailSeen { return nil }
        }
        // Safe: the place was filled before `tail` was published, and only this thread empties places.
        let message = unsafe (slots + (head & mask)).move()
        self.head.store(head + 1, ordering: .releasing)
        return message
    }

    /// Whether a message waits, by the newest state. Consumer only: what it asks between `prepareToSleep` and sleeping.
    @inlinable public var isEmpty: Bool {
        head.load(ordering: .relaxed) == tail.load(ordering: .acquiring)
    }
}

/// Whether a thread sleeps or is about to, so that those who leave it messages wake it exactly when they must.
///
/// The consumer calls `prepareToSleep`, looks at all its mailboxes once more, sleeps only when they are empty, and calls
/// `awake` afterwards (also when it decided not to sleep). A producer pushes, then asks `needsWake` and wakes on true. The
/// two fences order "flag up, then look" against "push, then look at the flag": one of them sees the other, so no wake is
/// lost. Of several producers one gets true, so a sleep costs at most one wake.
public final class WakeFlag: Sendable {
    @usableFromInline let asleep = Atomic<Bool>(false)

    /// The flag of a thread that is awake.
    public init() {}

    /// Raises the flag: from here on producers wake this thread. Consumer only; look at the mailboxes after it.
    @inlinable public func prepareToSleep() {
        asleep.store(true, ordering: .relaxed)
        atomicMemoryFence(ordering: .sequentiallyConsistent)
    }

    /// Lowers the flag. Consumer only.
    @inlinable public func awake() {
        asleep.store(false, ordering: .relaxed)
    }

    /// Whether the caller, who has just pushed, must wake the consumer.
    @inlinable public func needsWake() -> Bool {
        atomicMemoryFence(ordering: .sequentiallyConsistent)
        guard asleep.load(ordering: .relaxed) else { return false }
        return asleep.exchange(false, ordering: .acquiringAndReleasing)
    }
}
