import FanfareBase

/// A sealed segment's index from topic to batches: lets catching up read only what may match.
package struct SegmentIndex: Sendable {
    private let bytes: LogMemory
    private let count: Int
    private let batches: Int
    private let first: SequenceNumber
    private let batchesEnd: UInt64

    /// The index in `section`, the bytes at `Segment.topicIndex`. Throws when they are not a whole, valid index.
    package init(section: UnsafeRawBufferPointer, of segment: Segment, identity: LogIdentity) throws(LogDamage) {
        let place = LogDamage(file: segment.fileName, offset: segment.topicIndex?.offset ?? 0, reason: .bodyChecksum)
        let section = unsafe LogBytes(section)
        // The section ends in its own checksum, so that it can be read without the footer.
        guard section.count >= 12,
            section.u32(section.count - 4) == section.checksum(0..<section.count - 4, seed: identity.checksumSeed)
        else { throw place }
        count = section.count - 4
        batches = Int(section.u32(4))
        first = segment.first
        batchesEnd = segment.readableEnd
        bytes = LogMemory(capacity: section.count)
        bytes.copy(section, at: 0)
        guard isSound else { throw LogDamage(file: place.file, offset: place.offset, reason: .impossibleLength) }
    }

    /// Bytes of memory it holds.
    package var memoryBytes: Int { bytes.capacity }

    /// The stretches that hold at least one event of a topic for which `matches` holds, or numbers without an event, in
    /// order. Stretches less than `LogLimits.runGapBytes` apart are one: reading on costs less than reading twice.
    package func runs(forTopicsMatching matches: (UnsafeRawBufferPointer) -> Bool) -> [LogRun] {
        var isWanted = [Bool](repeating: false, count: batches)
        _ = walk { topic, places in
            let isAsked = unsafe matches(topic.base)
            guard isAsked || topic.count == 0 else { return true }
            for place in 0..<places.count / 4 { isWanted[Int(places.u32(place * 4))] = true }
            return true
        }
        var runs: [LogRun] = []
        for batch in isWanted.indices where isWanted[batch] {
            let run = LogRun(offset: offset(batch), end: end(batch), first: firstNumber(batch), last: lastNumber(batch))
            if let previous = runs.last, run.offset - previous.end < UInt64(LogLimits.runGapBytes) {
                runs[runs.count - 1].end = run.end
                runs[runs.count - 1].last = run.last
            } else {
                runs.append(run)
            }
        }
        return runs
    }

    private func offset(_ batch: Int) -> UInt64 {
        UInt64(bytes.bytes(0..<count).u32(8 + 8 * batch)) * UInt64(LogLimits.blockBytes)
    }

    private func end(_ batch: Int) -> UInt64 { batch + 1 < batches ? offset(batch + 1) : batchesEnd }

    private func lastNumber(_ batch: Int) -> SequenceNumber {
        SequenceNumber(first.rawValue - 1 + UInt64(bytes.bytes(0..<count).u32(12 + 8 * batch)))
    }

    private func firstNumber(_ batch: Int) -> SequenceNumber { batch == 0 ? first : lastNumber(batch - 1).next }

    /// Lengths agree, batches are in order, and topics name batches that are there.
    private var isSound: Bool {
        guard count >= 8, batches <= (count - 8) / 8 else { return false }
        for batch in 0..<batches
        where offset(batch) >= end(batch) || firstNumber(batch).rawValue > lastNumber(batch).rawValue + 1 {
            return false
        }
        return walk { _, places in
            (0..<places.count / 4).allSatisfy { Int(places.u32($0 * 4)) < batches }
        }
    }

    /// Walks topics and their batches; false when lengths do not agree or `body` says so.
    private func walk(_ body: (_ topic: LogBytes, _ batches: LogBytes) -> Bool) -> Bool {
        let all = bytes.bytes(0..<count)
        var offset = 8 + 8 * batches
        for _ in 0..<all.u32(0) {
            guard offset + 8 <= count else { return false }
            let textBytes = Int(all.u32(offset))
            let text = offset + 8
            let places = text + (textBytes + 3) / 4 * 4
            let end = places + Int(all.u32(offset + 4)) * 4
            guard textBytes <= Int(UInt16.max), end <= count else { return false }
            guard body(all.slice(text..<text + textBytes), all.slice(places..<end)) else { return false }
            offset = end
        }
        return offset == count
    }
}
