import FanfareBase

/// The newest announced events that matched at least one interest of this shard, oldest first.
///
/// Invariant: every such event with a sequence in `floor < sequence <= head` is present; entries are numbered by an index
/// that only grows, `begin..<end`, and lie at `index & mask`; sequences ascend with the index.
///
/// Lets go of entries only in `append`, which the shard calls before it gathers anything in a turn.
@safe final class Tail {
    /// One event. The owner that keeps `record` alive is held once per run of events that share it.
    @safe struct Entry {
        /// The event's number.
        var sequence: UInt64
        /// Where the canonical event begins.
        var canonical: UnsafeRawPointer
        /// Where the record begins.
        var record: UnsafeRawPointer
        /// Bytes of the canonical event.
        var canonicalBytes: Int
    }

    /// What keeps the memory of consecutive entries alive.
    private struct Owner {
        var object: AnyObject
        var bytes: Int
        /// The index after its last entry.
        var end: Int
    }

    /// The newest announced sequence, matching or not.
    var head: SequenceNumber
    /// Entries at or below it have been let go.
    private(set) var floor: SequenceNumber
    /// The oldest entry's index.
    private(set) var begin = 0
    /// The index the next entry gets.
    private(set) var end = 0

    private let eventsMax: Int
    private let bytesMax: Int
    private let mask: Int
    private let entries: UnsafeMutablePointer<Entry>
    private var owners = RingQueue<Owner>()
    private var ownedBytes = 0

    /// An empty tail after `head`, which holds `events` at most and keeps `bytes` of owners alive at most.
    init(head: SequenceNumber, events: Int, bytes: Int) {
        invariant(events > 0, "a tail holds at least one event")
        self.head = head
        floor = head
        eventsMax = events
        bytesMax = bytes
        let capacity = powerOfTwo(atLeast: events)
        mask = capacity - 1
        // Safe: entries below `end` are initialised before they are read; Entry is trivial.
        unsafe entries = .allocate(capacity: capacity)
    }

    deinit { unsafe entries.deallocate() }

    /// Entry slots: `index & mask` lies below it.
    var slotCount: Int { mask + 1 }

    /// The place of entry `index` in arrays kept beside the tail.
    func slot(_ index: Int) -> Int { index & mask }

    /// The entry with `index`.
    func entry(_ index: Int) -> Entry {
        // Safe: callers hold indices in begin..<end, all initialised.
        unsafe entries[index & mask]
    }

    /// Holds `record`, whose memory `owner` keeps alive with `ownerBytes` in all; its index. Lets go of the oldest.
    func append(_ record: EventRecord, owner: AnyObject, ownerBytes: Int) -> Int {
        if end - begin == eventsMax { dropFirst() }
        let canonical = unsafe record.canonical
        guard let start = canonical.baseAddress, let recordStart = unsafe record.bytes.baseAddress else {
            invariantBroken("a record has bytes")
        }
        // Safe: the slot is free, since end - begin is below eventsMax, which does not exceed the capacity.
        unsafe entries[end & mask] = Entry(
            sequence: record.sequence.rawValue, canonical: start, record: recordStart, canonicalBytes: canonical.count)
        end += 1
        hold(owner, ownerBytes)
        return end - 1
    }

    /// Lets go of everything and stands after `sequence`: the events up to there are to be read from the log.
    func skip(to sequence: SequenceNumber) {
        head = max(head, sequence)
        floor = head
        begin = end
        owners.removeAll()
        ownedBytes = 0
    }

    /// The index of the event `sequence`, or nil when it is not held.
    func index(of sequence: SequenceNumber) -> Int? {
        var low = begin
        var high = end
        while low < high {
            let middle = low + (high - low) / 2
            if entry(middle).sequence < sequence.rawValue { low = middle + 1 } else { high = middle }
        }
        return low < end && entry(low).sequence == sequence.rawValue ? low : nil
    }

    private func hold(_ object: AnyObject, _ bytes: Int) {
        if let last = owners.last, last.object === object {
            owners.last?.end = end
        } else {
            owners.append(Owner(object: object, bytes: bytes, end: end))
            ownedBytes += bytes
        }
        while ownedBytes > bytesMax, owners.count > 1 { dropFirst() }
    }

    private func dropFirst() {
        floor = SequenceNumber(entry(begin).sequence)
        begin += 1
        if let first = owners.first, first.end == begin {
            ownedBytes -= first.bytes
            owners.removeFirst()
        }
    }
}
