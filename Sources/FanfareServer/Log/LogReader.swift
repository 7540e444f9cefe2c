import FanfareBase
import FanfareLog
import FanfareRing

/// Reads the log for one shard's cursors: a block read once serves everyone who stands in it.
///
/// Blocks lately used are kept, `Limits.logBlocksMax` of them. One read of a block is in flight at a time; who needs it
/// waits in its list and is put back to work when it has arrived. While a block is being sent the next one is read ahead.
/// Of sealed segments only the stretches are read that hold a wanted topic (`LogIndexes`).
@safe final class LogReader {
    /// Who waits for a block.
    enum Waiter: Hashable {
        /// A socket that catches up.
        case socket(slot: UInt32, generation: UInt32)
        /// A webhook subscription.
        case webhook(slot: UInt32)
        /// A page of `GET /v1/events`.
        case page(number: UInt32)
    }

    /// What a cursor finds after its place.
    enum Answer {
        /// A block that accounts for the next number.
        case block(LogBlock)
        /// It is being read; the waiter is told.
        case waiting
        /// Everything committed has been read.
        case atHead
        /// Nothing up to this number is wanted, and none of them is missing: go on after it.
        case nothing(through: SequenceNumber)
        /// Retention removed what comes next; the first number retained.
        case gap(next: SequenceNumber)
    }

    /// A segment's file.
    private struct OpenFile {
        var segment: SegmentNumber
        var descriptor: Int32
    }

    private var catalog: CatalogReader
    private let directory: String
    private var blocks: [LogBlock] = []
    private var reads: [UInt32: LogRead] = [:]
    /// Who asks again when fewer reads are in flight.
    private var held: [Waiter] = []
    private var indexes = LogIndexes()
    private var nextRead: UInt32 = 0
    private var files: [OpenFile] = []

    /// A reader of the log in `directory`.
    init(catalog: SegmentCatalog, directory: String) {
        self.catalog = CatalogReader(catalog)
        self.directory = directory
    }

    /// The last committed number.
    var head: SequenceNumber { catalog.catalog.head }
    /// The first number that has not been removed.
    var firstRetained: SequenceNumber { catalog.catalog.firstRetained }

    /// What comes after `sequence`; when it has to be read first, `waiter` is told later.
    ///
    /// - Parameter selection: what holds nothing of it may be left out; nil to get everything.
    func read(
        after sequence: SequenceNumber, selecting selection: TopicSelection?, for waiter: Waiter, _ shard: Shard
    ) -> Answer {
        if let index = blocks.lastIndex(where: { $0.follows(sequence) }) {
            let block = blocks.remove(at: index)
            blocks.append(block)
            if block.first < firstRetained, sequence.next < firstRetained { return .gap(next: firstRetained) }
            readAhead(of: block, shard)
            return .block(block)
        }
        switch catalog.locate(after: sequence) {
        case .atHead: return .atHead
        case .segment(let segment, let offset, let missed):
            if let missed { return .gap(next: missed.upperBound.next) }
            if let selection, indexes.isUsable(segment) {
                return read(segment, offset, after: sequence, selecting: selection, for: waiter, shard)
            }
            return start(segment, offset, to: segment.readableEnd, wanted: sequence.next, for: waiter, shard)
        }
    }

    /// The same in a sealed segment that says where what topics are.
    private func read(
        _ segment: Segment, _ offset: UInt64, after sequence: SequenceNumber, selecting selection: TopicSelection,
        for waiter: Waiter, _ shard: Shard
    ) -> Answer {
        guard let runs = indexes.runs(of: segment, for: selection) else {
            return startIndex(of: segment, for: waiter, shard)
        }
        guard let run = runs.first(endingAfter: sequence) else { return .nothing(through: segment.last) }
        if run.first > sequence.next { return .nothing(through: SequenceNumber(run.first.rawValue - 1)) }
        return start(segment, max(offset, run.offset), to: run.end, wanted: sequence.next, for: waiter, shard)
    }

    /// The number before the first event accepted at or after `time`, as far as segments tell: a place to begin skipping; and
    /// the numbers below it that were removed when some of them may have been accepted since.
    func locate(from time: WallTime) -> (after: SequenceNumber, missed: ClosedRange<SequenceNumber>?) {
        switch catalog.locate(from: time) {
        case .atHead: (head, catalog.missed(since: time))
        case .segment(let segment, _, let missed): (SequenceNumber(segment.first.rawValue - 1), missed)
        }
    }

    /// Reads the block that accounts for `wanted`: at the place the index gave, or further on when blocks already here begin
    /// there and end before it (the index is sparse, and batches may be larger than a block).
    private func start(
        _ segment: Segment, _ indexed: UInt64, to end: UInt64, wanted: SequenceNumber, for waiter: Waiter,
        _ shard: Shard
    ) -> Answer {
        var offset = indexed
        while let known = blocks.first(where: {
            $0.segment === segment && $0.offset == offset && $0.last < wanted
        }), known.endOffset < end {
            offset = known.endOffset
        }
        for read in reads.values where read.segment === segment && read.offset == offset && read.content == .batches {
            read.waiters.append(waiter)
            read.wanted = max(read.wanted, wanted)
            read.end = max(read.end, end)
            return .waiting
        }
        return begin(LogRead(batches: segment, at: offset, end: end, wanted: wanted), for: waiter, shard)
    }

    private func startIndex(of segment: Segment, for waiter: Waiter, _ shard: Shard) -> Answer {
        for read in reads.values where read.segment === segment && read.content == .topics {
            read.waiters.append(waiter)
            return .waiting
        }
        guard let place = segment.topicIndex else { return .atHead }
        return begin(LogRead(topicsOf: segment, at: place), for: waiter, shard)
    }

    private func begin(_ read: LogRead, for waiter: Waiter, _ shard: Shard) -> Answer {
        guard reads.count < Limits.logReadsMax else {
            held.append(waiter)
            return .waiting
        }
        read.waiters.append(waiter)
        submit(read, shard)
        return .waiting
    }

    /// Reads what follows `block` while it is being sent, when a whole block of it is there.
    private func readAhead(of block: LogBlock, _ shard: Shard) {
        guard !block.isFollowed else { return }
        block.isFollowed = true
        let end = max(block.readEnd, block.segment.topicIndex == nil ? block.segment.readableEnd : 0)
        guard reads.count < Limits.logReadsAheadMax, end >= block.endOffset + UInt64(Limits.logBlockBytes),
            !blocks.contains(where: { $0.segment === block.segment && $0.offset == block.endOffset }),
            !reads.values.contains(where: { $0.segment === block.segment && $0.offset == block.endOffset })
        else { return }
        submit(LogRead(batches: block.segment, at: block.endOffset, end: end, wanted: block.last.next), shard)
    }

    private func submit(_ read: LogRead, _ shard: Shard) {
        nextRead &+= 1
        reads[nextRead] = read
        submit(read, number: nextRead, shard)
    }

    private func submit(_ read: LogRead, number: UInt32, _ shard: Shard) {
        shard.metrics.catchUpReads.add(1)
        guard let file = files.first(where: { $0.segment == read.segment.number }) else {
            return open(read, number: number, shard)
        }
        unsafe shard.operations.append(
            Operation(
                .read, descriptor: file.descriptor, token: Token(.read, slot: number), address: read.memory.start,
                length: read.bytes, offset: read.offset))
    }

    private func open(_ read: LogRead, number: UInt32, _ shard: Shard) {
        read.isOpening = true
        unsafe shard.operations.append(
            Operation(
                .open, token: Token(.read, slot: number),
                address: shard.paths.pointer("\(directory)/\(read.segment.fileName)"), length: Int(OpenFlags.readOnly)))
    }

    /// A file was opened or a block read.
    func completed(_ completion: Completion, _ shard: Shard) {
        let number = completion.token.slot
        guard let read = reads[number] else { return }
        if completion.result < 0 { return failed(number, completion.result, shard) }
        if read.isOpening {
            read.isOpening = false
            keep(OpenFile(segment: read.segment.number, descriptor: completion.result), shard)
            return submit(read, number: number, shard)
        }
        shard.metrics.catchUpReadBytes.add(UInt64(completion.result))
        read.memory.reset()
        read.memory.commit(Int(completion.result))
        do throws(LogDamage) {
            switch read.content {
            case .batches: try takeBatches(read, number: number, shard)
            case .topics:
                let index = try unsafe SegmentIndex(
                    section: read.memory.bytes, of: read.segment, identity: catalog.catalog.identity)
                indexes.add(index, of: read.segment.number)
                finish(number, shard)
            }
        } catch {
            damaged(read, number: number, error, shard)
        }
    }

    private func takeBatches(_ read: LogRead, number: UInt32, _ shard: Shard) throws(LogDamage) {
        var needed = 0
        let block = try LogBlock(read, identity: catalog.catalog.identity, needed: &needed)
        guard let block else {
            // A batch larger than a block: read as much as it needs, once.
            guard needed > read.memory.capacity else { return failed(number, -Errno.io, shard) }
            read.enlarge(to: needed)
            return submit(read, number: number, shard)
        }
        if blocks.count == Limits.logBlocksMax { blocks.removeFirst() }
        blocks.append(block)
        if block.last < read.wanted, block.endOffset < read.end {
            read.goOn(at: block.endOffset)
            return submit(read, number: number, shard)
        }
        finish(number, shard)
    }

    private func finish(_ number: UInt32, _ shard: Shard) {
        guard let read = reads.removeValue(forKey: number) else { return }
        for waiter in read.waiters { shard.blockArrived(for: waiter, failed: false) }
        releaseHeld(shard)
    }

    /// The bytes are not what was written there. When retention has taken the segment away in the meantime its file may
    /// have another one's contents: no damage, the waiters look again and find the gap. Without an index all is read.
    private func damaged(_ read: LogRead, number: UInt32, _ damage: LogDamage, _ shard: Shard) {
        if read.segment.last < firstRetained { return finish(number, shard) }
        shard.service.report("the log is damaged: \(damage)")
        guard read.content == .topics else { return failed(number, -Errno.io, shard) }
        indexes.giveUp(on: read.segment.number)
        finish(number, shard)
    }

    private func failed(_ number: UInt32, _ result: Int32, _ shard: Shard) {
        // A file that retention removed in the meantime is no damage: the waiters look again and find the gap.
        guard result != -Errno.noSuchFile, let read = reads.removeValue(forKey: number) else {
            return finish(number, shard)
        }
        for waiter in read.waiters { shard.blockArrived(for: waiter, failed: true) }
        releaseHeld(shard)
    }

    /// Lets those ask again who found too many reads in flight: some, and all when no later end of a read would do it, for
    /// any of them may be gone.
    private func releaseHeld(_ shard: Shard) {
        let count = reads.isEmpty ? held.count : min(held.count, Limits.logReadsMax)
        let released = held[..<count]
        held = Array(held[count...])
        for waiter in released { shard.blockArrived(for: waiter, failed: false) }
    }

    private func isRead(_ segment: SegmentNumber) -> Bool {
        reads.values.contains { $0.segment.number == segment && !$0.isOpening }
    }

    private func keep(_ file: OpenFile, _ shard: Shard) {
        while files.count >= Limits.logFilesOpenMax, let index = files.firstIndex(where: { !isRead($0.segment) }) {
            let oldest = files.remove(at: index)
            shard.operations.append(Operation(.close, descriptor: oldest.descriptor, token: Token(.ignored)))
        }
        files.append(file)
    }
}
