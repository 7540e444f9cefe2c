import FanfareBase

/// One batch in memory that its holder keeps alive: the header, and views of its records.
@safe package struct BatchView {
    /// What the batch says of itself.
    package let header: BatchHeader
    let bytes: LogBytes

    /// The records, in sequence order. Each was checked when the batch was read.
    package var records: RecordIterator { RecordIterator(rest: bytes.slice(BatchHeader.bytes..<header.length)) }
    /// The numbers it says belong to no event; nil when it holds events or nothing.
    package var lost: ClosedRange<SequenceNumber>? { header.kind == .lost ? header.first...header.last : nil }

    /// Walks the records of a batch.
    @safe package struct RecordIterator: IteratorProtocol, Sequence {
        var rest: LogBytes

        package mutating func next() -> EventRecord? {
            guard rest.count > 0, let start = unsafe rest.base.baseAddress else { return nil }
            // Safe: BatchView.check walked the same lengths.
            let record = unsafe EventRecord(at: start)
            rest = rest.slice(unsafe record.bytes.count..<rest.count)
            return record
        }
    }

    /// The batch `header` at the start of `bytes`, its contents checked.
    init(_ header: BatchHeader, bytes: LogBytes, identity: LogIdentity) throws(LogDamage.Reason) {
        self.header = header
        self.bytes = bytes
        guard bytes.checksum(BatchHeader.bytes..<header.length, seed: identity.checksumSeed) == header.bodyChecksum
        else {
            throw .bodyChecksum
        }
        var offset = BatchHeader.bytes
        for index in 0..<header.count {
            let rest = bytes.slice(offset..<header.length)
            guard rest.count > 0, let start = unsafe rest.base.baseAddress,
                unsafe EventRecord.isValid(at: start, limit: rest.count)
            else { throw .impossibleRecord }
            let record = unsafe EventRecord(at: start)
            let expected = header.first.rawValue + UInt64(index)
            guard record.sequence.rawValue == expected else {
                throw .outOfOrder(expected: expected, found: record.sequence.rawValue)
            }
            offset += unsafe record.bytes.count
        }
        guard offset == header.length else { throw .impossibleLength }
    }
}

/// Takes the batches out of bytes that were read from a segment at a block's start.
///
/// A reader of committed bytes (`LogPlace.readableEnd`) that gets an error has met real damage.
@safe package struct BatchReader {
    private let identity: LogIdentity
    private let segment: SegmentNumber
    private let start: UInt64
    private let bytes: LogBytes
    private var lastSeen: (sequence: SequenceNumber, generation: UInt32)?

    /// Bytes of whole batches given out so far: the next read continues this far behind the start of this one.
    package private(set) var consumed = 0
    /// When `next` gave nil: how many bytes from `consumed` on the next batch needs; at least a block.
    package private(set) var bytesNeeded = LogLimits.blockBytes

    /// Reads batches from `bytes`, which were read at `offset` of `segment`, a multiple of a block.
    package init(identity: LogIdentity, segment: SegmentNumber, offset: UInt64, bytes: UnsafeRawBufferPointer) {
        self.identity = identity
        self.segment = segment
        start = offset
        self.bytes = unsafe LogBytes(bytes)
    }

    /// The next batch, or nil when these bytes hold no further whole one.
    package mutating func next() throws(LogDamage) -> BatchView? {
        do throws(LogDamage.Reason) {
            return try nextUnplaced()
        } catch {
            throw LogDamage(file: segment.fileName, offset: start + UInt64(consumed), reason: error)
        }
    }

    private mutating func nextUnplaced() throws(LogDamage.Reason) -> BatchView? {
        let rest = bytes.slice(consumed..<bytes.count)
        guard rest.count >= LogLimits.blockBytes else {
            bytesNeeded = LogLimits.blockBytes
            return nil
        }
        let header = try BatchHeader(decoding: rest, identity: identity)
        guard header.segment == segment, header.offset == start + UInt64(consumed) else { throw .misplaced }
        if let lastSeen {
            guard header.generation >= lastSeen.generation else { throw .oldGeneration }
            guard header.first == lastSeen.sequence.next else {
                throw .outOfOrder(expected: lastSeen.sequence.rawValue + 1, found: header.first.rawValue)
            }
        }
        guard rest.count >= header.paddedBytes else {
            bytesNeeded = header.paddedBytes
            return nil
        }
        let view = try BatchView(header, bytes: rest.slice(0..<header.length), identity: identity)
        lastSeen = (header.last, header.generation)
        consumed += header.paddedBytes
        return view
    }
}
