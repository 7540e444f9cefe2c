import FanfareBase

/// What the segments before the active one hold, from their footers; a segment without one is read whole and gets one.
struct SealedSegments {
    let storage: any LogStorage
    let identity: LogIdentity
    let configuration: LogConfiguration
    let now: WallTime
    private(set) var segments: [Segment] = []
    private(set) var scanned = 0
    /// What the last loaded segment ended with.
    private(set) var end = SegmentEnd()

    init(storage: any LogStorage, identity: LogIdentity, configuration: LogConfiguration, now: WallTime) {
        self.storage = storage
        self.identity = identity
        self.configuration = configuration
        self.now = now
    }

    /// Adds `number`, which must follow on the last one. The newest sealed segment's footer may have been left unfinished,
    /// so all of it is checked; the others were synced before their successor was full.
    mutating func load(
        _ number: SegmentNumber, isNewest: Bool, into deduplication: inout DeduplicationIndex
    ) throws(LogError) {
        try SegmentHeader.check(in: storage, identity: identity, segment: number)
        if let footer = try isNewest
            ? wholeFooter(of: number) : Self.footer(of: number, in: storage, identity: identity),
            let segment = try restore(number, footer), try loadIdentities(number, footer, into: &deduplication)
        {
            try checkOrder(number, first: footer.first)
            segments.append(segment)
            end = SegmentEnd(last: footer.last, generation: footer.generation, ceiling: footer.ceiling)
        } else {
            try scan(number, into: &deduplication)
        }
    }

    /// The footer of `number` when it and all its sections are valid.
    func wholeFooter(of number: SegmentNumber) throws(LogError) -> SegmentFooter? {
        guard let footer = try Self.footer(of: number, in: storage, identity: identity) else { return nil }
        guard try section(footer.sparse, of: number) != nil, try section(footer.deduplication, of: number) != nil else {
            return nil
        }
        guard footer.topics.bytes >= 4 else { return footer }
        // The checksum of the topics stands at their end.
        var topics = footer.topics
        topics.bytes -= 4
        return try section(topics, of: number) == nil ? nil : footer
    }

    /// The footer of `number`; nil when it has no valid one.
    static func footer(of number: SegmentNumber, in storage: any LogStorage, identity: LogIdentity)
        throws(LogError) -> SegmentFooter?
    {
        let size = try storage.size(of: number.fileName)
        guard size >= UInt64(2 * LogLimits.blockBytes) else { return nil }
        let block = LogMemory(capacity: LogLimits.blockBytes)
        let offset = size - UInt64(LogLimits.blockBytes)
        let count = try unsafe storage.read(number.fileName, at: offset, into: block.target(0..<LogLimits.blockBytes))
        do throws(LogDamage.Reason) {
            return try SegmentFooter(
                decoding: block.bytes(0..<count), identity: identity, segment: number, fileBytes: size)
        } catch {
            // Not written yet, or damaged: the batches themselves decide.
            return nil
        }
    }

    private func restore(_ number: SegmentNumber, _ footer: SegmentFooter) throws(LogError) -> Segment? {
        guard let sparse = try section(footer.sparse, of: number) else { return nil }
        let count = footer.sparse.bytes / Segment.entryBytes
        let segment = Segment(
            number: number, first: footer.first, fileBytes: try storage.size(of: number.fileName), entriesMax: count)
        for index in 0..<count {
            let entry = sparse.bytes(index * Segment.entryBytes..<(index + 1) * Segment.entryBytes)
            segment.append(
                first: SequenceNumber(entry.u64(0)), offset: entry.u64(8), time: WallTime(nanoseconds: entry.u64(16)))
        }
        segment.restore(last: footer.last, end: footer.batchesEnd, newest: footer.newest)
        if footer.topics.bytes > 0 { segment.setTopicIndex(offset: footer.topics.offset, bytes: footer.topics.bytes) }
        return segment
    }

    private func section(_ section: SegmentFooter.Section, of number: SegmentNumber) throws(LogError) -> LogMemory? {
        let memory = LogMemory(capacity: section.bytes)
        let count = try unsafe storage.read(
            number.fileName, at: section.offset, into: memory.target(0..<section.bytes))
        guard count == section.bytes,
            memory.bytes(0..<count).checksum(0..<count, seed: identity.checksumSeed) == section.checksum
        else { return nil }
        return memory
    }

    /// False when the section is damaged: the segment is then read whole.
    private func loadIdentities(
        _ number: SegmentNumber, _ footer: SegmentFooter, into deduplication: inout DeduplicationIndex
    ) throws(LogError) -> Bool {
        guard footer.newest.seconds &+ configuration.deduplicationWindowSeconds >= now.seconds else { return true }
        guard let entries = try section(footer.deduplication, of: number) else { return false }
        let size = DeduplicationIndex.entryBytes
        for index in 0..<footer.deduplication.bytes / size {
            let entry = entries.bytes(index * size..<(index + 1) * size)
            deduplication.insert(
                .init(
                    key: DeduplicationKey(low: entry.u64(0), high: entry.u64(8)),
                    sequence: SequenceNumber(entry.u64(16)),
                    time: WallTime(nanoseconds: entry.u64(24))))
        }
        return true
    }

    private func checkOrder(_ number: SegmentNumber, first: SequenceNumber) throws(LogError) {
        guard !segments.isEmpty, first != end.last.next else { return }
        throw .damaged(
            LogDamage(
                file: number.fileName, offset: UInt64(LogLimits.blockBytes),
                reason: .outOfOrder(expected: end.last.rawValue + 1, found: first.rawValue)))
    }

    /// Reads a segment that has a successor and no footer. All of it was durable before the successor had anything, so
    /// whatever ends the scan before `end` is reached shows when the successor does not follow on.
    private mutating func scan(_ number: SegmentNumber, into deduplication: inout DeduplicationIndex) throws(LogError) {
        scanned += 1
        let before = segments.isEmpty ? nil : end
        let tail = try RecoveredTail(
            storage: storage, identity: identity, number: number, before: before, into: &deduplication)
        guard let segment = tail.active.segment else {
            throw .damaged(
                tail.cut ?? LogDamage(file: number.fileName, offset: tail.active.writtenBytes, reason: .notABatch))
        }
        try tail.checkSuccessor()
        let encoded = EncodedFooter(
            sealing: tail.active, segment: segment, deduplication: deduplication, identity: identity)
        segment.fileBytes = encoded.fileBytes
        try storage.write(number.fileName, at: encoded.offset, encoded.memory.bytes(0..<encoded.bytes))
        try storage.sync(number.fileName)
        let topics = encoded.footer.topics
        if topics.bytes > 0 { segment.setTopicIndex(offset: topics.offset, bytes: topics.bytes) }
        segments.append(segment)
        end = SegmentEnd(last: tail.last, generation: tail.active.generation, ceiling: tail.active.ceiling)
    }
}

/// What a segment ended with, for the one after it.
struct SegmentEnd {
    var last = SequenceNumber.zero
    var generation: UInt32 = 0
    var ceiling = SequenceNumber.zero
}
