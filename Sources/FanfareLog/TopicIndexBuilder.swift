import FanfareBase

/// Which batches of the segment being written hold which topics.
///
/// Invariant: a topic's batches are in order and named once each. At a limit it becomes `isComplete == false` for the
/// rest of the segment, and the segment is sealed without a topic index. Keeps its memory between segments.
struct TopicIndexBuilder {
    private var slots = [UInt32](repeating: 0, count: 256)
    private var text: [UInt8] = []
    private var topics: [Topic] = []
    private var postings: [(topic: UInt32, block: UInt32)] = []
    private(set) var isComplete = true

    private struct Topic {
        var start: UInt32
        var bytes: UInt16
        var hash: Int
        var lastBlock: UInt32
        var batches: UInt32
    }

    /// Bytes of the section as it stands.
    var encodedBytes: Int { isComplete ? 8 + text.count + topics.count * 12 + postings.count * 4 : 0 }

    mutating func reset() {
        for index in slots.indices { slots[index] = 0 }
        text.removeAll(keepingCapacity: true)
        topics.removeAll(keepingCapacity: true)
        postings.removeAll(keepingCapacity: true)
        isComplete = true
    }

    /// Notes that the batch at `offset` holds an event of `topic`.
    mutating func note(_ topic: LogBytes, batchOffset offset: UInt64) {
        guard isComplete else { return }
        let block = UInt32(offset / UInt64(LogLimits.blockBytes))
        let index = indexOf(topic)
        guard topics[index].lastBlock != block else { return }
        topics[index].lastBlock = block
        topics[index].batches += 1
        postings.append((UInt32(index), block))
        isComplete = postings.count < LogLimits.topicPostingsMax && text.count < LogLimits.topicTextBytesMax
    }

    /// Writes the section: count, 0, then for each topic its text's length, its batches' count, the text (padded to 4)
    /// and the batches' block numbers.
    func write(to memory: LogMemory, at start: Int) {
        var places = [Int](repeating: 0, count: topics.count)
        memory.store(UInt32(topics.count), at: start)
        memory.store(UInt32(0), at: start + 4)
        var offset = start + 8
        for (index, topic) in topics.enumerated() {
            memory.store(UInt32(topic.bytes), at: offset)
            memory.store(topic.batches, at: offset + 4)
            offset += 8
            for byte in 0..<Int(topic.bytes) {
                memory.store(text[Int(topic.start) + byte], at: offset + byte)
            }
            let padded = (Int(topic.bytes) + 3) / 4 * 4
            memory.zero(offset + Int(topic.bytes)..<offset + padded)
            offset += padded
            places[index] = offset
            offset += 4 * Int(topic.batches)
        }
        for posting in postings {
            memory.store(posting.block, at: places[Int(posting.topic)])
            places[Int(posting.topic)] += 4
        }
    }

    /// The exact bytes `write` takes.
    var sectionBytes: Int {
        topics.reduce(8) { $0 + 8 + (Int($1.bytes) + 3) / 4 * 4 + 4 * Int($1.batches) }
    }

    private mutating func indexOf(_ topic: LogBytes) -> Int {
        if topics.count * 2 >= slots.count { grow() }
        var hasher = Hasher()
        unsafe hasher.combine(bytes: topic.base)
        let hash = hasher.finalize()
        var slot = hash & (slots.count - 1)
        while slots[slot] != 0 {
            let candidate = topics[Int(slots[slot]) - 1]
            if candidate.hash == hash, isText(candidate, topic) { return Int(slots[slot]) - 1 }
            slot = (slot + 1) & (slots.count - 1)
        }
        let start = UInt32(text.count)
        unsafe text.append(contentsOf: topic.base)
        topics.append(
            Topic(start: start, bytes: UInt16(topic.count), hash: hash, lastBlock: .max, batches: 0))
        slots[slot] = UInt32(topics.count)
        return topics.count - 1
    }

    private func isText(_ topic: Topic, _ other: LogBytes) -> Bool {
        guard Int(topic.bytes) == other.count else { return false }
        for index in 0..<other.count where text[Int(topic.start) + index] != other.u8(index) { return false }
        return true
    }

    private mutating func grow() {
        slots = [UInt32](repeating: 0, count: slots.count * 2)
        for (index, topic) in topics.enumerated() {
            var slot = topic.hash & (slots.count - 1)
            while slots[slot] != 0 { slot = (slot + 1) & (slots.count - 1) }
            slots[slot] = UInt32(index + 1)
        }
    }
}
