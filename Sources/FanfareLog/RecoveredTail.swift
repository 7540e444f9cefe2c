import FanfareBase

/// A segment read batch by batch up to where it ends, and what has to be done there before the log goes on.
struct RecoveredTail {
    let storage: any LogStorage
    let identity: LogIdentity
    private(set) var active: ActiveSegment
    /// The last number accounted for, here or before.
    private(set) var last: SequenceNumber
    /// Where a write was left unfinished; nil when nothing is behind the last batch.
    private(set) var cut: LogDamage?
    private var ceiling: SequenceNumber
    private var generation: UInt32
    private var endsInCleanStop = false
    /// Up to here the segment says itself that it was synced.
    private var provenBytes = UInt64(LogLimits.blockBytes)

    /// Reads `number`. Throws when something is wrong below what a later batch says was synced, and when the first batch
    /// does not follow on `before`. Calls `count` for each batch.
    init(
        storage: any LogStorage, identity: LogIdentity, number: SegmentNumber, before: SegmentEnd?,
        into deduplication: inout DeduplicationIndex, counting count: (BatchHeader) -> Void = { _ in }
    ) throws(LogError) {
        self.storage = storage
        self.identity = identity
        active = ActiveSegment(number: number, fileBytes: try storage.size(of: number.fileName))
        last = before?.last ?? .zero
        ceiling = before?.ceiling ?? .zero
        generation = before?.generation ?? 0
        var scanner = SegmentScanner(storage: storage, identity: identity, segment: number)
        do throws(LogScanError) {
            while let batch = try scanner.next() {
                try checkOrder(batch.header, before: before)
                take(batch, into: &deduplication)
                count(batch.header)
            }
        } catch {
            guard case .damage(let damage) = error else { throw error.logError }
            try end(at: damage)
        }
    }

    private func checkOrder(_ header: BatchHeader, before: SegmentEnd?) throws(LogScanError) {
        guard active.segment == nil, before != nil, header.first != last.next else { return }
        let reason = LogDamage.Reason.outOfOrder(expected: last.rawValue + 1, found: header.first.rawValue)
        // The first batch of a segment is never a leftover: in a file that was used before it names another segment.
        throw .storage(.damaged(LogDamage(file: active.number.fileName, offset: header.offset, reason: reason)))
    }

    private mutating func take(_ batch: BatchView, into deduplication: inout DeduplicationIndex) {
        let header = batch.header
        var times: ClosedRange<WallTime>?
        for record in batch.records {
            let time = record.time
            times = times.map { min($0.lowerBound, time)...max($0.upperBound, time) } ?? time...time
            active.topics.note(unsafe LogBytes(record.topic))
            deduplication.insert(.init(key: record.deduplicationKey, sequence: record.sequence, time: time))
        }
        _ = active.take(header, times: times)
        last = header.last
        ceiling = header.ceiling
        generation = header.generation
        endsInCleanStop = header.isCleanStop
        provenBytes = max(provenBytes, header.syncedBytes)
    }

    /// The scan met something that is no next batch: an unfinished write, unless a later batch knows better.
    private mutating func end(at damage: LogDamage) throws(LogError) {
        if case .unknownVersion = damage.reason { throw .damaged(damage) }
        if damage.offset < provenBytes { throw .damaged(damage) }
        try Self.checkUnproven(damage, storage, identity, active.number, from: generation)
        if try !Self.isUnwritten(damage, storage, identity) { cut = damage }
    }

    /// Whether nothing of this segment lies at `damage`: zeros, or what the file's use before left there.
    static func isUnwritten(_ damage: LogDamage, _ storage: any LogStorage, _ identity: LogIdentity) throws(LogError)
        -> Bool
    {
        guard let number = LogFileName.segment(damage.file) else { return false }
        let block = LogMemory(capacity: LogLimits.blockBytes)
        let count = try unsafe storage.read(
            damage.file, at: damage.offset, into: block.target(0..<LogLimits.blockBytes))
        if block.bytes(0..<count).isZero { return true }
        switch damage.reason {
        // A header of this segment was written there, or what should have been committed is gone.
        case .bodyChecksum, .impossibleRecord, .outOfOrder, .oldGeneration, .cutShort, .unknownVersion: return false
        default: return try SegmentHeader.check(in: storage, identity: identity, segment: number)
        }
    }

    /// Throws `damage` when a batch behind it was written after everything up to there had been synced.
    static func checkUnproven(
        _ damage: LogDamage, _ storage: any LogStorage, _ identity: LogIdentity, _ number: SegmentNumber,
        from generation: UInt32
    ) throws(LogError) {
        let memory = LogMemory(capacity: LogLimits.scanBytes)
        var start = damage.offset + UInt64(LogLimits.blockBytes)
        while true {
            let count = try unsafe storage.read(number.fileName, at: start, into: memory.target(0..<memory.capacity))
            for offset in stride(from: 0, to: count - LogLimits.blockBytes + 1, by: LogLimits.blockBytes) {
                let block = memory.bytes(offset..<offset + LogLimits.blockBytes)
                guard block.u32(0) == BatchHeader.magic else { continue }
                // Whatever is wrong with it, it is no batch and proves nothing.
                guard let header = try? BatchHeader(decoding: block, identity: identity) else { continue }
                if header.segment == number, header.offset == start + UInt64(offset), header.generation >= generation,
                    header.syncedBytes > damage.offset
                {
                    throw .damaged(damage)
                }
            }
            guard count == memory.capacity else { return }
            start += UInt64(count)
        }
    }

    /// Whether a segment's first batch is whole. Throws when it is not, though it was synced.
    static func holdsBatch(_ storage: any LogStorage, _ identity: LogIdentity, _ number: SegmentNumber)
        throws(LogError) -> Bool
    {
        var scanner = SegmentScanner(storage: storage, identity: identity, segment: number)
        do throws(LogScanError) {
            return try scanner.next() != nil
        } catch {
            guard case .damage(let damage) = error else { throw error.logError }
            if case .unknownVersion = damage.reason { throw .damaged(damage) }
            try checkUnproven(damage, storage, identity, number, from: 0)
            return false
        }
    }

    /// Throws unless the segment after this one goes on where this one ends.
    func checkSuccessor() throws(LogError) {
        var scanner = SegmentScanner(storage: storage, identity: identity, segment: active.number.next)
        let place = cut ?? LogDamage(file: active.number.fileName, offset: active.writtenBytes, reason: .notABatch)
        do throws(LogScanError) {
            guard let batch = try scanner.next(), batch.header.first == last.next else { throw .damage(place) }
        } catch {
            throw error.logError
        }
    }

    /// Takes away a footer that was left unfinished: batches will follow that it does not know.
    func removeFooter() throws(LogError) {
        let name = active.number.fileName
        guard try SealedSegments.footer(of: active.number, in: storage, identity: identity) != nil else { return }
        let zeros = LogMemory(capacity: LogLimits.blockBytes)
        zeros.zero(0..<LogLimits.blockBytes)
        try storage.write(
            name, at: active.fileBytes - UInt64(LogLimits.blockBytes), zeros.bytes(0..<LogLimits.blockBytes))
    }

    /// Writes what was found but is not proven to be durable once more, and syncs it. A sync alone could lie: after a failed
    /// one the kernel takes dropped pages for clean ones.
    func makeDurable() throws(LogError) {
        let name = active.number.fileName
        let memory = LogMemory(capacity: LogLimits.scanBytes)
        var offset = min(provenBytes, active.writtenBytes)
        while offset < active.writtenBytes {
            let wanted = Int(min(UInt64(memory.capacity), active.writtenBytes - offset))
            let count = try unsafe storage.read(name, at: offset, into: memory.target(0..<wanted))
            guard count == wanted else {
                throw .damaged(LogDamage(file: name, offset: offset + UInt64(count), reason: .cutShort))
            }
            try storage.write(name, at: offset, memory.bytes(0..<count))
            offset += UInt64(count)
        }
        try storage.sync(name)
    }

    /// Writes and syncs the first batch of this opening: from here on a batch of an earlier one is a leftover. It gives up
    /// the numbers that may have been seen and are not here.
    mutating func markOpening(now: WallTime, report: inout RecoveryReport) throws(LogError) {
        let losesNumbers = ceiling > last && !endsInCleanStop
        let newLast = losesNumbers ? ceiling : last
        report.wasCleanStop = endsInCleanStop
        if losesNumbers { report.lost = last.next...newLast }
        var header = BatchHeader(
            losesNumbers ? .lost : .marker, identity: identity, generation: generation + 1, segment: active.number,
            offset: active.writtenBytes, length: BatchHeader.bytes, first: last.next, last: newLast,
            synced: (last, active.writtenBytes), ceiling: newLast, time: now)
        header.flags = BatchHeader.openedFlag
        let memory = LogMemory(capacity: LogLimits.blockBytes)
        header.write(to: memory, bodyChecksum: identity.checksumSeed, seed: identity.checksumSeed)
        try storage.write(active.number.fileName, at: header.offset, memory.bytes(0..<header.paddedBytes))
        try storage.sync(active.number.fileName)
        _ = active.take(header, times: nil)
        active.syncedBytes = active.writtenBytes
        last = newLast
    }
}
