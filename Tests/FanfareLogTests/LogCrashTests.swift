import FanfareBase
import FanfareLog
import Testing

/// Runs a workload once, then crashes after every change it made to the storage, in several ways, and opens what is left.
@Suite struct LogCrashTests {
    /// What was known to users after so many changes.
    struct Mark {
        var changes: Int
        var synced: UInt64
        var visible: UInt64
        var acknowledged: [UInt64: String]
    }

    final class Run {
        let storage = MemoryStorage()
        let log: LogHarness
        var marks: [Mark] = []
        var acknowledged: [UInt64: String] = [:]
        /// Numbers that anyone has seen, in 'written' mode possibly before they were synced.
        var seen: [UInt64: String] = [:]

        init() throws {
            storage.records = true
            log = try LogHarness(storage)
            mark()
            log.afterAction = { [unowned self] in self.mark() }
        }

        func mark() {
            for batch in log.committed {
                for index in 0..<batch.count {
                    let record = batch.record(index)
                    seen[record.sequence.rawValue] = TestRecord.id(of: record)
                }
            }
            log.committed = []
            let synced = log.writer.syncedThrough.rawValue
            acknowledged = seen.filter { $0.key <= synced }
            marks.append(
                Mark(
                    changes: storage.changes.count, synced: synced, visible: log.writer.committedThrough.rawValue,
                    acknowledged: acknowledged))
        }
    }

    private func check(_ run: Run, _ replay: MemoryStorage, at count: Int, _ crash: MemoryStorage.Crash) throws {
        let mark = run.marks.last { $0.changes <= count } ?? run.marks[0]
        let place = "after \(count) changes: \(crash)"
        let again = try LogHarness(replay.crashed(crash))
        let read = try again.read()
        let head = again.opened.rawValue
        // Acknowledged is a subset of readable, with the same contents.
        for (number, id) in mark.acknowledged {
            #expect(read.events[number] == id, "\(place): event \(number)")
        }
        // Every number is an event or lost, and nothing else.
        let lost = read.lost.reduce(0) { $0 + $1.count }
        #expect(read.events.count + lost == Int(head), "\(place): every number is accounted for")
        for number in read.events.keys {
            #expect(!read.lost.contains { $0.contains(number) }, "\(place): \(number) is lost and there")
        }
        // A number that was seen is never given to another event.
        let next = again.publish("new after \(count)")
        #expect(next == .appended(SequenceNumber(head + 1)), "\(place)")
        #expect(head >= mark.visible, "\(place): number \(head + 1) was seen before")
        for (number, id) in read.events where number <= mark.visible {
            #expect(run.seen[number] == id || run.seen[number] == nil, "\(place): event \(number)")
        }
        // And once more: what this start made durable stays.
        let third = try LogHarness(again.storage.crashed(.losesUnsynced))
        #expect(try third.read().events.count == read.events.count + 1, "\(place): the second restart")
    }

    private func checkAll(_ run: Run) throws {
        let replay = MemoryStorage()
        for count in 0...run.storage.changes.count {
            if count > 0 { try replay.apply(run.storage.changes[count - 1]) }
            for crash in [MemoryStorage.Crash.losesUnsynced, .keepsAll, .tears(seed: UInt64(count))] {
                // Before the log was first open nobody knows anything.
                if count < run.marks[0].changes {
                    _ = try LogHarness(replay.crashed(crash))
                } else {
                    try check(run, replay, at: count, crash)
                }
            }
        }
    }

    @Test func nothingSyncedIsLostAtAnyCrashPoint() throws {
        let run = try Run()
        for index in 0..<16 {
            for more in 0...index % 3 {
                run.log.append("event \(index).\(more)", topic: "t.\(index % 5)", dataBytes: 5000)
            }
            run.log.turn()
        }
        #expect(run.log.writer.catalog.all.count > 2)
        try checkAll(run)
    }

    @Test func noSeenNumberIsGivenAgainThoughItWasOnlyWritten() throws {
        let run = try Run()
        for index in 0..<25 {
            let durability: Durability = index % 7 == 3 ? .synced : .written
            run.log.append("event \(index)", dataBytes: 4500, durability: durability)
            run.log.turn()
            run.log.advance(milliseconds: index % 5 == 0 ? 700 : 30)
        }
        try checkAll(run)
    }

    @Test func anOrderlyStopLosesNoNumber() throws {
        let log = try LogHarness()
        for index in 0..<5 { log.publish("event \(index)", durability: .written) }
        log.writer.stop()
        log.turn()
        #expect(log.writer.isStopped)
        #expect(log.append("late") == .refused(.stopped))
        let again = try LogHarness(log.storage.crashed(.losesUnsynced))
        #expect(again.report.wasCleanStop)
        #expect(again.report.lost == nil)
        #expect(again.publish("next") == .appended(SequenceNumber(6)))
    }

    @Test func anUncleanStopGivesUpTheNumbersReservedForWrittenEvents() throws {
        let log = try LogHarness()
        for index in 0..<5 { log.publish("event \(index)", durability: .written) }
        let again = try LogHarness(log.storage.crashed(.keepsAll))
        let lost = try #require(again.report.lost)
        #expect(lost.lowerBound == SequenceNumber(6))
        #expect(again.publish("next") == .appended(lost.upperBound.next))
        let read = try again.read()
        #expect(read.lost == [lost.lowerBound.rawValue...lost.upperBound.rawValue])
        #expect(read.events.count == 6)
    }
}
