/// Elements by number, where a number that is used again is told apart by its generation: what a completion's token is
/// looked up in.
///
/// A generation is 24 bits, starts at 1 and is never 0, so a zeroed token matches nothing; after 16,777,215 uses of one
/// slot it starts over, which is safe because a slot is freed only when nothing of it is in flight. Freed slots are used
/// again last in, first out. Every operation is O(1); memory grows to the most elements ever held at once, at most
/// `capacity`, and is kept.
///
/// Invariant: every slot is either occupied or in the free list exactly once, and `count` is how many are occupied.
public struct SlotTable<Element> {
    /// The number an element was put under and which of the slot's holders it is.
    public struct Key: Hashable, Sendable {
        /// Below the table's capacity.
        public var slot: UInt32
        /// 1 to 0xFF_FFFF.
        public var generation: UInt32

        /// The holder `generation` of `slot`.
        @inlinable public init(slot: UInt32, generation: UInt32) {
            self.slot = slot
            self.generation = generation
        }
    }

    /// What the world can do to an insertion.
    public enum InsertError: Error, Equatable {
        /// `capacity` elements are held; the caller refuses what it wanted to put there.
        case full
    }

    @usableFromInline struct Entry {
        @usableFromInline var element: Element?
        /// Of the holder, or of the next one while the slot is free.
        @usableFromInline var generation: UInt32
        /// The next free slot, or `none`.
        @usableFromInline var nextFree: UInt32

        @inlinable init(element: Element?, generation: UInt32, nextFree: UInt32) {
            self.element = element
            self.generation = generation
            self.nextFree = nextFree
        }
    }

    @usableFromInline var entries: ContiguousArray<Entry> = []
    @usableFromInline var firstFree: UInt32 = .max
    /// The most elements held at once.
    public let capacity: Int
    /// Elements held.
    public var count: Int { @inlinable get { occupied } }
    @usableFromInline var occupied = 0

    @inlinable static var lastGeneration: UInt32 { 0xFF_FFFF }

    /// An empty table for at most `capacity` elements.
    ///
    /// - Precondition: `capacity` is positive and below 2^32 - 1.
    @inlinable public init(capacity: Int) {
        invariant(capacity > 0 && capacity < Int(UInt32.max), "slots are numbered by 32 bits")
        self.capacity = capacity
    }

    /// Whether the next insertion throws `full`.
    @inlinable public var isFull: Bool { occupied == capacity }

    /// Puts `element` under a free number.
    @inlinable public mutating func insert(_ element: Element) throws(InsertError) -> Key {
        guard occupied < capacity else { throw .full }
        occupied += 1
        let slot = firstFree
        guard slot != .max else {
            entries.append(Entry(element: element, generation: 1, nextFree: .max))
            return Key(slot: UInt32(entries.count - 1), generation: 1)
        }
        firstFree = entries[Int(slot)].nextFree
        entries[Int(slot)].element = element
        return Key(slot: slot, generation: entries[Int(slot)].generation)
    }

    /// The element put under `slot` as `generation`; nil when it was removed or never there.
    @inlinable public func lookup(slot: UInt32, generation: UInt32) -> Element? {
        guard Int(slot) < entries.count, entries[Int(slot)].generation == generation else { return nil }
        return entries[Int(slot)].element
    }

    /// The element under `key`; nil when it was removed.
    @inlinable public func lookup(_ key: Key) -> Element? { lookup(slot: key.slot, generation: key.generation) }

    /// The element in `slot` whatever its generation; nil when the slot is free.
    @inlinable public func element(inSlot slot: UInt32) -> Element? {
        Int(slot) < entries.count ? entries[Int(slot)].element : nil
    }

    /// Replaces the element under `key`; false, and nothing changes, when it was removed.
    @inlinable public mutating func update(_ key: Key, to element: Element) -> Bool {
        guard lookup(key) != nil else { return false }
        entries[Int(key.slot)].element = element
        return true
    }

    /// Removes and returns the element under `key`; nil when it was removed before. Its number may be given again at once.
    @inlinable @discardableResult
    public mutating func remove(_ key: Key) -> Element? {
        let slot = Int(key.slot)
        guard slot < entries.count, entries[slot].generation == key.generation else { return nil }
        guard let element = entries[slot].element else { return nil }
        entries[slot].element = nil
        entries[slot].generation = key.generation == Self.lastGeneration ? 1 : key.generation + 1
        entries[slot].nextFree = firstFree
        firstFree = key.slot
        occupied -= 1
        return element
    }

    /// Calls `body` with every element, in order of slots.
    @inlinable public func forEach<Failure: Error>(_ body: (Key, Element) throws(Failure) -> Void) throws(Failure) {
        for slot in entries.indices {
            guard let element = entries[slot].element else { continue }
            try body(Key(slot: UInt32(slot), generation: entries[slot].generation), element)
        }
    }

    /// Stops the process when the invariant above is broken; O(slots), for tests.
    public func checkEverySlotIsOccupiedOrFreeOnce() {
        var free = Set<UInt32>()
        var next = firstFree
        while next != .max {
            invariant(free.insert(next).inserted, "a free slot is listed once")
            invariant(entries[Int(next)].element == nil, "a listed slot is empty")
            next = entries[Int(next)].nextFree
        }
        invariant(free.count + occupied == entries.count, "a slot is occupied or free")
    }
}
