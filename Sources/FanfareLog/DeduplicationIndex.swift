import FanfareBase

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The identities of recently accepted events: a ring in accept order, and a table of places in it.
///
/// Invariant: the table holds each live place of the ring exactly once. At `capacity` the oldest leaves. Memory is asked
/// for once and touched as it fills.
@safe package struct DeduplicationIndex: ~Copyable {
    /// Ring bytes of an entry (key, sequence, time) and its two table slots of 8 bytes.
    static let bytesPerEntry = entryBytes + 16
    static let entryBytes = 32
    /// How many removals ahead a slot is asked for: a few hundred nanoseconds.
    private static let removalsAhead = 16

    /// Identities kept at most.
    package let capacity: Int
    private let mask: Int
    private let table: UnsafeMutablePointer<Slot>
    private let ring: UnsafeMutablePointer<Entry>
    private var oldest = 0
    private(set) var count = 0

    /// A place in the ring, and enough of the key that other keys are rarely looked at there.
    private struct Slot {
        var tag: UInt32
        /// The place plus one; 0 when the slot is free.
        var place: UInt32
    }

    /// What is remembered of an accepted event: its identity, its number, and when it was accepted.
    package struct Entry {
        var key: DeduplicationKey
        var sequence: SequenceNumber
        var time: WallTime

        /// An entry for the ring.
        package init(key: DeduplicationKey, sequence: SequenceNumber, time: WallTime) {
            self.key = key
            self.sequence = sequence
            self.time = time
        }
    }

    /// An index within `bytesMax` bytes, but of 512 identities at least.
    package init(bytesMax: Int) {
        var slots = 1 << 10
        while slots * 2 * Self.bytesPerEntry / 2 <= bytesMax, slots < 1 << 30 { slots *= 2 }
        capacity = slots / 2
        mask = slots - 1
        // calloc, because its pages cost nothing until they are touched. Both live until deinit.
        unsafe table = calloc(slots, 8).assumingMemoryBound(to: Slot.self)
        unsafe ring = calloc(slots / 2, Self.entryBytes).assumingMemoryBound(to: Entry.self)
    }

    deinit {
        unsafe free(table)
        unsafe free(ring)
    }

    /// The number of the event with this identity, accepted at or after `horizon`.
    package func find(_ key: DeduplicationKey, since horizon: WallTime) -> SequenceNumber? {
        guard let slot = slot(of: key) else { return nil }
        let entry = unsafe ring[Int(table[slot].place) - 1]
        return entry.time >= horizon ? entry.sequence : nil
    }

    /// `find` will be asked for `key` soon: the table is larger than any cache, so a batch's waits for it overlap.
    package func prepare(_ key: DeduplicationKey) {
        // Safe: a home lies within the table.
        unsafe prefetch(table + home(key))
    }

    /// Remembers an identity as the newest; one that was known before is forgotten.
    package mutating func insert(_ entry: Entry) {
        if let slot = slot(of: entry.key) { remove(slot: slot) }
        if count == capacity { removeOldest() }
        let place = (oldest + count) & (capacity - 1)
        unsafe ring[place] = entry
        count += 1
        var slot = home(entry.key)
        while unsafe table[slot].place != 0 { slot = (slot + 1) & mask }
        unsafe table[slot] = Slot(tag: tag(entry.key), place: UInt32(place + 1))
    }

    /// Forgets what was accepted before `horizon`, at most `limit` entries.
    package mutating func expire(before horizon: WallTime, limit: Int) {
        for _ in 0..<limit {
            guard count > 0, unsafe ring[oldest].time < horizon else { return }
            removeOldest()
        }
    }

    /// Forgets the newest entries down to and including `sequence`: they were never committed.
    package mutating func withdraw(from sequence: SequenceNumber) {
        while count > 0 {
            let newest = (oldest + count - 1) & (capacity - 1)
            let entry = unsafe ring[newest]
            guard entry.sequence >= sequence else { return }
            if let slot = slot(of: entry.key), isSlot(slot, of: newest) { remove(slot: slot) }
            count -= 1
        }
    }

    /// How many entries have a number in `range`, and the first of them: numbers ascend along the ring.
    func entries(in range: ClosedRange<SequenceNumber>) -> Range<Int> {
        let first = partition { $0 < range.lowerBound }
        return first..<max(first, partition { $0 <= range.upperBound })
    }

    /// Entry `index`, from the oldest. Its identity may have been accepted again later.
    func entry(_ index: Int) -> Entry {
        invariant(index >= 0 && index < count, "an entry is one of those that are there")
        return unsafe ring[(oldest + index) & (capacity - 1)]
    }

    /// How many entries, from the oldest, have a number for which `holds`.
    private func partition(_ holds: (SequenceNumber) -> Bool) -> Int {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if holds(entry(middle).sequence) { low = middle + 1 } else { high = middle }
        }
        return low
    }

    private mutating func removeOldest() {
        let key = unsafe ring[oldest].key
        if let slot = slot(of: key), isSlot(slot, of: oldest) { remove(slot: slot) }
        oldest = (oldest + 1) & (capacity - 1)
        count -= 1
        // In a full index each new identity drives one out, whose slot is anywhere: so it is asked for ahead as well.
        prepare(unsafe ring[(oldest + Self.removalsAhead) & (capacity - 1)].key)
    }

    private func slot(of key: DeduplicationKey) -> Int? {
        var slot = home(key)
        let tag = tag(key)
        while unsafe table[slot].place != 0 {
            if unsafe table[slot].tag == tag, unsafe ring[Int(table[slot].place) - 1].key == key { return slot }
            slot = (slot + 1) & mask
        }
        return nil
    }

    /// Empties a slot and moves what follows in its run up, so that no run is broken.
    private func remove(slot removed: Int) {
        var hole = removed
        var slot = (hole + 1) & mask
        while unsafe table[slot].place != 0 {
            let wanted = unsafe Int(table[slot].tag) & mask
            if (slot &- wanted) & mask >= (slot &- hole) & mask {
                unsafe table[hole] = table[slot]
                hole = slot
            }
            slot = (slot + 1) & mask
        }
        unsafe table[hole].place = 0
    }

    private func isSlot(_ slot: Int, of place: Int) -> Bool { unsafe Int(table[slot].place) - 1 == place }
    private func tag(_ key: DeduplicationKey) -> UInt32 { UInt32(truncatingIfNeeded: key.low) }
    private func home(_ key: DeduplicationKey) -> Int { Int(tag(key)) & mask }
}
