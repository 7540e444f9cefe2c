import FanfareBase

/// A sealed segment's index from topic to batches: lets catching up read only what may match.
package struct SegmentIndex {
    private let bytes: LogMemory
    private let count: Int

    /// The index in `section`, the bytes at `Segment.topicIndex`. Throws when they are not a whole, valid index.
    package init(section: UnsafeRawBufferPointer, of segment: Segment, identity: LogIdentity) throws(LogDamage) {
        try self.init(
            unsafe LogBytes(section), file: segment.fileName, offset: segment.topicIndex?.offset ?? 0,
            seed: identity.checksumSeed)
    }

    init(_ section: LogBytes, file: String, offset: UInt64, seed: UInt32) throws(LogDamage) {
        // The section ends in its own checksum, so that it can be read without the footer.
        guard section.count >= 12, section.u32(section.count - 4) == section.checksum(0..<section.count - 4, seed: seed)
        else { throw LogDamage(file: file, offset: offset, reason: .bodyChecksum) }
        count = section.count - 4
        bytes = LogMemory(capacity: section.count)
        bytes.copy(section, at: 0)
        guard walk({ _, _ in }) else { throw LogDamage(file: file, offset: offset, reason: .impossibleLength) }
    }

    /// Where the batches begin that hold at least one event of a topic for which `matches` holds, in order.
    package func offsets(forTopicsMatching matches: (UnsafeRawBufferPointer) -> Bool) -> [UInt64] {
        var blocks: [UInt32] = []
        _ = walk { topic, places in
            guard unsafe matches(topic.base) else { return }
            for place in 0..<places.count / 4 { blocks.append(places.u32(place * 4)) }
        }
        blocks.sort()
        var offsets: [UInt64] = []
        for block in blocks {
            let offset = UInt64(block) * UInt64(LogLimits.blockBytes)
            if offsets.last != offset { offsets.append(offset) }
        }
        return offsets
    }

    /// Walks topics and their blocks; false when lengths do not agree.
    private func walk(_ body: (_ topic: LogBytes, _ blocks: LogBytes) -> Void) -> Bool {
        let all = bytes.bytes(0..<count)
        guard count >= 8 else { return false }
        var offset = 8
        for _ in 0..<all.u32(0) {
            guard offset + 8 <= count else { return false }
            let textBytes = Int(all.u32(offset))
            let blocks = Int(all.u32(offset + 4))
            let text = offset + 8
            let places = text + (textBytes + 3) / 4 * 4
            let end = places + blocks * 4
            guard textBytes <= Int(UInt16.max), end <= count else { return false }
            body(all.slice(text..<text + textBytes), all.slice(places..<end))
            offset = end
        }
        return offset == count
    }
}
