import FanfareBase

/// Events that are durable at their level, in sequence order: immutable memory that all shards share.
///
/// It is freed by whichever shard lets go last.
@safe package final class CommittedBatch: @unchecked Sendable {
    private let memory: LogMemory
    private let offsets: ContiguousArray<UInt32>
    /// The first event's number.
    package let first: SequenceNumber
    /// The last event's number; every number between belongs to an event.
    package let last: SequenceNumber
    /// The segment it lies in.
    package let segment: SegmentNumber
    /// Where in the segment it begins, in bytes.
    package let offset: UInt64
    /// Header and records, in bytes.
    package let length: Int
    /// When it had become durable.
    package let committedAt: MonotonicTime

    init(
        memory: LogMemory, offsets: ContiguousArray<UInt32>, first: SequenceNumber, segment: SegmentNumber,
        offset: UInt64, length: Int, committedAt: MonotonicTime
    ) {
        self.memory = memory
        self.offsets = offsets
        self.first = first
        last = SequenceNumber(first.rawValue + UInt64(offsets.count) - 1)
        self.segment = segment
        self.offset = offset
        self.length = length
        self.committedAt = committedAt
    }

    /// How many events it holds; at least one.
    package var count: Int { offsets.count }
    /// Bytes of memory it keeps.
    package var memoryBytes: Int { memory.capacity }

    /// Event `index` of it: the one with the number `first + index`. Valid while this object lives.
    package func record(_ index: Int) -> EventRecord {
        let offset = Int(offsets[index])
        // Safe: the offset was noted when the record was copied here, and this memory is never changed again.
        return unsafe EventRecord(at: UnsafeRawPointer(memory.pointer + offset))
    }
}
