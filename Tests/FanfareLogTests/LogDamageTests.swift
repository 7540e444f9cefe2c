import FanfareBase
import FanfareLog
import Testing

@Suite struct LogDamageTests {
    private let segment = "segment-0000000001.log"

    /// Five small synced events, one block each: blocks 1 (opening) to 6; each batch knows that those before were synced.
    private func fiveEvents() throws -> LogHarness {
        let log = try LogHarness()
        for index in 0..<5 { log.publish("event \(index)") }
        return log
    }

    @Test func damageBelowWhatALaterBatchKnowsToBeSyncedIsAnErrorWithThePlace() throws {
        let log = try fiveEvents()
        for block in 1..<6 {
            for byte in [0, 5, 8, 20, 33, 60, 90, 100, 200] where block > 1 || byte < BatchHeader.bytes {
                let storage = log.storage.crashed(.losesUnsynced)
                storage.damage(segment, at: block * 4096 + byte)
                let error = #expect(throws: LogError.self, "block \(block), byte \(byte)") { try LogHarness(storage) }
                guard case .damaged(let damage) = error else {
                    Issue.record("\(String(describing: error))")
                    continue
                }
                #expect(damage.file == segment)
                #expect(damage.offset == UInt64(block * 4096))
                let report = LogVerifier.verify(storage)
                #expect(report.exitCode == 65)
                #expect(report.damage.first == damage)
            }
        }
    }

    @Test func anUnfinishedLastBatchIsCutAndTheLogGoesOn() throws {
        let log = try fiveEvents()
        let storage = log.storage.crashed(.losesUnsynced)
        storage.damage(segment, at: 6 * 4096 + 100)
        let report = LogVerifier.verify(storage)
        #expect(report.exitCode == 0)
        #expect(report.unfinished == [LogDamage(file: segment, offset: 6 * 4096, reason: .bodyChecksum)])
        let again = try LogHarness(storage)
        #expect(again.report.cut?.offset == 6 * 4096)
        #expect(again.publish("next") == .appended(SequenceNumber(5)))
        #expect(try again.read().events[5] == "next")
    }

    @Test func damageInASealedSegmentIsFoundByReadersAndByVerify() throws {
        let log = try LogHarness()
        for index in 0..<40 { log.publish("event \(index)", dataBytes: 5000) }
        log.writer.stop()
        log.turn()
        #expect(LogVerifier.verify(log.storage).exitCode == 0)
        #expect(LogVerifier.verify(log.storage).events == 40)
        log.storage.damage(segment, at: 3 * 8192)
        let error = #expect(throws: LogDamage.self) { try log.read() }
        #expect(error?.file == segment)
        let report = LogVerifier.verify(log.storage)
        #expect(report.exitCode == 65)
        #expect(report.damage.first?.file == segment)
    }

    @Test func aMissingSegmentIsAnError() throws {
        let log = try LogHarness()
        for index in 0..<60 { log.publish("event \(index)", dataBytes: 5000) }
        try log.storage.remove("segment-0000000002.log")
        let error = #expect(throws: LogError.self) { try LogHarness(log.storage) }
        #expect(error == .damaged(LogDamage(file: "segment-0000000002.log", offset: 0, reason: .missing)))
        #expect(LogVerifier.verify(log.storage).exitCode == 65)
    }

    @Test func aDamagedIdentityIsAnError() throws {
        let log = try fiveEvents()
        for offset in 0..<100 {
            let storage = log.storage.crashed(.losesUnsynced)
            storage.damage("identity", at: offset)
            #expect(throws: LogError.self, "byte \(offset)") { try LogHarness(storage) }
        }
    }

    @Test func aLostFooterIsMadeAgain() throws {
        let log = try LogHarness()
        for index in 0..<40 { log.publish("event \(index)", dataBytes: 5000) }
        let storage = log.storage.crashed(.losesUnsynced)
        storage.damage(segment, at: (64 << 10) - 4096)
        let again = try LogHarness(storage)
        #expect(again.report.scannedSegments == 1)
        #expect(try again.read().events.count == 40)
        let third = try LogHarness(again.storage.crashed(.losesUnsynced))
        #expect(third.report.scannedSegments == 0)
    }

    @Test func aDirectoryInUseIsNotOpened() throws {
        let storage = MemoryStorage()
        storage.isLocked = true
        #expect(throws: LogError.locked) { try LogHarness(storage) }
        #expect(LogVerifier.verify(storage).exitCode == 74)
    }

    @Test func theReaderTakesBatchesFromBytesCutAnywhere() throws {
        let log = try LogHarness()
        log.publish("one", dataBytes: 9000)
        log.publish("two")
        let file = try #require(log.storage.files[segment]?.bytes)
        let bytes = Array(file[4096..<4096 * 6])
        for count in stride(from: 0, through: bytes.count, by: 64) {
            try unsafe Array(bytes[..<count]).withUnsafeBytes { cut in
                var reader = unsafe BatchReader(
                    identity: log.writer.identity, segment: SegmentNumber(1), offset: 4096, bytes: cut)
                var batches = 0
                while try reader.next() != nil { batches += 1 }
                #expect(batches == (count < 4096 ? 0 : count < 4096 * 4 ? 1 : count < 4096 * 5 ? 2 : 3), "\(count)")
                #expect(reader.bytesNeeded >= 4096)
            }
        }
    }

    @Test func noBytesMakeTheReaderTrap() throws {
        let log = try LogHarness()
        for index in 0..<3 { log.append("event \(index)") }
        log.turn()
        let file = try #require(log.storage.files[segment]?.bytes)
        let original = Array(file[4096..<4096 * 3])
        for seed: UInt64 in 0..<3000 {
            var random = SeededRandom(seed: seed)
            var bytes = original
            for _ in 0..<1 + random.next() % 8 {
                bytes[Int(random.next() % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: random.next())
            }
            unsafe bytes.withUnsafeBytes { bytes in
                var reader = unsafe BatchReader(
                    identity: log.writer.identity, segment: SegmentNumber(1), offset: 4096, bytes: bytes)
                while (try? reader.next()) != nil {}
            }
        }
    }

    @Test(arguments: 0..<4) func verifyAndShowSurviveAnyBytes(part: UInt64) throws {
        let log = try LogHarness()
        for index in 0..<30 { log.publish("event \(index)", dataBytes: 5000) }
        let journal = try JournalHarness(log.storage)
        journal.journal.record(.head(SequenceNumber(3)), urgent: true)
        journal.turn()
        let names = log.storage.files.keys.sorted()
        for seed in part * 20..<part * 20 + 20 {
            var random = SeededRandom(seed: seed)
            let storage = log.storage.crashed(.keepsAll)
            for _ in 0..<1 + random.next() % 4 {
                let name = names[Int(random.next() % UInt64(names.count))]
                let count = storage.files[name]?.bytes.count ?? 0
                guard count > 0 else { continue }
                if random.next() % 8 == 0 {
                    storage.cut(name, to: Int(random.next() % UInt64(count)))
                } else {
                    storage.damage(name, at: Int(random.next() % UInt64(count))) {
                        $0 = UInt8(truncatingIfNeeded: random.next())
                    }
                }
            }
            let report = LogVerifier.verify(storage)
            #expect([0, 65, 74].contains(report.exitCode), "seed \(seed)")
            _ = try? LogHarness(storage.crashed(.keepsAll))
            guard var printer = try? LogPrinter(storage, after: .zero) else { continue }
            var items = 0
            while let item = try? printer.next() {
                _ = item
                items += 1
                #expect(items < 1000, "seed \(seed)")
            }
        }
    }

    @Test func showGivesEventsAndGapsInOrder() throws {
        let log = try LogHarness()
        for index in 0..<30 { log.publish("event \(index)", dataBytes: 5000, durability: .written) }
        let again = try LogHarness(log.storage.crashed(.keepsAll))
        again.publish("last")
        var printer = try LogPrinter(again.storage, after: SequenceNumber(20))
        var text: [String] = []
        while let item = try printer.next() {
            switch item {
            case .event(let record): text.append(TestRecord.id(of: record))
            case .lost(let range): text.append("lost from \(range.lowerBound.rawValue)")
            case .damage(let damage): text.append("damage \(damage)")
            }
        }
        #expect(text == (20..<30).map { "event \($0)" } + ["lost from 31", "last"])
    }
}
