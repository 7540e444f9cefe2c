import FanfareBase
import FanfareLog
import Testing

@Suite struct LogWriterTests {
    @Test func anEventIsNumberedWrittenAndRead() throws {
        let log = try LogHarness()
        #expect(log.publish("one") == .appended(SequenceNumber(1)))
        #expect(log.publish("two") == .appended(SequenceNumber(2)))
        #expect(log.writer.committedThrough == SequenceNumber(2))
        #expect(log.writer.syncedThrough == SequenceNumber(2))
        #expect(log.committed.count == 2)
        let record = log.committed[1].record(0)
        #expect(record.sequence == SequenceNumber(2))
        #expect(record.time == log.time.wall)
        let position = Position(log: log.writer.identity.log, sequence: SequenceNumber(2))
        #expect(TestRecord.text(of: record).contains("\"\(position)\","))
        #expect(try log.read().events == [1: "one", 2: "two"])
    }

    @Test func whatComesWhileABatchIsWrittenIsOneBatch() throws {
        let log = try LogHarness()
        log.holds = true
        log.publish("one")
        #expect(log.heldCount == 1)
        for index in 0..<5 { log.publish("more \(index)") }
        #expect(log.heldCount == 1)
        #expect(log.committed.isEmpty)
        log.release(1)
        #expect(log.committed.map(\.count) == [1])
        log.release(1)
        #expect(log.committed.map(\.count) == [1, 5])
    }

    @Test func aRestartGoesOnWhereTheLogEnded() throws {
        let log = try LogHarness()
        for index in 0..<10 { log.publish("event \(index)") }
        let again = try LogHarness(log.storage.crashed(.losesUnsynced))
        #expect(again.report.lost == nil)
        #expect(again.publish("next") == .appended(SequenceNumber(11)))
        #expect(try again.read().events.count == 11)
        #expect(again.writer.generation == 2)
    }

    @Test func manySegmentsAreWrittenSealedAndReadBack() throws {
        let log = try LogHarness()
        for index in 0..<200 { log.publish("event \(index)", topic: "t.\(index % 7)", dataBytes: 2000) }
        #expect(log.writer.catalog.all.count > 5)
        #expect(try log.read().events.count == 200)
        let again = try LogHarness(log.storage.crashed(.losesUnsynced))
        #expect(again.report.scannedSegments == 0)
        let read = try again.read()
        #expect(read.events.count == 200)
        #expect(read.lost.isEmpty)
        #expect(again.publish("event 3", topic: "t.3") == .duplicate(of: SequenceNumber(4)))
    }

    @Test func aLargeBatchsMemoryIsUsedAgainOnceNobodyHoldsIt() throws {
        var configuration = LogHarness.small()
        configuration.segmentBytes = 16 << 20
        configuration.batchBytesMax = 1 << 20
        configuration.backlogBytesMax = 4 << 20
        let log = try LogHarness(configuration: configuration)
        let publish = { (id: String) throws -> Int in
            log.publish(id, dataBytes: 200_000)
            return unsafe Int(bitPattern: try #require(log.committed.last).record(0).bytes.baseAddress)
        }
        let first = try publish("1")
        let second = try publish("2")
        #expect(second != first, "it is held")
        log.committed.removeFirst()
        #expect(try publish("3") == first)
        #expect(try publish("4") != second)
        #expect(try log.read().events == [1: "1", 2: "2", 3: "3", 4: "4"])
    }
}
