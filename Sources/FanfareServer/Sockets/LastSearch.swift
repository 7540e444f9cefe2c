import FanfareBase

/// Finds where the last `count` matching events up to a head begin, reading windows that double towards the log's
/// beginning until one holds enough: a topic that is busy is found at once, a rare one costs at most two passes.
///
/// A window's matches are counted, and the number of every `stride`th is kept; when they are too many, every other is dropped
/// and the stride doubles. What lies between two of them is read once more to find the exact one.
///
/// Invariant: `marks[i]` is the window's match number `i * stride`, counted from 0; at most `Limits.lastSearchMarksMax` are
/// kept, whatever `count` is.
package struct LastSearch {
    /// Everything up to here has been looked at.
    package private(set) var cursor: SequenceNumber
    /// Stand after this number to get the last `count` events; nil until it is known.
    package private(set) var result: SequenceNumber?

    private let count: Int
    private let head: SequenceNumber
    private var floor: SequenceNumber
    private var window: UInt64
    private var windowStart: SequenceNumber
    private var matches = 0
    private var stride = 1
    private var marks: [SequenceNumber] = []
    /// Matches still to pass over before the first that is wanted; nil while they are being counted.
    private var left: Int?

    /// A search for the last `count` events up to `head` in a log that retains events from `floor` on.
    package init(count: Int, head: SequenceNumber, floor: SequenceNumber) {
        self.count = count
        self.head = head
        self.floor = floor
        window = UInt64(count)
        windowStart = head
        cursor = head
        widen()
    }

    /// Bytes allocated for what is counted.
    package var retainedBytes: Int { marks.capacity * MemoryLayout<SequenceNumber>.stride }

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
    package mutating func note(_ sequence: SequenceNumber) {
        guard sequence <= head, result == nil else { return }
        if let left {
            if left == 0 { result = SequenceNumber(sequence.rawValue - 1) } else { self.left = left - 1 }
            return
        }
        if matches % stride == 0 { mark(sequence) }
        matches += 1
    }

    private mutating func mark(_ sequence: SequenceNumber) {
        if marks.count == Limits.lastSearchMarksMax {
            for index in 0..<marks.count / 2 { marks[index] = marks[index * 2] }
            marks.removeLast(marks.count / 2)
            stride *= 2
        }
        marks.append(sequence)
    }

    /// Everything up to `sequence` has been looked at.
    package mutating func passed(_ sequence: SequenceNumber) {
        cursor = max(cursor, sequence)
        if cursor >= head { reachedHead() }
    }

    /// There is nothing further up to the head.
    package mutating func reachedHead() {
        guard result == nil else { return }
        if left != nil {
            // What is wanted has become less since it was counted (a subscription ended).
            result = head
        } else if matches >= count || windowStart.rawValue + 1 <= floor.rawValue {
            locate()
        } else {
            widen()
        }
    }

    /// All matches are counted: goes back to the last one kept before the first that is wanted.
    private mutating func locate() {
        guard !marks.isEmpty else {
            result = head
            return
        }
        let superfluous = max(0, matches - count)
        let mark = marks[superfluous / stride]
        marks = []
        cursor = SequenceNumber(mark.rawValue - 1)
        if superfluous % stride == 0 { result = cursor } else { left = superfluous % stride }
    }

    /// Retention has removed what came next: what remains begins at `next`.
    package mutating func restart(at next: SequenceNumber) {
        floor = next
        begin(after: SequenceNumber(next.rawValue - 1))
        if cursor >= head { result = head }
    }

    private mutating func widen() {
        let lowest = floor.rawValue - 1
        let start = head.rawValue > window ? max(lowest, head.rawValue - window) : lowest
        begin(after: SequenceNumber(min(start, head.rawValue)))
        window = window &* 4
        if head.rawValue <= lowest { result = head }
    }

    private mutating func begin(after start: SequenceNumber) {
        windowStart = start
        cursor = start
        matches = 0
        stride = 1
        left = nil
        marks.removeAll(keepingCapacity: true)
    }
}
