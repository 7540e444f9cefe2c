import FanfareBase
import FanfareLog
import Testing

@Suite struct LogFaultTests {
    @Test func shortWritesAreContinuedAndSynced() throws {
        let log = try LogHarness()
        log.writeLimit = 1000
        for index in 0..<20 { log.publish("event \(index)", dataBytes: 5000) }
        #expect(log.writer.syncedThrough == SequenceNumber(20))
        #expect(try LogHarness(log.storage.crashed(.losesUnsynced)).read().events.count == 20)
    }

    @Test func aFailedSyncIsFinal() throws {
        let log = try LogHarness()
        log.publish("one")
        log.intercept = { if case .write = $0 { -5 } else { nil } }
        log.publish("two")
        #expect(log.writer.failure?.code == 5)
        #expect(log.append("three") == .refused(.stopped))
        #expect(log.writer.committedThrough == SequenceNumber(1))
        #expect(log.writer.nextAction() == nil)
        #expect(log.writer.nextDeadline == nil)
    }

    @Test func aFullDiskRefusesPublishingUntilThereIsSpace() throws {
        let log = try LogHarness()
        log.publish("one")
        log.intercept = { if case .write = $0 { -28 } else { nil } }
        #expect(log.publish("two") == .appended(SequenceNumber(2)))
        #expect(log.withdrawn == [SequenceNumber(2)...SequenceNumber(2)])
        #expect(log.publish("three") == .refused(.noSpace))
        log.advance(milliseconds: 1000)
        log.turn()
        #expect(log.publish("three") == .refused(.noSpace))
        log.intercept = nil
        #expect(log.writer.nextDeadline != nil)
        log.advance(milliseconds: 1000)
        log.turn()
        #expect(log.publish("two") == .appended(SequenceNumber(2)))
        #expect(log.publish("two") == .duplicate(of: SequenceNumber(2)))
        #expect(try log.read().events == [1: "one", 2: "two"])
        #expect(try LogHarness(log.storage.crashed(.losesUnsynced)).read().events == [1: "one", 2: "two"])
    }

    @Test func whenTheNextSegmentFindsNoSpacePublishingStopsAtTheEndOfThisOne() throws {
        let log = try LogHarness()
        log.intercept = { if case .open(_, _, true) = $0 { -28 } else { nil } }
        var accepted = 0
        for index in 0..<60 {
            log.advance(milliseconds: 100)
            if case .appended = log.publish("event \(index)", dataBytes: 5000) { accepted += 1 }
        }
        #expect(log.publish("late") == .refused(.noSpace))
        log.intercept = nil
        log.advance(milliseconds: 1000)
        log.turn()
        #expect(log.writer.failure == nil)
        guard case .appended = log.publish("late") else {
            Issue.record("publishing did not recover")
            return
        }
        #expect(accepted > 10)
        let read = try log.read()
        #expect(read.events.count == Int(log.writer.committedThrough.rawValue))
    }

    @Test func theBacklogIsBounded() throws {
        let log = try LogHarness()
        log.holds = true
        var refusals = 0
        for index in 0..<100 where log.publish("event \(index)", dataBytes: 4000) == .refused(.full) { refusals += 1 }
        #expect(refusals > 50)
        #expect(log.writer.pendingBytes < 100 << 10)
        log.holds = false
        log.release()
        log.turn()
        #expect(log.writer.pendingBytes == 0)
        #expect(try log.read().events.count == 100 - refusals)
    }

    @Test func aRecordLargerThanABatchOrASegmentIsTaken() throws {
        let log = try LogHarness()
        log.publish("small")
        #expect(log.publish("large", dataBytes: 200_000) == .appended(SequenceNumber(2)))
        log.publish("next")
        #expect(try log.read().events == [1: "small", 2: "large", 3: "next"])
        #expect(try LogHarness(log.storage.crashed(.losesUnsynced)).read().events.count == 3)
    }

    @Test func theOldestSegmentsLeaveWhenTheLogIsTooLarge() throws {
        var configuration = LogHarness.small()
        configuration.retentionBytes = 256 << 10
        let log = try LogHarness(configuration: configuration)
        for index in 0..<150 { log.publish("event \(index)", dataBytes: 5000) }
        let floor = log.writer.catalog.firstRetained
        #expect(floor > SequenceNumber(1))
        #expect(log.storage.files.keys.filter { $0.hasPrefix("segment") }.count <= 6)
        let read = try log.read()
        #expect(read.lost == [1...floor.rawValue - 1])
        #expect(read.events.count == 150 - Int(floor.rawValue) + 1)
        let again = try LogHarness(log.storage.crashed(.losesUnsynced), configuration: configuration)
        #expect(try again.read().events.count == read.events.count)
    }

    @Test func oldSegmentsLeaveByAge() throws {
        var configuration = LogHarness.small()
        configuration.retentionAgeSeconds = 60
        let log = try LogHarness(configuration: configuration)
        for index in 0..<30 { log.publish("event \(index)", dataBytes: 5000) }
        #expect(log.writer.catalog.firstRetained == SequenceNumber(1))
        log.advance(milliseconds: 121_000)
        log.turn()
        #expect(log.writer.catalog.firstRetained > SequenceNumber(1))
        #expect(
            log.performed.filter { $0.hasPrefix("unlink") }.count == log.performed.filter { $0 == "sync directory" }
                .count
                - log.performed.filter { $0.hasPrefix("rename") }.count)
    }

    @Test func duplicatesAreKnownWithinTheWindowAndAcrossRestarts() throws {
        let log = try LogHarness()
        for index in 0..<40 { log.publish("event \(index)", dataBytes: 3000) }
        #expect(log.publish("event 0") == .duplicate(of: SequenceNumber(1)))
        #expect(log.publish("event 0", topic: "other") == .appended(SequenceNumber(41)))
        let again = try LogHarness(log.storage.crashed(.losesUnsynced), seconds: 1_800_000_300)
        for index in 0..<40 {
            #expect(again.publish("event \(index)") == .duplicate(of: SequenceNumber(UInt64(index) + 1)))
        }
        again.advance(milliseconds: 301_000)
        #expect(again.publish("event 0") == .appended(SequenceNumber(42)))
    }

    @Test func writtenEventsAreAcknowledgedBeforeTheirSync() throws {
        let log = try LogHarness()
        log.publish("first", durability: .written)
        let before = log.performed.filter { $0.contains("sync segment") }.count
        log.publish("second", durability: .written)
        #expect(log.performed.filter { $0.contains("sync segment") }.count == before)
        #expect(log.writer.committedThrough == SequenceNumber(2))
        #expect(log.writer.syncedThrough == SequenceNumber(1))
        let deadline = try #require(log.writer.nextDeadline)
        #expect(deadline <= log.time.monotonic.advanced(byMilliseconds: 1000))
        log.advance(milliseconds: 1000)
        log.turn()
        #expect(log.writer.syncedThrough == SequenceNumber(2))
    }
}
