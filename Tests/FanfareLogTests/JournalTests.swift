import FanfareBase
import FanfareLog
import Testing

private let one = SubscriptionNumber(1)
private let two = SubscriptionNumber(2)

private func define(_ number: SubscriptionNumber, revision: UInt64 = 1) -> JournalEntry {
    .define(
        number,
        JournalDefinition(
            id: "subscription-\(number.rawValue)", origin: .api, revision: revision, document: [123, 125]))
}

private func retry(_ number: UInt64, attempts: UInt32 = 1) -> JournalRetry {
    JournalRetry(
        sequence: sequence(number), attempts: attempts, due: WallTime(nanoseconds: 77), status: 503, error: "busy",
        flags: 3)
}

private func letter(_ number: UInt64) -> JournalDeadLetter {
    JournalDeadLetter(
        sequence: sequence(number), kind: 2, time: WallTime(nanoseconds: 9), attempts: 10, status: 500, error: "no")
}

private func redelivery(_ id: UInt32, low: UInt64) -> JournalRedelivery {
    JournalRedelivery(id: id, from: sequence(1), through: sequence(9), onlyFailed: true, low: sequence(low))
}

@Suite struct JournalTests {
    @Test func anAnnouncementsIdIsNeverUsedAgain() throws {
        let harness = try JournalHarness()
        harness.journal.record(.announce(JournalAnnouncement(id: 1, event: [1])))
        harness.journal.record(.announced(through: 1))
        harness.turn()
        harness.advance(milliseconds: 1001)
        harness.turn()
        // Twice, since the second start reads the snapshot of the first.
        let again = try JournalHarness(try JournalHarness(harness.storage.crashed(.losesUnsynced)).storage)
        #expect(again.journal.state.announcements.isEmpty)
        #expect(again.journal.state.unusedAnnouncement == 2)
    }

    @Test func enablingForgetsThatTheEndpointWasFailing() {
        var state = JournalState()
        state.apply(define(one))
        state.apply(.failing(one, since: WallTime(nanoseconds: 6)))
        state.apply(.unsuccessful(one, since: WallTime(nanoseconds: 6)))
        state.apply(.enable(one))
        #expect(state.subscriptions[one]?.failingSince == nil)
        #expect(state.subscriptions[one]?.unsuccessfulSince == nil)
    }

    @Test func aSuccessEndsTheTimeOfNothingButFailureToldOrNot() {
        var state = JournalState()
        state.apply(define(one))
        let since = WallTime(nanoseconds: 6)
        state.apply(.unsuccessful(one, since: since))
        #expect(state.subscriptions[one]?.unsuccessfulSince == since)
        state.apply(.unsuccessful(one, since: nil))
        #expect(state.subscriptions[one]?.unsuccessfulSince == nil)
        state.apply(.unsuccessful(one, since: since))
        state.apply(.failing(one, since: since))
        #expect(state.subscriptions[one]?.unsuccessfulSince == since)
        state.apply(.failing(one, since: nil))
        #expect(state.subscriptions[one]?.unsuccessfulSince == nil)
    }

    @Test func everyKindOfEntrySurvivesARestart() throws {
        let harness = try JournalHarness()
        let entries: [JournalEntry] = [
            define(one), define(two), .cursor(one, sequence(5)), .acknowledged(one, range(7...9)),
            .retry(one, retry(6)), .deadLetter(two, letter(3)), .follow(two), .head(sequence(40)),
            .disable(one, reason: "gone", time: WallTime(nanoseconds: 5)),
            .failing(one, since: WallTime(nanoseconds: 6)), .unsuccessful(one, since: WallTime(nanoseconds: 6)),
            .unsuccessful(two, since: WallTime(nanoseconds: 7)),
            .value(key: "tickets", [1, 2, 3]), define(one, revision: 2),
            .redelivery(one, redelivery(1, low: 2)), .redelivery(one, redelivery(2, low: 0)),
            .redelivery(one, redelivery(2, low: 4)), .redelivered(one, id: 1),
            .announce(JournalAnnouncement(id: 1, event: [1])), .announce(JournalAnnouncement(id: 2, event: [2])),
            .announce(JournalAnnouncement(id: 3, event: [3])), .announced(through: 2),
        ]
        for entry in entries {
            harness.journal.record(entry)
            harness.turn()
        }
        harness.advance(milliseconds: 1001)
        harness.turn()
        #expect(harness.journal.isSettled)
        let again = try JournalHarness(harness.storage.crashed(.losesUnsynced))
        #expect(again.journal.state == harness.journal.state)
        let state = again.journal.state
        #expect(state.cursor(of: one) == sequence(5))
        #expect(state.cursor(of: two) == sequence(40))
        let first = try #require(state.subscriptions[one])
        #expect(first.acknowledged == [range(7...9)])
        #expect(first.retries == [sequence(6): retry(6)])
        #expect(first.disabled?.reason == "gone")
        #expect(first.failingSince == WallTime(nanoseconds: 6) && first.unsuccessfulSince == first.failingSince)
        #expect(state.subscriptions[two]?.unsuccessfulSince == WallTime(nanoseconds: 7))
        #expect(state.subscriptions[two]?.failingSince == nil)
        #expect(first.definition.revision == 2)
        #expect(state.subscriptions[two]?.deadLetters == [letter(3)])
        #expect(state.values == ["tickets": [1, 2, 3]])
        #expect(first.redeliveries == [redelivery(2, low: 4)])
        #expect(state.announcements == [JournalAnnouncement(id: 3, event: [3])])
        #expect(state.unusedAnnouncement == 4)
    }

    @Test func acknowledgedRangesJoinAndTheCursorSwallowsThem() {
        var state = JournalState()
        state.apply(define(one))
        for number: UInt64 in [3, 5, 9, 4, 8] { state.apply(.acknowledged(one, range(number...number))) }
        #expect(state.subscriptions[one]?.acknowledged == [range(3...5), range(8...9)])
        state.apply(.acknowledged(one, range(2...8)))
        #expect(state.subscriptions[one]?.acknowledged == [range(2...9)])
        state.apply(.cursor(one, sequence(6)))
        #expect(state.subscriptions[one]?.acknowledged == [range(7...9)])
        state.apply(.cursor(one, sequence(9)))
        #expect(state.subscriptions[one]?.acknowledged == [])
    }

    @Test func aRetryLivesUntilItsEventIsSettled() {
        var state = JournalState()
        state.apply(define(one))
        state.apply(.retry(one, retry(4)))
        state.apply(.cursor(one, sequence(10)))
        #expect(state.subscriptions[one]?.retries.count == 1)
        state.apply(.acknowledged(one, range(4...4)))
        #expect(state.subscriptions[one]?.retries.isEmpty == true)
        state.apply(.retry(one, retry(5)))
        state.apply(.deadLetter(one, letter(5)))
        #expect(state.subscriptions[one]?.retries.isEmpty == true)
        #expect(state.subscriptions[one]?.deadLetters.count == 1)
        state.apply(.forget(one))
        #expect(state.subscriptions.isEmpty)
    }

    @Test func deadLettersAreBounded() {
        var state = JournalState()
        state.apply(define(one))
        for number in 1...UInt64(2 * LogLimits.deadLettersPerSubscriptionMax) {
            state.apply(.deadLetter(one, letter(number)))
        }
        let letters = state.subscriptions[one]?.deadLetters ?? []
        #expect(letters.count >= LogLimits.deadLettersPerSubscriptionMax)
        #expect(letters.count <= LogLimits.deadLettersPerSubscriptionMax * 9 / 8)
        #expect(letters.last?.sequence.rawValue == UInt64(2 * LogLimits.deadLettersPerSubscriptionMax))
    }

    @Test func entriesAreWrittenEachTurnAndSyncedWithinASecond() throws {
        let harness = try JournalHarness()
        harness.journal.record(define(one))
        harness.turn()
        #expect(harness.journal.written == 1)
        #expect(harness.journal.synced == 0)
        #expect(harness.journal.nextDeadline == harness.time.monotonic.advanced(byMilliseconds: 1000))
        harness.advance(milliseconds: 1000)
        harness.turn()
        #expect(harness.journal.synced == 1)
        #expect(harness.journal.nextDeadline == nil)
    }

    @Test func anUrgentEntryIsSyncedAtOnce() throws {
        let harness = try JournalHarness()
        let mark = harness.journal.record(define(one), urgent: true)
        harness.turn()
        #expect(harness.journal.synced >= mark)
    }

    @Test func aGrownJournalBecomesASnapshot() throws {
        let harness = try JournalHarness()
        harness.journal.record(define(one))
        let document = [UInt8](repeating: 32, count: 5000)
        for revision in 1...20 {
            let definition = JournalDefinition(id: "x", origin: .api, revision: UInt64(revision), document: document)
            harness.journal.record(.define(one, definition))
            harness.turn()
        }
        #expect(harness.performed.contains { $0.hasPrefix("rename new-journal") })
        #expect(harness.storage.files.keys.filter { $0.hasPrefix("journal") }.count == 1)
        let again = try JournalHarness(harness.storage.crashed(.keepsAll))
        #expect(again.journal.state == harness.journal.state)
    }

    @Test func whatIsRecordedWhileASnapshotIsWrittenIsKept() throws {
        let harness = try JournalHarness()
        let document = [UInt8](repeating: 32, count: 9000)
        var count: UInt64 = 0
        harness.afterAction = {
            count += 1
            if count < 100 { harness.journal.record(.head(sequence(count))) }
        }
        for revision in 1...8 {
            let definition = JournalDefinition(id: "x", origin: .api, revision: UInt64(revision), document: document)
            harness.journal.record(.define(one, definition))
            harness.turn()
        }
        let again = try JournalHarness(harness.storage.crashed(.keepsAll))
        #expect(again.journal.state == harness.journal.state)
        #expect(again.journal.state.head == sequence(99))
    }

    @Test func aFullDiskDelaysTheJournalAndASnapshot() throws {
        let harness = try JournalHarness()
        harness.journal.record(define(one))
        harness.intercept = { if case .write = $0 { -28 } else { nil } }
        harness.turn()
        harness.journal.record(define(two))
        harness.turn()
        #expect(harness.journal.written == 0)
        #expect(harness.journal.failure == nil)
        harness.intercept = nil
        harness.advance(milliseconds: 1000)
        harness.turn()
        #expect(harness.journal.written == 2)
        let document = [UInt8](repeating: 32, count: 9000)
        harness.intercept = { if case .open = $0 { -28 } else { nil } }
        for revision in 1...8 {
            let definition = JournalDefinition(id: "x", origin: .api, revision: UInt64(revision), document: document)
            harness.journal.record(.define(one, definition))
            harness.turn()
        }
        #expect(harness.journal.written == harness.journal.recorded)
        let again = try JournalHarness(harness.storage.crashed(.keepsAll))
        #expect(again.journal.state == harness.journal.state)
    }

    @Test func aFailedSyncIsFinal() throws {
        let harness = try JournalHarness()
        harness.intercept = { if case .sync = $0 { -5 } else { nil } }
        harness.journal.record(define(one), urgent: true)
        harness.turn()
        #expect(harness.journal.failure?.code == 5)
        #expect(harness.journal.nextAction() == nil)
    }

    @Test func shortWritesAreContinued() throws {
        let harness = try JournalHarness()
        for number in 0..<50 { harness.journal.record(define(SubscriptionNumber(UInt32(number)))) }
        harness.writeLimit = 64
        harness.turn()
        #expect(harness.journal.written == 50)
        let again = try JournalHarness(harness.storage.crashed(.keepsAll))
        #expect(again.journal.state.subscriptions.count == 50)
    }

    @Test func aCutAnywhereBehindTheSyncedPartIsAPrefix() throws {
        let harness = try JournalHarness()
        var states = [harness.journal.state]
        for number: UInt64 in 1...6 {
            harness.journal.record(number == 1 ? define(one) : .cursor(one, sequence(number)))
            harness.turn()
            states.append(harness.journal.state)
        }
        let name = try #require(harness.storage.files.keys.first { $0.hasPrefix("journal") })
        let bytes = try #require(harness.storage.files[name]?.bytes)
        let snapshot = 64 + 32 + 16
        for count in snapshot..<bytes.count {
            let storage = harness.storage.crashed(.keepsAll)
            storage.cut(name, to: count)
            let again = try JournalHarness(storage)
            #expect(states.contains(again.journal.state), "cut at \(count)")
        }
        for count in 0..<snapshot {
            let storage = harness.storage.crashed(.keepsAll)
            storage.cut(name, to: count)
            #expect(throws: LogError.self, "cut at \(count)") { try JournalHarness(storage) }
        }
    }

    @Test func damageBelowTheSyncedPartIsAnErrorWithThePlace() throws {
        let harness = try JournalHarness()
        harness.journal.record(define(one), urgent: true)
        harness.turn()
        harness.journal.record(.head(sequence(1)))
        harness.turn()
        let name = try #require(harness.storage.files.keys.first { $0.hasPrefix("journal") })
        for offset in 112..<160 {
            let storage = harness.storage.crashed(.keepsAll)
            storage.damage(name, at: offset)
            let error = #expect(throws: LogError.self) { try JournalHarness(storage) }
            guard case .damaged(let damage) = error else {
                Issue.record("byte \(offset): no damage but \(String(describing: error))")
                continue
            }
            #expect(damage.file == name)
            #expect(damage.offset == 112)
        }
    }

    @Test func aCrashAtAnyPointKeepsWhatWasSyncedAndAPrefixOfTheRest() throws {
        let storage = MemoryStorage()
        storage.records = true
        let harness = try JournalHarness(storage)
        var states = [JournalState()]
        var marks: [(changes: Int, synced: Int)] = []
        harness.afterAction = { marks.append((storage.changes.count, Int(harness.journal.synced))) }
        let document = [UInt8](repeating: 32, count: 1000)
        for step in 1...24 {
            let definition = JournalDefinition(id: "x", origin: .api, revision: UInt64(step), document: document)
            harness.journal.record(.define(one, definition), urgent: step % 3 == 0)
            states.append(harness.journal.state)
            harness.turn()
        }
        #expect(storage.changes.contains { if case .rename(let name, _) = $0 { name.hasSuffix("2") } else { false } })
        let replay = MemoryStorage()
        for count in 0...storage.changes.count {
            if count > 0 { try replay.apply(storage.changes[count - 1]) }
            let synced = marks.last { $0.changes <= count }?.synced ?? 0
            for crash in [MemoryStorage.Crash.losesUnsynced, .keepsAll, .tears(seed: UInt64(count))] {
                let recovered = try JournalRecovery.open(replay.crashed(crash), identity: JournalHarness.identity)
                let index = try #require(states.firstIndex(of: recovered.state), "after \(count) changes: \(crash)")
                #expect(index >= synced, "after \(count) changes: \(crash)")
            }
        }
    }
}
