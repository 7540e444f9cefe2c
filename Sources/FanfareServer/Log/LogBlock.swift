import FanfareBase
import FanfareLog

/// A stretch of the log read into memory, shared by every cursor that stands in it.
///
/// Invariant: entries account for every number in `first...last`, in order; `memory` keeps the records alive.
@safe final class LogBlock {
    /// What a number or a range of numbers is.
    enum Entry {
        /// An event.
        case event(EventRecord)
        /// Numbers that belong to no event.
        case lost(ClosedRange<SequenceNumber>)

        var last: SequenceNumber {
            switch self {
            case .event(let record): record.sequence
            case .lost(let range): range.upperBound
            }
        }
    }

    /// Where it was read.
    let segment: Segment
    /// The stretch it belongs to ends here.
    let readEnd: UInt64
    /// What follows it has been asked for.
    var isFollowed = false
    /// Where in the segment it begins.
    let offset: UInt64
    /// Where in the segment the batch after its last one begins.
    let endOffset: UInt64
    /// The first number it accounts for.
    let first: SequenceNumber
    /// The last number it accounts for.
    let last: SequenceNumber
    private let memory: ByteRegion
    private let entries: [Entry]

    /// Takes the batches out of what was read.
    ///
    /// - Returns: nil when not one whole batch lies in it; `bytesNeeded` of the first is then in `needed`.
    init?(_ read: LogRead, identity: LogIdentity, needed: inout Int) throws(LogDamage) {
        var reader = unsafe BatchReader(
            identity: identity, segment: read.segment.number, offset: read.offset, bytes: read.memory.bytes)
        var entries: [Entry] = []
        var first: SequenceNumber?
        while let batch = try reader.next() {
            if first == nil { first = batch.header.first }
            if let lost = batch.lost { entries.append(.lost(lost)) }
            for record in batch.records { entries.append(.event(record)) }
        }
        // Batches without numbers before the first one count too.
        needed = reader.consumed + reader.bytesNeeded
        guard let first, let last = entries.last?.last else { return nil }
        memory = read.memory
        segment = read.segment
        readEnd = read.end
        offset = read.offset
        endOffset = read.offset + UInt64(reader.consumed)
        self.entries = entries
        self.first = first
        self.last = last
    }

    /// Entries.
    var count: Int { entries.count }
    /// Bytes of memory it holds.
    var memoryBytes: Int { memory.capacity }

    /// Entry `index`, in order. An event's record is valid while the block is held.
    subscript(index: Int) -> Entry { entries[index] }

    /// The first entry that ends above `sequence`; `count` when there is none.
    func firstIndex(above sequence: SequenceNumber) -> Int {
        var low = 0
        var high = entries.count
        while low < high {
            let middle = low + (high - low) / 2
            if entries[middle].last > sequence { high = middle } else { low = middle + 1 }
        }
        return low
    }

    /// Whether the number after `sequence` is accounted for here.
    func follows(_ sequence: SequenceNumber) -> Bool { first <= sequence.next && sequence < last }
}
