import FanfareBase

/// The batch that records are being added to. Its memory becomes a `CommittedBatch` when it is durable.
final class OpenBatch {
    let first: SequenceNumber
    private(set) var memory: LogMemory
    private let pool: LogMemoryPool
    private(set) var length = BatchHeader.bytes
    private(set) var offsets = ContiguousArray<UInt32>()
    /// Of the records so far. Kept up while the batch before is being synced, so that writing this one does not wait for it.
    private(set) var bodyChecksum: UInt32
    private(set) var times: ClosedRange<WallTime>
    /// One of its records must be synced before it is acknowledged.
    private(set) var wantsSync = false
    /// One of its records is acknowledged when written.
    private(set) var hasWritten = false
    /// Set when its header is written.
    var ceiling = SequenceNumber.zero
    var offset: UInt64 = 0

    /// An empty batch that begins with number `first` and expects about as much as the last one had; checksums begin with
    /// `seed`, memory comes from `pool`.
    init(
        first: SequenceNumber, time: WallTime, expecting bytes: Int, records: Int, seed: UInt32,
        from pool: LogMemoryPool
    ) {
        self.first = first
        bodyChecksum = seed
        times = time...time
        self.pool = pool
        memory = LogMemory(capacity: bytes, pool: pool)
        offsets.reserveCapacity(records)
    }

    var count: Int { offsets.count }
    var last: SequenceNumber { SequenceNumber(first.rawValue + UInt64(count) - 1) }
    var paddedBytes: Int { roundedToBlocks(length) }

    /// Copies `record` here and gives it its number, time and position.
    func add(_ record: LogBytes, position: Position, time: WallTime, durability: Durability) {
        reserve(length + record.count)
        memory.copy(record, at: length)
        memory.store(position.sequence.rawValue, at: length + 8)
        memory.store(time.nanoseconds, at: length + 16)
        let copy = self.record(at: length)
        // Safe: both pointers are into this record.
        let canonical = unsafe copy.canonical.baseAddress! - copy.bytes.baseAddress!
        let text = length + canonical + EventRecord.positionOffset
        unsafe position.write(to: memory.target(text..<text + Position.textBytes))
        bodyChecksum = unsafe crc32c(copy.bytes, seed: bodyChecksum)
        offsets.append(UInt32(length))
        length += record.count
        times = min(times.lowerBound, time)...max(times.upperBound, time)
        switch durability {
        case .synced: wantsSync = true
        case .written: hasWritten = true
        }
    }

    func record(at offset: Int) -> EventRecord {
        // Safe: the offset is where a whole record was copied.
        unsafe EventRecord(at: UnsafeRawPointer(memory.pointer + offset))
    }

    /// Calls `body` with every record, in order.
    func forEachRecord(_ body: (EventRecord) -> Void) {
        let memory = memory
        for offset in offsets {
            // Safe: the offset is where a whole record was copied, into memory that is held here.
            body(unsafe EventRecord(at: UnsafeRawPointer(memory.pointer + Int(offset))))
        }
    }

    func commit(segment: SegmentNumber, at time: MonotonicTime) -> CommittedBatch {
        CommittedBatch(
            memory: memory, offsets: offsets, first: first, segment: segment, offset: offset, length: length,
            committedAt: time)
    }

    private func reserve(_ bytes: Int) {
        guard bytes > memory.capacity else { return }
        let larger = LogMemory(capacity: max(bytes, memory.capacity * 2), pool: pool)
        larger.copy(memory.bytes(0..<length), at: 0)
        memory = larger
    }
}

/// When an event is acknowledged.
package enum Durability: Sendable {
    /// After it was synced: it survives power loss.
    case synced
    /// After it was written: it survives the process's death, not power loss. Synced within a second.
    case written
}
