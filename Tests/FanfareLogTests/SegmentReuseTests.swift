import FanfareBase
import FanfareLog
import Testing

/// Retention gives a segment's file to the next segment; nobody takes what is left in it for something of the log.
@Suite struct SegmentReuseTests {
    private static func configuration(_ segments: Int = 3) -> LogConfiguration {
        var configuration = LogHarness.small()
        configuration.retentionBytes = UInt64(segments) * 64 << 10
        return configuration
    }

    private func fill(_ log: LogHarness, _ events: Range<Int>) {
        for index in events { log.publish("event \(index)", dataBytes: 2000 + index % 5 * 900) }
    }

    @Test func aRetiredSegmentsFileIsUsedAgainInsteadOfFillingANewOne() throws {
        let log = try LogHarness(configuration: Self.configuration())
        fill(log, 0..<300)
        let reused = log.performed.filter { $0.hasPrefix("open spare") }.count
        let made = log.performed.filter { $0.hasPrefix("open prepared") }.count
        #expect(reused > 10)
        #expect(made <= 4)
        #expect(log.storage.files.count < 10)
        let read = try log.read()
        let floor = log.writer.catalog.firstRetained.rawValue
        #expect(read.events.count == 300 - Int(floor) + 1)
        #expect(read.events.allSatisfy { $0.value == "event \($0.key - 1)" })
    }

    @Test func whatAFileHeldBeforeIsNoUnfinishedWrite() throws {
        for events in 100..<140 {
            let log = try LogHarness(configuration: Self.configuration())
            fill(log, 0..<events)
            let storage = log.storage.crashed(.losesUnsynced)
            let report = LogVerifier.verify(storage)
            #expect(report.isHealthy && report.unfinished.isEmpty, "\(events) events: \(report)")
            let again = try LogHarness(storage, configuration: Self.configuration())
            #expect(again.report.cut == nil, "\(events) events")
            #expect(try again.read().events.count == log.read().events.count, "\(events) events")
            var shown = 0
            var printer = try LogPrinter(again.storage, after: .zero)
            while let item = try printer.next() {
                switch item {
                case .event: shown += 1
                case .lost: break
                case .damage(let damage): Issue.record("\(events) events: \(damage)")
                }
            }
            #expect(shown == (try again.read().events.count))
        }
    }

    @Test func damageInAReusedFileIsStillFound() throws {
        let log = try LogHarness(configuration: Self.configuration())
        fill(log, 0..<130)
        let segments = log.writer.catalog.all
        for segment in segments.dropLast() {
            for offset in [4096, 4096 + 200, Int(segment.readableEnd) - 4096] {
                let storage = log.storage.crashed(.losesUnsynced)
                storage.damage(segment.fileName, at: offset)
                let report = LogVerifier.verify(storage)
                #expect(report.exitCode == 65, "\(segment.fileName) at \(offset): \(report)")
                #expect(report.damage.first?.file == segment.fileName)
                var places: [LogDamage] = []
                var printer = try LogPrinter(storage, after: .zero)
                while let item = try printer.next() {
                    if case .damage(let damage) = item { places.append(damage) }
                }
                #expect(places.count == 1, "\(segment.fileName) at \(offset): \(places)")
            }
        }
    }

    @Test func aReaderWithTheOldFileOpenFindsNothingOfItsOwnInIt() throws {
        let log = try LogHarness(configuration: Self.configuration())
        fill(log, 0..<40)
        let oldest = try #require(log.writer.catalog.all.first)
        let end = oldest.readableEnd
        var next = 40
        let opened = "open \(oldest.fileName.replacing("segment", with: "spare").dropLast(4))"
        while !log.performed.contains(opened) || log.writer.catalog.all.last?.readableEnd ?? 0 < 30_000 {
            fill(log, next..<next + 1)
            next += 1
        }
        // The file of `oldest` is the newest segment's now: what its old descriptor reads is refused.
        let name = try #require(log.writer.catalog.all.last?.fileName)
        let bytes = try log.storage.copy(name, at: 4096, count: Int(end) - 4096)
        unsafe bytes.withUnsafeBytes { bytes in
            var reader = unsafe BatchReader(
                identity: log.writer.identity, segment: oldest.number, offset: 4096, bytes: bytes)
            #expect(throws: LogDamage.self) { _ = try reader.next() }
        }
        #expect(oldest.last < log.writer.catalog.firstRetained)
    }

    @Test func aCrashWhileFilesAreUsedAgainLosesNothingThatIsRetained() throws {
        let storage = MemoryStorage()
        storage.records = true
        let configuration = Self.configuration(2)
        let log = try LogHarness(storage, configuration: configuration)
        struct Mark {
            var changes: Int
            var synced: UInt64
            var floor: UInt64
        }
        var marks: [Mark] = []
        let writer = log.writer
        log.afterAction = {
            marks.append(
                Mark(
                    changes: storage.changes.count, synced: writer.syncedThrough.rawValue,
                    floor: writer.catalog.firstRetained.rawValue))
        }
        fill(log, 0..<60)
        #expect(log.performed.contains { $0.hasPrefix("open spare") })
        let replay = MemoryStorage()
        for count in 0...storage.changes.count {
            if count > 0 { try replay.apply(storage.changes[count - 1]) }
            guard let mark = marks.last(where: { $0.changes <= count }) else { continue }
            for crash in [MemoryStorage.Crash.losesUnsynced, .keepsAll, .tears(seed: UInt64(count))] {
                let place = "after \(count) changes: \(crash)"
                // Without a limit, lest this start gives up what it finds.
                let again = try LogHarness(replay.crashed(crash))
                let read = try again.read()
                for number in mark.floor..<mark.synced + 1 {
                    #expect(read.events[number] == "event \(number - 1)", "\(place): event \(number)")
                }
                #expect(again.publish("new") == .appended(SequenceNumber(again.opened.rawValue + 1)), "\(place)")
                #expect(LogVerifier.verify(again.storage.crashed(.losesUnsynced)).isHealthy, "\(place)")
            }
        }
    }

    @Test func eventsLeaveByAgeThoughNothingIsPublished() throws {
        var configuration = LogHarness.small()
        configuration.retentionAgeSeconds = 60
        let log = try LogHarness(configuration: configuration)
        fill(log, 0..<3)
        log.advance(milliseconds: 59_000)
        log.turn()
        #expect(try log.read().events.count == 3)
        for _ in 0..<4 {
            log.advance(milliseconds: 60_001)
            #expect(try #require(log.writer.nextDeadline) <= log.time.monotonic)
            log.turn()
        }
        #expect(log.writer.catalog.firstRetained == SequenceNumber(4))
        #expect(try log.read().events.isEmpty)
        #expect(log.storage.files["segment-0000000001.log"] == nil)
        // Once: a segment without events is not given up over and over.
        let performed = log.performed.count
        log.advance(milliseconds: 600_000)
        log.turn()
        #expect(log.performed.count == performed)
        let again = try LogHarness(log.storage.crashed(.losesUnsynced), configuration: configuration)
        #expect(again.publish("next") == .appended(SequenceNumber(4)))
        log.writer.stop()
        log.turn()
        #expect(log.writer.isStopped)
    }

    @Test func aFullDiskDoesNotKeepAReusedFileFromBeingWritten() throws {
        let log = try LogHarness(configuration: Self.configuration())
        fill(log, 0..<60)
        // No new file can be made; the row goes on in the files that are there.
        log.intercept = { if case .open(_, _, true) = $0 { -28 } else { nil } }
        fill(log, 60..<200)
        #expect(log.writer.committedThrough == SequenceNumber(200))
        #expect(log.withdrawn.isEmpty)
    }

    @Test func theNextSegmentIsFilledAtTheLogsPaceAndSyncedPieceByPiece() throws {
        var configuration = LogHarness.small()
        configuration.segmentBytes = 16 << 20
        let log = try LogHarness(configuration: configuration)
        let begun = configuration.segmentBytes / LogLimits.preparationShare
        var written = 0
        var unsynced = 0
        log.intercept = { kind in
            switch kind {
            case .write(_, _, let count, _, let sync):
                unsynced = sync ? 0 : unsynced + count
                #expect(unsynced <= LogLimits.blockBytes)
            default: break
            }
            return nil
        }
        let prepared = { log.storage.files.first { $0.key.hasPrefix("prepared") }?.value.bytes.count ?? 0 }
        var most = 0
        while log.storage.files["segment-0000000002.log"] == nil {
            try #require(written < 8 << 20, "it is ready long before it is needed")
            log.publish("event \(written)", dataBytes: 3500)
            written = Int(try #require(log.writer.catalog.all.first).readableEnd)
            let allowed =
                max(0, written - begun) * LogLimits.preparationPace + LogLimits.fillBytes + LogLimits.blockBytes
            #expect(prepared() <= allowed, "\(written) bytes written")
            most = max(most, prepared())
        }
        #expect(most > configuration.segmentBytes / 2)
    }

    @Test func anEventThatNeedsTheNextSegmentAtOnceIsNotLeftWaitingForIt() throws {
        var configuration = LogHarness.small()
        configuration.segmentBytes = 16 << 20
        // After 100 its preparation has not begun, after 300 it rests.
        for (small, large) in [(100, (15 << 20) + 700_000), (300, 15 << 20)] {
            let log = try LogHarness(configuration: configuration)
            fill(log, 0..<small)
            #expect(log.storage.files.keys.contains { $0.hasPrefix("prepared") } == (small == 300))
            #expect(log.storage.files["segment-0000000002.log"] == nil)
            log.publish("large", dataBytes: large)
            #expect(log.writer.committedThrough == SequenceNumber(UInt64(small) + 1), "after \(small) events")
            #expect(log.storage.files["segment-0000000002.log"] != nil)
        }
    }

    @Test func aLogStopsAfterItsSegmentsWereMadeLarger() throws {
        var larger = LogHarness.small()
        larger.segmentBytes = 16 << 20
        for events in 0..<16 {
            let small = try LogHarness(configuration: Self.configuration())
            fill(small, 0..<events)
            let log = try LogHarness(small.storage.crashed(.losesUnsynced), configuration: larger)
            log.writer.stop()
            log.turn()
            #expect(log.writer.isStopped, "after \(events) events")
            #expect(LogVerifier.verify(log.storage.crashed(.losesUnsynced)).isHealthy)
        }
    }
}
