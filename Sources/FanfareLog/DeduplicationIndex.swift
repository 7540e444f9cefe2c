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
@safe struct DeduplicationIndex: ~Copyable {
    /// Ring bytes of an entry (key, sequence, time) and its two table places of 4 bytes.
    static let bytesPerEntry = entryBytes + 8
    static let entryBytes = 32

    let capacity: Int
    private let mask: Int
    private let table: UnsafeMutablePointer<UInt32>
    private let ring: UnsafeMutablePointer<Entry>
    private var oldest = 0
    private(set) var count = 0

    struct Entry {
        var key: DeduplicationKey
        var sequence: SequenceNumber
        var time: WallTime
    }

    init(bytesMax: Int) {
        var slots = 1 << 10
        while slots * 2 * Self.bytesPerEntry / 2 <= bytesMax, slots < 1 << 30 { slots *= 2 }
        capacity = slots / 2
        mask = slots - 1
        // calloc, because its pages cost nothing until they are touched. Both live until deinit.
        unsafe table = calloc(slots, 4).assumingMemoryBound(to: UInt32.self)
        unsafe ring = calloc(slots / 2, Self.entryBytes).assumingMemoryBound(to: Entry.self)
    }

    deinit {
        unsafe free(table)
        unsafe free(ring)
    }

    /// The number of the event with this identity, accepted at or after `horizon`.
    func find(_ key: DeduplicationKey, since horizon: WallTime) -> SequenceNumber? {
        guard let slot = slot(of: key) else { return nil }
        let entry = unsafe ring[place(unsafe table[slot])]
        return entry.time >= horizon ? entry.sequence : nil
    }

    /// Remembers an identity as the newest; one that was known before is forgotten.
    mutating func insert(_ entry: Entry) {
        if let slot = slot(of: entry.key) { remove(slot: slot) }
        if count == capacity { removeOldest() }
        let place = (oldest + count) & (capacity - 1)
        unsafe ring[place] = entry
        count += 1
        var slot = home(entry.key)
        while unsafe table[slot] != 0 { slot = (slot + 1) & mask }
        unsafe table[slot] = UInt32(place + 1)
    }

    /// Forgets what was accepted before `horizon`, at most `limit` entries.
    mutating func expire(before horizon: WallTime, limit: Int) {
        for _ in 0..<limit {
            guard count > 0, unsafe ring[oldest].time < horizon else { return }
            removeOldest()
        }
    }

    /// Forgets the newest entries down to and including `sequence`: they were never committed.
    mutating func withdraw(from sequence: SequenceNumber) {
        while count > 0 {
            let newest = (oldest + count - 1) & (capacity - 1)
            let entry = unsafe ring[newest]
            guard entry.sequence >= sequence else { return }
            if let slot = slot(of: entry.key), place(unsafe table[slot]) == newest { remove(slot: slot) }
            count -= 1
        }
    }

    /// The live entries, oldest first.
    func forEach(_ body: (Entry) -> Void) {
        for index in 0..<count {
            let place = (oldest + index) & (capacity - 1)
            let entry = unsafe ring[place]
            // A place whose identity was accepted again later is not in the table any more.
            if let slot = slot(of: entry.key), self.place(unsafe table[slot]) == place { body(entry) }
        }
    }

    private mutating func removeOldest() {
        let key = unsafe ring[oldest].key
        if let slot = slot(of: key), place(unsafe table[slot]) == oldest { remove(slot: slot) }
        oldest = (oldest + 1) & (capacity - 1)
        count -= 1
    }

    private func slot(of key: DeduplicationKey) -> Int? {
        var slot = home(key)
        while unsafe table[slot] != 0 {
            if unsafe ring[place(table[slot])].key == key { return slot }
            slot = (slot + 1) & mask
        }
        return nil
    }

    /// Empties a slot and moves what follows in its run up, so that no run is broken.
    private func remove(slot removed: Int) {
        var hole = removed
        var slot = (hole + 1) & mask
        while unsafe table[slot] != 0 {
            let wanted = home(unsafe ring[place(table[slot])].key)
            if (slot &- wanted) & mask >= (slot &- hole) & mask {
                unsafe table[hole] = table[slot]
                hole = slot
            }
            slot = (slot + 1) & mask
        }
        unsafe table[hole] = 0
    }

    private func place(_ value: UInt32) -> Int { Int(value) - 1 }
    private func home(_ key: DeduplicationKey) -> Int { Int(truncatingIfNeeded: key.low) & mask }
}
