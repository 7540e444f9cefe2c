import FanfareBase
import Synchronization

/// One segment as readers on any thread see it. The shard that owns the log adds to it; others only read.
///
/// Invariant: 4096 ≤ readable end ≤ file's end; entries of the sparse index lie below the readable end, in order.
@safe package final class Segment: @unchecked Sendable {
    /// Bytes of one entry of the sparse index: sequence, offset, time.
    static let entryBytes = 24

    /// Its place in the row.
    package let number: SegmentNumber
    /// The first number it accounts for.
    package let first: SequenceNumber
    private let entries: LogMemory
    private let entryCount = Atomic<Int>(0)
    private let lastValue: Atomic<UInt64>
    private let endValue = Atomic<UInt64>(UInt64(LogLimits.blockBytes))
    private let timeValue = Atomic<UInt64>(0)
    private let topicOffset = Atomic<UInt64>(0)
    private let topicBytes = Atomic<UInt64>(0)
    /// Bytes of its file; only the owner reads and changes it.
    var fileBytes: UInt64

    init(number: SegmentNumber, first: SequenceNumber, fileBytes: UInt64, entriesMax: Int) {
        self.number = number
        self.first = first
        self.fileBytes = fileBytes
        entries = LogMemory(capacity: max(1, entriesMax) * Self.entryBytes)
        lastValue = Atomic(first.rawValue - 1)
    }

    /// The name of its file in the data directory.
    package var fileName: String { number.fileName }
    /// The last committed number it accounts for.
    package var last: SequenceNumber { SequenceNumber(lastValue.load(ordering: .acquiring)) }
    /// Bytes from the file's start that hold committed batches and never change again.
    package var readableEnd: UInt64 { endValue.load(ordering: .acquiring) }
    /// When its newest committed event was accepted.
    package var newestTime: WallTime { WallTime(nanoseconds: timeValue.load(ordering: .relaxed)) }
    /// Where its topic index lies in its file; nil while it is being written to, and when it has none.
    package var topicIndex: (offset: UInt64, bytes: Int)? {
        let offset = topicOffset.load(ordering: .acquiring)
        return offset == 0 ? nil : (offset, Int(topicBytes.load(ordering: .relaxed)))
    }

    /// Makes a batch visible to readers. Owner only, in order.
    func commit(first: SequenceNumber, last: SequenceNumber, offset: UInt64, end: UInt64, time: WallTime) {
        let count = entryCount.load(ordering: .relaxed)
        let indexed = count == 0 ? nil : entry(count - 1).offset
        if indexed.map({ offset >= $0 + UInt64(LogLimits.sparseStrideBytes) }) ?? true,
            (count + 1) * Self.entryBytes <= entries.capacity
        {
            append(first: first, offset: offset, time: time)
        }
        if time > newestTime { timeValue.store(time.nanoseconds, ordering: .relaxed) }
        lastValue.store(last.rawValue, ordering: .releasing)
        endValue.store(end, ordering: .releasing)
    }

    /// Adds a line to the sparse index; readers see it whole because the count is released after it.
    func append(first: SequenceNumber, offset: UInt64, time: WallTime) {
        let count = entryCount.load(ordering: .relaxed)
        entries.store(first.rawValue, at: count * Self.entryBytes)
        entries.store(offset, at: count * Self.entryBytes + 8)
        entries.store(time.nanoseconds, at: count * Self.entryBytes + 16)
        entryCount.store(count + 1, ordering: .releasing)
    }

    /// Tells readers of the topic index. Owner only.
    func setTopicIndex(offset: UInt64, bytes: Int) {
        topicBytes.store(UInt64(bytes), ordering: .relaxed)
        topicOffset.store(offset, ordering: .releasing)
    }

    /// Takes over what a sealed segment's footer says. Before it is shared only.
    func restore(last: SequenceNumber, end: UInt64, newest: WallTime) {
        lastValue.store(last.rawValue, ordering: .relaxed)
        endValue.store(end, ordering: .relaxed)
        timeValue.store(newest.nanoseconds, ordering: .relaxed)
    }

    var sparseEntries: LogBytes { entries.bytes(0..<entryCount.load(ordering: .acquiring) * Self.entryBytes) }

    /// Where to read from so that `sequence` is not missed.
    func offset(before sequence: SequenceNumber) -> UInt64 {
        lastEntry { $0.first <= sequence }
    }

    /// Where to read from so that no event accepted at or after `time` is missed, as far as the clock did not jump.
    func offset(before time: WallTime) -> UInt64 {
        lastEntry { $0.time < time }
    }

    /// Whether its first events were accepted before `time`.
    func began(before time: WallTime) -> Bool {
        entryCount.load(ordering: .acquiring) > 0 && entry(0).time < time
    }

    private func lastEntry(where holds: ((first: SequenceNumber, offset: UInt64, time: WallTime)) -> Bool) -> UInt64 {
        var low = 0
        var high = entryCount.load(ordering: .acquiring)
        while low < high {
            let middle = (low + high) / 2
            if holds(entry(middle)) { low = middle + 1 } else { high = middle }
        }
        return low == 0 ? UInt64(LogLimits.blockBytes) : entry(low - 1).offset
    }

    private func entry(_ index: Int) -> (first: SequenceNumber, offset: UInt64, time: WallTime) {
        let bytes = entries.bytes(index * Self.entryBytes..<(index + 1) * Self.entryBytes)
        return (SequenceNumber(bytes.u64(0)), bytes.u64(8), WallTime(nanoseconds: bytes.u64(16)))
    }
}

/// Where to go on reading.
package enum LogPlace: Sendable {
    /// Everything committed has been read.
    case atHead
    /// Read `segment` from `offset` (a block's start) up to its `readableEnd`; skip what is at or below the cursor.
    /// `missed` are the numbers above the cursor that retention removed.
    case segment(Segment, offset: UInt64, missed: ClosedRange<SequenceNumber>?)
}

/// The retained segments, shared by all shards: the owner of the log changes it, everyone reads.
///
/// Readers keep a `CatalogReader`, which takes the lock only when a segment came or went.
package final class SegmentCatalog: Sendable {
    /// What every batch of the log is checked against.
    package let identity: LogIdentity
    private let segments: Mutex<[Segment]>
    private let version = Atomic<UInt64>(1)
    private let headValue: Atomic<UInt64>
    private let floorValue: Atomic<UInt64>
    private let removedValue: Atomic<UInt64>

    init(identity: LogIdentity, segments: [Segment], head: SequenceNumber) {
        self.identity = identity
        headValue = Atomic(head.rawValue)
        let floor = segments.first?.first.rawValue ?? head.rawValue + 1
        floorValue = Atomic(floor)
        removedValue = Atomic(floor > 1 ? .max : 0)
        self.segments = Mutex(segments)
    }

    /// The last committed number.
    package var head: SequenceNumber { SequenceNumber(headValue.load(ordering: .acquiring)) }
    /// The first number that retention has not removed; one above the head when there is none.
    package var firstRetained: SequenceNumber { SequenceNumber(floorValue.load(ordering: .acquiring)) }

    /// When the newest event that retention removed was accepted: the end of time when that was before the start, 0 when it
    /// has removed none.
    fileprivate var newestRemoved: WallTime { WallTime(nanoseconds: removedValue.load(ordering: .acquiring)) }

    fileprivate var currentVersion: UInt64 { version.load(ordering: .acquiring) }
    /// The retained segments, oldest first.
    package var all: [Segment] { segments.withLock { $0 } }

    func advance(head: SequenceNumber) { headValue.store(head.rawValue, ordering: .releasing) }

    func append(_ segment: Segment) {
        let isFirst = segments.withLock { segments in
            segments.append(segment)
            return segments.count == 1
        }
        if isFirst { floorValue.store(segment.first.rawValue, ordering: .releasing) }
        version.wrappingAdd(1, ordering: .releasing)
    }

    /// Forgets the oldest segment, never the last one.
    func removeFirst() -> Segment {
        let (removed, floor) = segments.withLock { segments in
            invariant(segments.count > 1, "the segment being written is never removed")
            return (segments.removeFirst(), segments[0].first)
        }
        removedValue.store(removed.newestTime.nanoseconds, ordering: .releasing)
        floorValue.store(floor.rawValue, ordering: .releasing)
        version.wrappingAdd(1, ordering: .releasing)
        return removed
    }
}

/// One shard's view of the catalog.
package struct CatalogReader {
    /// The catalog it looks at.
    package let catalog: SegmentCatalog
    private var segments: [Segment] = []
    private var version: UInt64 = 0

    /// A view of `catalog`.
    package init(_ catalog: SegmentCatalog) { self.catalog = catalog }

    /// Where to read what comes after `cursor`.
    package mutating func locate(after cursor: SequenceNumber) -> LogPlace {
        guard cursor < catalog.head else { return .atHead }
        refresh()
        let wanted = cursor.next
        guard let oldest = segments.first else { return .atHead }
        if wanted < oldest.first {
            let missed = wanted...SequenceNumber(oldest.first.rawValue - 1)
            return .segment(oldest, offset: UInt64(LogLimits.blockBytes), missed: missed)
        }
        let segment = segments[lastIndex { $0.first <= wanted }]
        return .segment(segment, offset: segment.offset(before: wanted), missed: nil)
    }

    /// Where to read so that no event accepted at or after `time` is missed; the reader skips earlier ones itself. `missed`
    /// are the numbers that retention removed when events from then may have been among them: those of before are not kept.
    package mutating func locate(from time: WallTime) -> LogPlace {
        refresh()
        guard let segment = segments.first(where: { $0.newestTime >= time }) else { return .atHead }
        return .segment(segment, offset: segment.offset(before: time), missed: missed(since: time))
    }

    /// The numbers that retention removed, when some of them may have been accepted at or after `time`.
    package func missed(since time: WallTime) -> ClosedRange<SequenceNumber>? {
        guard let oldest = segments.first, oldest.first > SequenceNumber(1), catalog.newestRemoved >= time,
            !oldest.began(before: time)
        else { return nil }
        return SequenceNumber(1)...SequenceNumber(oldest.first.rawValue - 1)
    }

    /// The index of the last segment for which `holds`, which holds for the first and then for no later one.
    private func lastIndex(where holds: (Segment) -> Bool) -> Int {
        var low = 1
        var high = segments.count
        while low < high {
            let middle = (low + high) / 2
            if holds(segments[middle]) { low = middle + 1 } else { high = middle }
        }
        return low - 1
    }

    private mutating func refresh() {
        let current = catalog.currentVersion
        guard current != version else { return }
        segments = catalog.all
        version = current
    }
}
