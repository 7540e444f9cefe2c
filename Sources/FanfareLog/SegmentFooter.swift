import FanfareBase

/// What the last block of a sealed segment's file says. All numbers are little-endian.
///
///      0  UInt64  magic "FNFEND01"          48  UInt64  time of the oldest event
///      8  UInt16  version, 2 bytes of 0     56  UInt64  time of the newest event
///     12  UInt32  log id                    64  UInt64  events
///     16  UInt32  segment                   72  UInt32  generation of the last batch
///     20  UInt32  checksum of 24..<136      76  UInt32  batches
///     24  UInt64  first sequence            80  UInt64  sequence ceiling of the last batch
///     32  UInt64  last sequence             88  sections: sparse index, topics, deduplication; each
///     40  UInt64  end of the batches            UInt64 offset, UInt32 bytes, UInt32 checksum (topics: its own, inside)
struct SegmentFooter: Equatable {
    static let magic: UInt64 = 0x3130_444E_4546_4E46
    /// 2 since topics tell where batches end; an older footer is made again from the batches.
    static let version: UInt16 = 2
    static let usedBytes = 136

    struct Section: Equatable {
        var offset: UInt64 = 0
        var bytes = 0
        var checksum: UInt32 = 0
    }

    var first: SequenceNumber
    var last: SequenceNumber
    var batchesEnd: UInt64
    var oldest: WallTime
    var newest: WallTime
    var events: UInt64 = 0
    var generation: UInt32
    var batches: UInt32 = 0
    var ceiling: SequenceNumber
    var sparse = Section()
    var topics = Section()
    var deduplication = Section()

    /// Fills the block at `start` of `memory`.
    func write(to memory: LogMemory, at start: Int, identity: LogIdentity, segment: SegmentNumber) {
        memory.zero(start..<start + LogLimits.blockBytes)
        memory.store(Self.magic, at: start)
        memory.store(Self.version, at: start + 8)
        memory.store(identity.log.rawValue, at: start + 12)
        memory.store(segment.rawValue, at: start + 16)
        let numbers = [
            first.rawValue, last.rawValue, batchesEnd, oldest.nanoseconds, newest.nanoseconds, events,
        ]
        for (index, number) in numbers.enumerated() { memory.store(number, at: start + 24 + 8 * index) }
        memory.store(generation, at: start + 72)
        memory.store(batches, at: start + 76)
        memory.store(ceiling.rawValue, at: start + 80)
        for (index, section) in [sparse, topics, deduplication].enumerated() {
            memory.store(section.offset, at: start + 88 + 16 * index)
            memory.store(UInt32(section.bytes), at: start + 96 + 16 * index)
            memory.store(section.checksum, at: start + 100 + 16 * index)
        }
        let block = memory.bytes(start..<start + LogLimits.blockBytes)
        memory.store(block.checksum(24..<Self.usedBytes, seed: identity.checksumSeed), at: start + 20)
    }

    /// The footer in the last block of a file of `fileBytes`, its sense checked.
    init(decoding block: LogBytes, identity: LogIdentity, segment: SegmentNumber, fileBytes: UInt64)
        throws(LogDamage.Reason)
    {
        guard block.count >= Self.usedBytes else { throw .cutShort }
        guard block.u64(0) == Self.magic else { throw .notAHeader }
        guard block.u16(8) == Self.version else { throw .unknownVersion(block.u16(8)) }
        guard block.u32(20) == block.checksum(24..<Self.usedBytes, seed: identity.checksumSeed) else {
            throw .headerChecksum
        }
        guard block.u32(12) == identity.log.rawValue else { throw .wrongLog }
        guard block.u32(16) == segment.rawValue else { throw .misplaced }
        first = SequenceNumber(block.u64(24))
        last = SequenceNumber(block.u64(32))
        batchesEnd = block.u64(40)
        oldest = WallTime(nanoseconds: block.u64(48))
        newest = WallTime(nanoseconds: block.u64(56))
        events = block.u64(64)
        generation = block.u32(72)
        batches = block.u32(76)
        ceiling = SequenceNumber(block.u64(80))
        (sparse, topics, deduplication) = (Self.section(block, 0), Self.section(block, 1), Self.section(block, 2))
        guard first.rawValue >= 1, last.rawValue >= first.rawValue - 1, batchesEnd <= fileBytes else {
            throw .impossibleLength
        }
        for section in [sparse, topics, deduplication] {
            guard section.offset <= fileBytes, UInt64(section.bytes) <= fileBytes - section.offset else {
                throw .impossibleLength
            }
        }
    }

    private static func section(_ block: LogBytes, _ index: Int) -> Section {
        Section(
            offset: block.u64(88 + 16 * index), bytes: Int(block.u32(96 + 16 * index)),
            checksum: block.u32(100 + 16 * index))
    }

    init(_ active: ActiveSegment, first: SequenceNumber, last: SequenceNumber) {
        self.first = first
        self.last = last
        batchesEnd = active.writtenBytes
        oldest = active.oldest
        newest = active.newest
        events = active.events
        generation = active.generation
        batches = active.batches
        ceiling = active.ceiling
    }
}

/// A footer ready to be written: its sections and its last block, and where in the file they go.
struct EncodedFooter {
    var memory: LogMemory
    var bytes: Int
    var offset: UInt64
    var fileBytes: UInt64
    var footer: SegmentFooter

    /// The footer of `active`, whose last batch is durable. It ends where the file ends; the file grows when the batches
    /// leave no room.
    init(
        sealing active: ActiveSegment, segment: Segment, deduplication: borrowing DeduplicationIndex,
        identity: LogIdentity
    ) {
        let sparse = segment.sparseEntries
        let topicBytes = active.topics.isComplete ? active.topics.sectionBytes + 4 : 0
        let identities: Range<Int> =
            segment.last < segment.first ? 0..<0 : deduplication.entries(in: segment.first...segment.last)
        let identityBytes = identities.count * DeduplicationIndex.entryBytes
        let body = roundedToBlocks(sparse.count + topicBytes + identityBytes)
        bytes = body + LogLimits.blockBytes
        fileBytes = max(active.fileBytes, active.writtenBytes + UInt64(bytes))
        offset = fileBytes - UInt64(bytes)
        memory = LogMemory(capacity: bytes)
        memory.zero(0..<bytes)
        footer = SegmentFooter(active, first: segment.first, last: segment.last)
        let seed = identity.checksumSeed

        memory.copy(sparse, at: 0)
        footer.sparse = .init(
            offset: offset, bytes: sparse.count, checksum: sparse.checksum(0..<sparse.count, seed: seed))
        let identityStart = sparse.count
        var place = identityStart
        for index in identities {
            let entry = deduplication.entry(index)
            memory.store(entry.key.low, at: place)
            memory.store(entry.key.high, at: place + 8)
            memory.store(entry.sequence.rawValue, at: place + 16)
            memory.store(entry.time.nanoseconds, at: place + 24)
            place += DeduplicationIndex.entryBytes
        }
        footer.deduplication = .init(
            offset: offset + UInt64(identityStart), bytes: identityBytes,
            checksum: memory.bytes(identityStart..<place).checksum(0..<identityBytes, seed: seed))
        if topicBytes > 0 {
            active.topics.write(to: memory, at: place)
            let checksum = memory.bytes(place..<place + topicBytes - 4).checksum(0..<topicBytes - 4, seed: seed)
            memory.store(checksum, at: place + topicBytes - 4)
            footer.topics = .init(offset: offset + UInt64(place), bytes: topicBytes, checksum: checksum)
        }
        footer.write(to: memory, at: body, identity: identity, segment: segment.number)
    }
}
