import FanfareBase
import FanfareLog
import FanfareRing

/// Reads the log for one shard's cursors: a block read once serves everyone who stands in it.
///
/// Blocks lately used are kept, `Limits.logBlocksMax` of them. One read of a block is in flight at a time; who needs it
/// waits in its list and is put back to work when it has arrived.
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
        /// Retention removed what comes next; the first number retained.
        case gap(next: SequenceNumber)
        /// The log is damaged there.
        case damaged
    }

    /// A block that is being read.
    private final class Read {
        var segment: Segment
        var offset: UInt64
        var bytes: Int
        var memory: ByteRegion
        var waiters: [Waiter]
        var isOpening = false
        /// It goes on until a block accounts for this number.
        var wanted: SequenceNumber

        init(segment: Segment, offset: UInt64, wanted: SequenceNumber, waiter: Waiter) {
            self.wanted = wanted
            bytes = Limits.logBlockBytes
            self.segment = segment
            self.offset = offset
            memory = ByteRegion(capacity: bytes, alignment: LogLimits.blockBytes)
            waiters = [waiter]
        }

        /// The block read last ended before what is wanted: the next one begins at `offset`, in memory of its own.
        func goOn(at offset: UInt64) {
            self.offset = offset
            bytes = Limits.logBlockBytes
            memory = ByteRegion(capacity: bytes, alignment: LogLimits.blockBytes)
        }
    }

    /// A segment's file.
    private struct OpenFile {
        var segment: SegmentNumber
        var descriptor: Int32
    }

    private var catalog: CatalogReader
    private let directory: String
    private var blocks: [LogBlock] = []
    private var reads: [UInt32: Read] = [:]
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
    func read(after sequence: SequenceNumber, for waiter: Waiter, _ shard: Shard) -> Answer {
        if let index = blocks.lastIndex(where: { $0.follows(sequence) }) {
            let block = blocks.remove(at: index)
            blocks.append(block)
            if block.first < firstRetained, sequence.next < firstRetained { return .gap(next: firstRetained) }
            return .block(block)
        }
        switch catalog.locate(after: sequence) {
        case .atHead: return .atHead
        case .segment(let segment, let offset, let missed):
            if let missed { return .gap(next: missed.upperBound.next) }
            start(segment, offset, wanted: sequence.next, for: waiter, shard)
            return .waiting
        }
    }

    /// The number before the first event accepted at or after `time`, as far as segments tell: a place to begin skipping.
    func locate(from time: WallTime) -> SequenceNumber {
        switch catalog.locate(from: time) {
        case .atHead: head
        case .segment(let segment, _, _): SequenceNumber(segment.first.rawValue - 1)
        }
    }

    /// Reads the block that accounts for `wanted`: at the place the index gave, or further on when blocks already here begin
    /// there and end before it (the index is sparse, and batches may be larger than a block).
    private func start(
        _ segment: Segment, _ indexed: UInt64, wanted: SequenceNumber, for waiter: Waiter, _ shard: Shard
    ) {
        var offset = indexed
        while let known = blocks.first(where: {
            $0.segment == segment.number && $0.offset == offset && $0.last < wanted
        }), known.endOffset < segment.readableEnd {
            offset = known.endOffset
        }
        for read in reads.values where read.segment.number == segment.number && read.offset == offset {
            read.waiters.append(waiter)
            read.wanted = max(read.wanted, wanted)
            return
        }
        nextRead &+= 1
        let read = Read(segment: segment, offset: offset, wanted: wanted, waiter: waiter)
        reads[nextRead] = read
        submit(read, number: nextRead, shard)
    }

    private func submit(_ read: Read, number: UInt32, _ shard: Shard) {
        shard.metrics.catchUpReads.add(1)
        guard let file = files.first(where: { $0.segment == read.segment.number }) else {
            return open(read, number: number, shard)
        }
        let readable = Int(read.segment.readableEnd - read.offset)
        unsafe shard.operations.append(
            Operation(
                .read, descriptor: file.descriptor, token: Token(.read, slot: number), address: read.memory.start,
                length: min(read.bytes, readable), offset: read.offset))
    }

    private func open(_ read: Read, number: UInt32, _ shard: Shard) {
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
        read.memory.reset()
        read.memory.commit(Int(completion.result))
        parse(read, number: number, shard)
    }

    private func parse(_ read: Read, number: UInt32, _ shard: Shard) {
        var needed = 0
        do {
            let block = try LogBlock(
                memory: read.memory, identity: catalog.catalog.identity, segment: read.segment.number,
                offset: read.offset, needed: &needed)
            guard let block else {
                // A batch larger than a block: read as much as it needs, once.
                guard needed > read.bytes else { return failed(number, -Errno.io, shard) }
                read.bytes = needed
                read.memory = ByteRegion(capacity: needed, alignment: LogLimits.blockBytes)
                return submit(read, number: number, shard)
            }
            if blocks.count == Limits.logBlocksMax { blocks.removeFirst() }
            blocks.append(block)
            if block.last < read.wanted, block.endOffset < read.segment.readableEnd {
                read.goOn(at: block.endOffset)
                return submit(read, number: number, shard)
            }
            finish(number, shard)
        } catch {
            shard.service.report("the log is damaged: \(error)")
            failed(number, -Errno.io, shard)
        }
    }

    private func finish(_ number: UInt32, _ shard: Shard) {
        guard let read = reads.removeValue(forKey: number) else { return }
        for waiter in read.waiters { shard.blockArrived(for: waiter, failed: false) }
    }

    private func failed(_ number: UInt32, _ result: Int32, _ shard: Shard) {
        guard let read = reads.removeValue(forKey: number) else { return }
        // A file that retention removed in the meantime is no damage: the waiters look again and find the gap.
        let isGone = result == -Errno.noSuchFile
        for waiter in read.waiters { shard.blockArrived(for: waiter, failed: !isGone) }
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
