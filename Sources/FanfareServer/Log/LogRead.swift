import FanfareBase
import FanfareLog

/// One stretch of a segment that is being read, and who waits for it.
final class LogRead {
    /// What is read.
    enum Content: Equatable {
        /// Batches.
        case batches
        /// The segment's topic index.
        case topics
    }

    /// Whose file it is.
    let segment: Segment
    /// What it holds.
    let content: Content
    /// Where in the file it begins.
    private(set) var offset: UInt64
    /// Reading does not go beyond this place.
    var end: UInt64
    /// Where the bytes go.
    private(set) var memory: ByteRegion
    /// Who is told; nobody when it is read ahead.
    var waiters: [LogReader.Waiter] = []
    /// The file is being opened first.
    var isOpening = false
    /// It goes on until a block accounts for this number.
    var wanted: SequenceNumber

    /// A read of batches of `segment` at `offset`, a block's worth at most.
    init(batches segment: Segment, at offset: UInt64, end: UInt64, wanted: SequenceNumber) {
        self.segment = segment
        self.offset = offset
        self.end = end
        self.wanted = wanted
        content = .batches
        memory = Self.memory(from: offset, to: end)
    }

    /// A read of the topic index of `segment`.
    init(topicsOf segment: Segment, at place: (offset: UInt64, bytes: Int)) {
        self.segment = segment
        offset = place.offset
        end = place.offset + UInt64(place.bytes)
        wanted = .zero
        content = .topics
        memory = ByteRegion(capacity: place.bytes, alignment: LogLimits.blockBytes)
    }

    /// How many bytes to read.
    var bytes: Int { min(memory.capacity, Int(end - offset)) }

    /// The block read last ended before what is wanted: the next one begins at `offset`, in memory of its own.
    func goOn(at offset: UInt64) {
        self.offset = offset
        memory = Self.memory(from: offset, to: end)
    }

    /// The first batch is larger than a block: reads the same place again, `bytes` of it.
    func enlarge(to bytes: Int) { memory = ByteRegion(capacity: bytes, alignment: LogLimits.blockBytes) }

    private static func memory(from offset: UInt64, to end: UInt64) -> ByteRegion {
        ByteRegion(capacity: min(Limits.logBlockBytes, Int(end - offset)), alignment: LogLimits.blockBytes)
    }
}
