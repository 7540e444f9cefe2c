import FanfareBase
import FanfareDelivery
import Testing

/// Attempts of live delivery and of redelivery, as `sequence/number`, those of redelivery with an `r`.
extension ScheduleHarness {
    /// Begins to deliver again what `asked` lists, up to `through`.
    mutating func redeliver(_ asked: [UInt64], through: UInt64, id: UInt32 = 1) {
        again[id] = asked
        schedule.redeliver(
            WebhookRedelivery(
                id: id, through: SequenceNumber(through), onlyFailed: false, low: SequenceNumber(asked[0] - 1)))
    }

    /// What became of requests, as `id:low` or `id:complete`.
    mutating func progress() -> [String] {
        schedule.takeRedeliveryChanges().map {
            "\($0.request.id):\($0.isComplete ? "complete" : "\($0.request.low.rawValue)")"
        }
    }
}

private func range(_ low: UInt64, _ high: UInt64) -> ClosedRange<SequenceNumber> {
    SequenceNumber(low)...SequenceNumber(high)
}

@Suite struct RedeliveryTests {
    @Test func whatWasDeliveredIsDeliveredAgainAndTheCursorStays() {
        var harness = ScheduleHarness(low: 10)
        harness.redeliver([3, 5, 8], through: 9)
        #expect(harness.attempts() == ["3/1r"])
        #expect(harness.schedule.cursor == WebhookCursor(low: SequenceNumber(10)))
        harness.finish(3, .delivered)
        #expect(harness.progress() == ["1:3"])
        #expect(harness.changes() == Changes())
        #expect(harness.attempts() == ["5/1r"])
        harness.finish(5, .delivered)
        #expect(harness.attempts() == ["8/1r"])
        #expect(harness.progress() == ["1:7"])
        harness.finish(8, .delivered)
        #expect(harness.attempts() == [])
        #expect(harness.progress() == ["1:complete"])
        #expect(harness.schedule.redelivery == nil)
    }

    @Test func progressPassesNothingThatIsUndecided() {
        var harness = ScheduleHarness(low: 40)
        harness.grow(to: 24)
        harness.redeliver([1, 2, 3], through: 3)
        #expect(harness.attempts() == ["1/1r", "2/1r", "3/1r"])
        harness.finish(3, .delivered)
        harness.finish(2, .delivered)
        #expect(harness.progress() == [])
        harness.finish(1, .delivered)
        #expect(harness.progress() == ["1:complete"])
    }

    @Test func aRedeliveryThatFailsIsRetriedOnTheScheduleAndPassed() {
        var harness = ScheduleHarness(low: 10)
        harness.redeliver([4], through: 4)
        #expect(harness.attempts() == ["4/1r"])
        let verdict = harness.fail(4)
        guard case .retry(let retry) = verdict.result else { return #expect(Bool(false)) }
        #expect(verdict.attempt.isRedelivery && retry.isRedelivery && retry.attempt == 2)
        #expect(harness.progress() == ["1:complete"])
        harness.seconds += 5
        #expect(harness.attempts() == ["4/2r"])
        harness.finish(4, .delivered)
        #expect(harness.changes() == Changes(acknowledged: [range(4, 4)]))
        #expect(harness.schedule.retryCount == 0)
    }

    @Test func liveDeliveryKeepsSevenOfEightAttemptsAndMostOfTheWindow() {
        var harness = ScheduleHarness({ $0.concurrency = 1 }, low: 1_000)
        harness.redeliver(Array(1...100), through: 100)
        harness.upcoming = Array(1_001...1_100)
        var attempts: [String] = []
        for _ in 0..<32 {
            let begun = harness.attempts()
            attempts += begun
            for attempt in begun { harness.finish(UInt64(attempt.prefix { $0 != "/" })!, .delivered) }
        }
        #expect(attempts.count == 32)
        #expect(attempts.count { $0.hasSuffix("r") } == 4)
        #expect(attempts.filter { !$0.hasSuffix("r") } == (1_001...1_028).map { "\($0)/1" })
    }

    @Test func redeliveryHasOnePartInEightOfTheWindow() {
        var harness = ScheduleHarness(low: 1_000)
        harness.grow(to: 64)
        harness.redeliver(Array(1...100), through: 100)
        #expect(harness.attempts().count == 8)
        harness.upcoming = Array(2_001...2_100)
        #expect(harness.attempts().count == 56)
    }

    @Test func inOrderOnlyOneIsInFlightWhateverItIsFor() {
        var harness = ScheduleHarness({ $0.order = .all }, low: 10)
        harness.redeliver([3, 4], through: 4)
        harness.upcoming = [11]
        #expect(harness.attempts() == ["11/1"])
        harness.finish(11, .delivered)
        #expect(harness.attempts() == ["3/1r"])
    }

    @Test func whatLiveDeliveryIsAboutToBringIsNotTakenTwice() {
        var harness = ScheduleHarness(low: 10)
        harness.upcoming = [11]
        _ = harness.attempts()
        _ = harness.fail(11)
        harness.redeliver([11, 12], through: 12)
        #expect(harness.attempts() == [])
        #expect(harness.progress() == ["1:complete"])
        harness.seconds += 5
        #expect(harness.attempts() == ["11/2"])
    }

    @Test func aRestartGoesOnWhereTheJournalWas() {
        var harness = ScheduleHarness(low: 50)
        harness.schedule.redeliver(
            WebhookRedelivery(
                id: 7, through: SequenceNumber(9), onlyFailed: false, low: SequenceNumber(5)))
        harness.again[7] = [4, 6, 9]
        #expect(harness.attempts() == ["6/1r"])
    }

    @Test func requestsAreWorkedOffOneAfterTheOther() {
        var harness = ScheduleHarness(low: 50)
        harness.grow(to: 16)
        harness.redeliver([1], through: 2, id: 1)
        harness.redeliver([1, 7], through: 8, id: 2)
        #expect(harness.attempts() == ["1/1r"])
        harness.finish(1, .delivered)
        #expect(harness.attempts() == ["1/1r", "7/1r"])
        harness.finish(1, .delivered)
        harness.finish(7, .delivered)
        #expect(harness.attempts() == [])
        #expect(harness.progress() == ["1:complete", "2:complete"])
    }

    @Test func aDisabledSubscriptionDeliversNothingAgainUntilItIsEnabled() {
        var harness = ScheduleHarness(low: 50)
        harness.schedule.disable(.requested)
        harness.redeliver([3], through: 3)
        #expect(harness.attempts() == [])
        harness.schedule.enable()
        #expect(harness.attempts() == ["3/1r"])
    }

    @Test func aBoundedNumberIsOutstandingAtOnce() {
        var harness = ScheduleHarness({ $0.retry.delays = [1 << 50] }, low: 100_000)
        harness.redeliver(Array(1...5_000), through: 5_000)
        var failed = 0
        for _ in 0..<3_000 {
            let begun = harness.attempts()
            if begun.isEmpty {
                guard let wait = harness.wait, wait < 1_000 else { break }
                harness.seconds += max(wait, 0.001)
            }
            for attempt in begun {
                _ = harness.fail(UInt64(attempt.prefix { $0 != "/" })!, 400)
                failed += 1
            }
        }
        #expect(failed == WebhookLimits.redeliveriesOutstanding)
    }

    @Test func theServicesOwnEventsMakeNoDeadLetters() {
        var harness = ScheduleHarness { $0.retry.delays = [1_000_000_000] }
        guard let attempt = harness.schedule.take(SequenceNumber(1), isOwn: true, now: harness.now.monotonic) else {
            return #expect(Bool(false))
        }
        #expect(attempt.isOwn)
        guard case .retry(let retry) = harness.fail(1).result else { return #expect(Bool(false)) }
        #expect(retry.isOwn)
        harness.seconds += 1
        #expect(harness.attempts() == ["1/2"])
        #expect(harness.fail(1).result == .dropped(.status(500)))
        #expect(harness.changes() == Changes(low: SequenceNumber(1), acknowledged: [range(1, 1)]))
        #expect(harness.schedule.retryCount == 0)
    }

    @Test func aRestoredRetryRemembersWhatItIs() {
        let start = TurnTime(monotonic: MonotonicTime(nanoseconds: 0), wall: WallTime(nanoseconds: 0))
        var schedule = WebhookSchedule(
            WebhookScheduleOptions(), cursor: WebhookCursor(low: SequenceNumber(9)),
            retries: [
                WebhookRetry(
                    sequence: SequenceNumber(4), attempt: 3, due: WallTime(nanoseconds: 0), isOwn: true,
                    isRedelivery: true)
            ], now: start)
        guard case .attempt(let attempt) = schedule.next(now: start.monotonic, hasNews: false) else {
            return #expect(Bool(false))
        }
        #expect(attempt.isOwn && attempt.isRedelivery && attempt.number == 3)
    }

    @Test func anEventThatCannotBeSentSaysNothingOfTheEndpoint() {
        var harness = ScheduleHarness()
        harness.upcoming = Array(1...20)
        for sequence in UInt64(1)...20 {
            _ = harness.attempts()
            let verdict = harness.finish(sequence, .failed(.expired, retryAfterSeconds: nil))
            #expect(verdict.result == .deadLetter(.expired) && verdict.health == nil)
        }
        #expect(!harness.schedule.isBreakerOpen)
    }
}
