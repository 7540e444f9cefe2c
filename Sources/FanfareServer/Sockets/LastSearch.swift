import FanfareBase

/// Finds where the last `count` matching events up to a head begin, reading windows that double towards the log's
/// beginning until one holds enough: a topic that is busy is found at once, a rare one costs at most two passes.
///
/// Invariant: `found` holds the newest matches of the window so far, at most `count`, oldest first from `oldest`.
struct LastSearch {
    /// Everything up to here has been looked at.
    private(set) var cursor: SequenceNumber
    /// Stand after this number to get the last `count` events; nil until it is known.
    private(set) var result: SequenceNumber?

    private let count: Int
    private let head: SequenceNumber
    private var floor: SequenceNumber
    private var window: UInt64
    private var windowStart: SequenceNumber
    private var found: [SequenceNumber] = []
    private var oldest = 0

    /// A search for the last `count` events up to `head` in a log that retains events from `floor` on.
    init(count: Int, head: SequenceNumber, floor: SequenceNumber) {
        self.count = count
        self.head = head
        self.floor = floor
        window = UInt64(count)
        windowStart = head
        cursor = head
        widen()
    }

    /// Looks through a block, until it has been walked or another window begins.
    mutating func walk(_ block: LogBlock, wants: (EventRecord) -> Bool) {
        for index in block.firstIndex(above: cursor)..<block.count {
            if case .event(let record) = block[index], wants(record) { note(record.sequence) }
            let last = block[index].last
            passed(last)
            if cursor != last || result != nil { return }
        }
    }

    /// A matching event.
    mutating func note(_ sequence: SequenceNumber) {
        guard sequence <= head else { return }
        if found.count < count {
            found.append(sequence)
        } else {
            found[oldest] = sequence
            oldest = (oldest + 1) % count
        }
    }

    /// Everything up to `sequence` has been looked at.
    mutating func passed(_ sequence: SequenceNumber) {
        cursor = max(cursor, sequence)
        if cursor >= head { reachedHead() }
    }

    /// There is nothing further up to the head.
    mutating func reachedHead() {
        guard result == nil else { return }
        if found.count == count || windowStart.rawValue + 1 <= floor.rawValue {
            result = found.isEmpty ? head : SequenceNumber(found[oldest % found.count].rawValue - 1)
        } else {
            widen()
        }
    }

    /// Retention has removed what came next: what remains begins at `next`.
    mutating func restart(at next: SequenceNumber) {
        floor = next
        found.removeAll(keepingCapacity: true)
        oldest = 0
        windowStart = SequenceNumber(next.rawValue - 1)
        cursor = windowStart
        if cursor >= head { result = head }
    }

    private mutating func widen() {
        let lowest = floor.rawValue - 1
        let start = head.rawValue > window ? max(lowest, head.rawValue - window) : lowest
        found.removeAll(keepingCapacity: true)
        oldest = 0
        windowStart = SequenceNumber(min(start, head.rawValue))
        cursor = windowStart
        window = window &* 4
        if head.rawValue <= lowest { result = head }
    }
}
