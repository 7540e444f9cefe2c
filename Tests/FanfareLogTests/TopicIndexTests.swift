import FanfareBase
import FanfareLog
import Testing

/// What a sealed segment says about where its topics are: what is not in a run is never read.
@Suite struct TopicIndexTests {
    /// A log with three segments at least, in which every twentieth event has the topic `rare`.
    private func sparseLog() throws -> LogHarness {
        var configuration = LogHarness.small()
        configuration.segmentBytes = 1 << 20
        let log = try LogHarness(configuration: configuration)
        for index in 0..<600 {
            log.publish("event \(index)", topic: index % 20 == 7 ? "rare" : "t.\(index % 3)", dataBytes: 5000)
        }
        #expect(log.writer.catalog.all.count > 3)
        return log
    }

    private func section(_ segment: Segment, _ log: LogHarness) throws -> [UInt8] {
        let place = try #require(segment.topicIndex)
        return try log.storage.copy(segment.fileName, at: place.offset, count: place.bytes)
    }

    private func runs(of topic: String, in segment: Segment, _ log: LogHarness) throws -> [LogRun] {
        try unsafe section(segment, log).withUnsafeBytes { section in
            let index = try unsafe SegmentIndex(section: section, of: segment, identity: log.writer.identity)
            return unsafe index.runs { unsafe topic.isEmpty ? true : $0.elementsEqual(Array(topic.utf8)) }
        }
    }

    /// The events in the bytes of `runs`, as a reader finds them.
    private func events(in runs: [LogRun], of segment: Segment, _ log: LogHarness) throws -> [(UInt64, String)] {
        var found: [(UInt64, String)] = []
        for run in runs {
            let bytes = try log.storage.copy(segment.fileName, at: run.offset, count: Int(run.end - run.offset))
            try unsafe bytes.withUnsafeBytes { bytes in
                var reader = unsafe BatchReader(
                    identity: log.writer.identity, segment: segment.number, offset: run.offset, bytes: bytes)
                var numbers: ClosedRange<SequenceNumber>?
                while let batch = try reader.next() {
                    numbers = (numbers?.lowerBound ?? batch.header.first)...batch.header.last
                    for record in batch.records { found.append((record.sequence.rawValue, TestRecord.id(of: record))) }
                }
                #expect(reader.consumed == bytes.count)
                #expect(numbers == run.first...run.last)
            }
        }
        return found
    }

    @Test func runsHoldAllOfATopicAndLeaveOutTheRest() throws {
        let log = try sparseLog()
        for segment in log.writer.catalog.all.dropLast() {
            let rare = try runs(of: "rare", in: segment, log)
            let found = try events(in: rare, of: segment, log)
            let expected = (segment.first.rawValue...segment.last.rawValue).filter { ($0 - 1) % 20 == 7 }
            let numbers = found.map { event in event.0 }.filter { number in (number - 1) % 20 == 7 }
            #expect(numbers == expected)
            // Each event is a batch of two blocks here, so a run is the batch alone.
            #expect(rare.allSatisfy { $0.end - $0.offset == 8192 })
            #expect(rare.count == expected.count)
        }
    }

    @Test func aTopicThatIsEverywhereIsOneRunAndOneThatIsNowhereIsNone() throws {
        let log = try sparseLog()
        let segment = try #require(log.writer.catalog.all.first)
        let all = try runs(of: "", in: segment, log)
        #expect(all.count == 1)
        #expect(all.first?.first == segment.first || all.first?.first == SequenceNumber(1))
        #expect(all.first?.last == segment.last)
        #expect(try runs(of: "nowhere", in: segment, log).isEmpty)
    }

    @Test func numbersWithoutAnEventAreInARunWhateverIsWanted() throws {
        let first = try LogHarness()
        first.publish("seen", durability: .written)
        let log = try LogHarness(first.storage.crashed(.keepsAll))
        let lost = try #require(log.report.lost)
        for index in 0..<40 { log.publish("event \(index)", dataBytes: 5000) }
        let segment = try #require(log.writer.catalog.all.first)
        let nowhere = try runs(of: "nowhere", in: segment, log)
        #expect(nowhere.contains { $0.first <= lost.lowerBound && lost.upperBound <= $0.last })
    }

    @Test func aDamagedIndexIsNoticedWhereverItIsDamaged() throws {
        let log = try sparseLog()
        let segment = try #require(log.writer.catalog.all.first)
        let bytes = try section(segment, log)
        for index in bytes.indices {
            var damaged = bytes
            damaged[index] ^= 1
            #expect(throws: LogDamage.self) {
                try unsafe damaged.withUnsafeBytes { section in
                    _ = try unsafe SegmentIndex(section: section, of: segment, identity: log.writer.identity)
                }
            }
        }
    }

    @Test func theIndexIsTheSameAfterARestartAndWhenItWasMadeAgain() throws {
        let log = try sparseLog()
        let segment = try #require(log.writer.catalog.all.first)
        let before = try runs(of: "rare", in: segment, log)
        let storage = log.storage.crashed(.losesUnsynced)
        let again = try LogHarness(storage)
        #expect(try runs(of: "rare", in: try #require(again.writer.catalog.all.first), again) == before)
        // Without its footer the segment is read whole, and gets one.
        let size = Int(try storage.size(of: segment.fileName))
        for offset in size - 4096..<size { storage.damage(segment.fileName, at: offset) { $0 = 0 } }
        let third = try LogHarness(storage)
        #expect(third.report.scannedSegments == 1)
        #expect(try runs(of: "rare", in: try #require(third.writer.catalog.all.first), third) == before)
    }
}
