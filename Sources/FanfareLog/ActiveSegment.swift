import FanfareBase

/// The segment that batches are written to, and what its footer will say.
///
/// Invariant: 4096 ≤ syncedBytes ≤ writtenBytes ≤ fileBytes, unless a batch larger than the segment made the file grow.
struct ActiveSegment {
    let number: SegmentNumber
    var fileBytes: UInt64
    /// What readers see; made with the first batch, whose number it needs.
    var segment: Segment?
    /// Where the next batch goes.
    var writtenBytes = UInt64(LogLimits.blockBytes)
    /// All before it is known to be durable.
    var syncedBytes = UInt64(LogLimits.blockBytes)
    var topics = TopicIndexBuilder()
    var oldest = WallTime(nanoseconds: 0)
    var newest = WallTime(nanoseconds: 0)
    var events: UInt64 = 0
    var batches: UInt32 = 0
    var generation: UInt32 = 0
    var ceiling = SequenceNumber.zero

    init(number: SegmentNumber, fileBytes: UInt64, reusing topics: consuming TopicIndexBuilder = TopicIndexBuilder()) {
        self.number = number
        self.fileBytes = fileBytes
        self.topics = topics
        self.topics.reset()
    }

    var file: LogFileID { LogFileID(number) }

    /// Accounts for a batch that is now part of the log. True when the segment became visible by it and must be added to
    /// the catalog.
    mutating func take(_ header: BatchHeader, times: ClosedRange<WallTime>?) -> Bool {
        let isNew = segment == nil
        let segment = self.segment ?? makeSegment(first: header.first)
        self.segment = segment
        if header.kind == .lost { topics.note(unsafe LogBytes(UnsafeRawBufferPointer(start: nil, count: 0))) }
        topics.endBatch(at: header.offset, numbers: header.last.rawValue + 1 - segment.first.rawValue)
        if let times {
            if events == 0 || times.lowerBound < oldest { oldest = times.lowerBound }
            newest = max(newest, times.upperBound)
        }
        events += UInt64(header.count)
        batches += 1
        generation = header.generation
        ceiling = header.ceiling
        writtenBytes = header.end
        fileBytes = max(fileBytes, header.end)
        segment.fileBytes = fileBytes
        segment.commit(
            first: header.first, last: header.last, offset: header.offset, end: header.end,
            time: times?.upperBound ?? header.time)
        return isNew
    }

    /// Roughly what the footer will take.
    var footerBytesEstimate: Int {
        LogLimits.blockBytes * 2 + Int(fileBytes) / LogLimits.sparseStrideBytes * Segment.entryBytes
            + topics.encodedBytes
            + Int(events) * DeduplicationIndex.entryBytes
    }

    /// A batch of `bytes` (whole blocks) and the footer fit; a quarter of the file is all the footer keeps free.
    func fits(_ bytes: Int) -> Bool {
        if writtenBytes == UInt64(LogLimits.blockBytes) { return true }
        let reserve = min(footerBytesEstimate, Int(fileBytes) / 4)
        return Int(writtenBytes) + bytes + reserve <= Int(fileBytes)
    }

    private func makeSegment(first: SequenceNumber) -> Segment {
        Segment(
            number: number, first: first, fileBytes: fileBytes,
            entriesMax: Int(fileBytes) / LogLimits.sparseStrideBytes + 2)
    }
}
