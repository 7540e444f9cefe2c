import FanfareBase

/// Which batches of the segment being written hold which topics, and which numbers each batch ends with.
///
/// Lost ranges are noted under the empty topic, which no event has: readers must not skip them, they are gaps to be told.
///
/// Invariant: a topic's batches are in order and named once each. At a limit it becomes `isComplete == false` for the
/// rest of the segment, and the segment is sealed without a topic index. Keeps its memory between segments.
struct TopicIndexBuilder {
    private var slots = [UInt32](repeating: 0, count: 256)
    private var text: [UInt8] = []
    private var topics: [Topic] = []
    private var postings: [(topic: UInt32, batch: UInt32)] = []
    /// Per batch: the block it begins at, and how many numbers the segment accounts for up to its end.
    private var batches: [(block: UInt32, numbers: UInt32)] = []
    private(set) var isComplete = true

    private struct Topic {
        var start: UInt32
        var bytes: UInt16
        var hash: Int
        var lastBatch: UInt32
        var batches: UInt32
    }

    /// Bytes of the section as it stands.
    var encodedBytes: Int {
        isComplete ? 8 + batches.count * 8 + text.count + topics.count * 12 + postings.count * 4 : 0
    }

    mutating func reset() {
        for index in slots.indices { slots[index] = 0 }
        text.removeAll(keepingCapacity: true)
        topics.removeAll(keepingCapacity: true)
        postings.removeAll(keepingCapacity: true)
        batches.removeAll(keepingCapacity: true)
        isComplete = true
    }

    /// Notes that the batch which `endBatch` tells of next holds an event of `topic`.
    mutating func note(_ topic: LogBytes) {
        guard isComplete else { return }
        let batch = UInt32(batches.count)
        let index = indexOf(topic)
        guard topics[index].lastBatch != batch else { return }
        topics[index].lastBatch = batch
        topics[index].batches += 1
        postings.append((UInt32(index), batch))
        isComplete = postings.count < LogLimits.topicPostingsMax && text.count < LogLimits.topicTextBytesMax
    }

    /// A batch that begins at `offset` is complete; `numbers` are accounted for from the segment's first to its last.
    mutating func endBatch(at offset: UInt64, numbers: UInt64) {
        guard isComplete, let numbers = UInt32(exactly: numbers) else { return isComplete = false }
        batches.append((UInt32(offset / UInt64(LogLimits.blockBytes)), numbers))
    }

    /// Writes the section: how many topics and batches; for each batch its block and the numbers up to its end; for each
    /// topic its text's length, its batches' count, the text (padded to 4) and the batches' indices.
    func write(to memory: LogMemory, at start: Int) {
        var places = [Int](repeating: 0, count: topics.count)
        memory.store(UInt32(topics.count), at: start)
        memory.store(UInt32(batches.count), at: start + 4)
        var offset = start + 8
        for batch in batches {
            memory.store(batch.block, at: offset)
            memory.store(batch.numbers, at: offset + 4)
            offset += 8
        }
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
            memory.store(posting.batch, at: places[Int(posting.topic)])
            places[Int(posting.topic)] += 4
        }
    }

    /// The exact bytes `write` takes.
    var sectionBytes: Int {
        topics.reduce(8 + batches.count * 8) { $0 + 8 + (Int($1.bytes) + 3) / 4 * 4 + 4 * Int($1.batches) }
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
            Topic(start: start, bytes: UInt16(topic.count), hash: hash, lastBatch: .max, batches: 0))
        slots[slot] = UInt32(topics.count)
        return topics.count - 1
    }

    private func isText(_ topic: Topic, _ other: LogBytes) -> Bool {
        guard Int(topic.bytes) == other.count else { return false }
        let own = text.span.extracting(Int(topic.start)..<Int(topic.start) + other.count)
        // Safe: compared within the closure.
        return unsafe own.withUnsafeBytes { unsafe LogBytes($0).isEqual(to: other) }
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
