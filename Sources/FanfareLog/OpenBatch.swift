import FanfareBase

/// The batch that records are being added to. Its memory becomes a `CommittedBatch` when it is durable.
final class OpenBatch {
    let first: SequenceNumber
    private let pool: LogMemoryPool
    /// Unchecked, these: single accesses of the one thread that fills the batch; none spans another.
    @exclusivity(unchecked) private var memoryStored: LogMemory
    @exclusivity(unchecked) private var lengthStored = BatchHeader.bytes
    @exclusivity(unchecked) private var offsets = ContiguousArray<UInt32>()
    @exclusivity(unchecked) private var checksum: UInt32
    @exclusivity(unchecked) private var checksummedBytes = BatchHeader.bytes
    @exclusivity(unchecked) private var timesStored: ClosedRange<WallTime>
    @exclusivity(unchecked) private var lastTopic = 0..<0
    @exclusivity(unchecked) private var newTopics = ContiguousArray<UInt32>()
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
        unsafe checksum = seed
        unsafe timesStored = time...time
        self.pool = pool
        unsafe memoryStored = LogMemory(capacity: bytes, pool: pool)
        unsafe offsets.reserveCapacity(records)
    }

    var memory: LogMemory { unsafe memoryStored }
    /// Header and records so far, in bytes.
    var length: Int { unsafe lengthStored }
    var times: ClosedRange<WallTime> { unsafe timesStored }
    var count: Int { unsafe offsets.count }
    var last: SequenceNumber { SequenceNumber(first.rawValue + UInt64(count) - 1) }
    var paddedBytes: Int { roundedToBlocks(length) }

    /// Of the records so far.
    var bodyChecksum: UInt32 {
        catchUpChecksum()
        return unsafe checksum
    }

    /// Copies `record` here and gives it its number, time and position.
    func add(_ record: LogBytes, position: Position, time: WallTime, durability: Durability) {
        let start = length
        reserve(start + record.count)
        let memory = unsafe memoryStored
        memory.copy(record, at: start)
        memory.store(position.sequence.rawValue, at: start + 8)
        memory.store(time.nanoseconds, at: start + 16)
        let copy = self.record(at: start)
        // Safe: both pointers are into this record.
        let canonical = unsafe copy.canonical.baseAddress! - copy.bytes.baseAddress!
        let text = start + canonical + EventRecord.positionOffset
        unsafe position.write(to: memory.target(text..<text + Position.textBytes))
        unsafe offsets.append(UInt32(start))
        unsafe lengthStored = start + record.count
        noteTopic(of: copy, at: start)
        // Kept up while the batch before is being synced, so that writing this one does not wait for it; in pieces that are
        // still in the cache, and long enough for the processor to do three at a time.
        if unsafe lengthStored - checksummedBytes >= LogLimits.checksumBytes { catchUpChecksum() }
        let times = unsafe timesStored
        if time < times.lowerBound || time > times.upperBound {
            unsafe timesStored = min(times.lowerBound, time)...max(times.upperBound, time)
        }
        switch durability {
        case .synced: wantsSync = true
        case .written: hasWritten = true
        }
    }

    private func catchUpChecksum() {
        let bytes = unsafe memoryStored.bytes(checksummedBytes..<lengthStored)
        unsafe checksum = unsafe crc32c(bytes.base, seed: checksum)
        unsafe checksummedBytes = lengthStored
    }

    /// Remembers the record when its topic is another than that of the record before it.
    private func noteTopic(of record: EventRecord, at offset: Int) {
        // Safe: both pointers are into this record.
        let start = unsafe offset + (record.topic.baseAddress! - record.bytes.baseAddress!)
        let topic = unsafe start..<start + record.topic.count
        let isSame = unsafe memoryStored.bytes(topic).isEqual(to: memoryStored.bytes(lastTopic))
        unsafe lastTopic = topic
        if !isSame { unsafe newTopics.append(UInt32(offset)) }
    }

    private func record(at offset: Int) -> EventRecord {
        // Safe: the offset is where a whole record was copied.
        unsafe EventRecord(at: UnsafeRawPointer(memoryStored.pointer + offset))
    }

    /// Calls `body` with the topic of each record whose topic is another than that of the record before it.
    func forEachTopic(_ body: (LogBytes) -> Void) {
        let newTopics = unsafe newTopics
        for offset in newTopics { body(unsafe LogBytes(record(at: Int(offset)).topic)) }
    }

    func commit(segment: SegmentNumber, at time: MonotonicTime) -> CommittedBatch {
        CommittedBatch(
            memory: memory, offsets: unsafe offsets, first: first, segment: segment, offset: offset, length: length,
            committedAt: time)
    }

    private func reserve(_ bytes: Int) {
        guard bytes > memory.capacity else { return }
        let larger = LogMemory(capacity: max(bytes, memory.capacity * 2), pool: pool)
        larger.copy(memory.bytes(0..<length), at: 0)
        unsafe memoryStored = larger
    }
}

/// When an event is acknowledged.
package enum Durability: Sendable {
    /// After it was synced: it survives power loss.
    case synced
    /// After it was written: it survives the process's death, not power loss. Synced within a second.
    case written
}
