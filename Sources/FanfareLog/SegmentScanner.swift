import FanfareBase

/// Reads a segment's batches one after the other, synchronously, in large blocks.
///
/// The batch given out is valid until the next call.
struct SegmentScanner {
    private let storage: any LogStorage
    private let identity: LogIdentity
    let segment: SegmentNumber
    private var memory = LogMemory(capacity: LogLimits.scanBytes)
    private var held = 0
    private var reader: BatchReader
    private var blockStart: UInt64
    private var last: (sequence: SequenceNumber, generation: UInt32)?

    init(
        storage: any LogStorage, identity: LogIdentity, segment: SegmentNumber,
        from offset: UInt64 = UInt64(LogLimits.blockBytes)
    ) {
        self.storage = storage
        self.identity = identity
        self.segment = segment
        blockStart = offset
        reader = unsafe BatchReader(
            identity: identity, segment: segment, offset: offset, bytes: UnsafeRawBufferPointer(start: nil, count: 0))
    }

    /// Where the next batch begins.
    var offset: UInt64 { blockStart + UInt64(reader.consumed) }

    /// The next batch; nil where the file's blocks end.
    mutating func next() throws(LogScanError) -> BatchView? {
        while true {
            do throws(LogDamage) {
                if let view = try reader.next() {
                    try check(view.header)
                    last = (view.header.last, view.header.generation)
                    return view
                }
            } catch {
                throw .damage(error)
            }
            guard try refill() else { return nil }
        }
    }

    private func check(_ header: BatchHeader) throws(LogDamage) {
        guard let last else { return }
        if header.generation < last.generation { throw damage(.oldGeneration, header) }
        if header.first != last.sequence.next {
            throw damage(.outOfOrder(expected: last.sequence.rawValue + 1, found: header.first.rawValue), header)
        }
    }

    private func damage(_ reason: LogDamage.Reason, _ header: BatchHeader) -> LogDamage {
        LogDamage(file: segment.fileName, offset: header.offset, reason: reason)
    }

    /// Reads on from the next batch; false when the file has no whole batch any more.
    private mutating func refill() throws(LogScanError) -> Bool {
        let start = offset
        let wanted = reader.bytesNeeded
        if wanted > memory.capacity { memory = LogMemory(capacity: wanted) }
        do throws(LogError) {
            held = try unsafe storage.read(segment.fileName, at: start, into: memory.target(0..<memory.capacity))
        } catch {
            throw .storage(error)
        }
        blockStart = start
        reader = unsafe BatchReader(
            identity: identity, segment: segment, offset: start, bytes: memory.bytes(0..<held).base)
        if held >= wanted { return true }
        if held == 0 { return false }
        throw .damage(LogDamage(file: segment.fileName, offset: start, reason: .cutShort))
    }
}

/// Why a scan stopped before the end of the file.
enum LogScanError: Error {
    case damage(LogDamage)
    case storage(LogError)

    var logError: LogError {
        switch self {
        case .damage(let damage): .damaged(damage)
        case .storage(let error): error
        }
    }
}
