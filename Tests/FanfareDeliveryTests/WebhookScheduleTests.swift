import FanfareBase
import FanfareDelivery
import Testing

/// A schedule with a clock that a test moves by hand.
struct ScheduleHarness {
    var schedule: WebhookSchedule
    var seconds: Double = 1_000
    /// Sequences of events that match and have not been taken.
    var upcoming: [UInt64] = []
    /// What requests to deliver again ask for, by id.
    var again: [UInt32: [UInt64]] = [:]

    var now: TurnTime {
        let nanoseconds = UInt64(seconds * 1_000_000_000)
        return TurnTime(
            monotonic: MonotonicTime(nanoseconds: nanoseconds),
            wall: WallTime(nanoseconds: 1_700_000_000_000_000_000 + nanoseconds))
    }

    init(_ configure: (inout WebhookScheduleOptions) -> Void = { _ in }, low: UInt64 = 0) {
        var options = WebhookScheduleOptions()
        options.retry.jitter = 0
        configure(&options)
        let start = TurnTime(monotonic: MonotonicTime(nanoseconds: 0), wall: WallTime(nanoseconds: 0))
        schedule = WebhookSchedule(options, cursor: WebhookCursor(low: SequenceNumber(low)), now: start)
    }

    /// Everything that may be attempted now, as `sequence/attempt`; with an `r` when it was asked for again.
    mutating func attempts() -> [String] {
        var attempts: [String] = []
        var hasNews = true
        while true {
            switch schedule.next(now: now.monotonic, hasNews: hasNews) {
            case .attempt(let attempt): attempts.append(Self.text(attempt))
            case .takeNext:
                upcoming.removeAll { $0 <= schedule.taken.rawValue }
                guard !upcoming.isEmpty else {
                    hasNews = false
                    continue
                }
                let sequence = SequenceNumber(upcoming.removeFirst())
                guard let attempt = schedule.take(sequence, now: now.monotonic) else { continue }
                attempts.append(Self.text(attempt))
            case .takeRedelivery:
                if let attempt = takeRedelivery() { attempts.append(Self.text(attempt)) }
            case .wait: return attempts
            }
        }
    }

    private mutating func takeRedelivery() -> WebhookAttempt? {
        guard let request = schedule.redelivery else { return nil }
        let next = again[request.id]?.first { $0 > schedule.redeliveryTaken.rawValue }
        guard let next else {
            schedule.passRedelivery(to: request.through)
            return nil
        }
        return schedule.takeRedelivery(SequenceNumber(next), now: now.monotonic)
    }

    private static func text(_ attempt: WebhookAttempt) -> String {
        "\(attempt.sequence.rawValue)/\(attempt.number)\(attempt.isRedelivery ? "r" : "")"
    }

    /// Lets the window grow by quick successes.
    mutating func grow(to size: Int) {
        while schedule.windowSize < size {
            let next = schedule.taken.rawValue + 1
            upcoming = Array(next..<next + UInt64(size))
            let begun = attempts().map { UInt64($0.prefix { $0 != "/" })! }
            for sequence in begun { finish(sequence, .delivered) }
            upcoming = []
        }
        _ = changes()
    }

    @discardableResult
    mutating func finish(_ sequence: UInt64, _ outcome: WebhookOutcome) -> WebhookVerdict {
        schedule.finished(SequenceNumber(sequence), outcome, now: now, random: 1 << 63)
    }

    mutating func fail(_ sequence: UInt64, _ status: Int = 500, retryAfter: UInt64? = nil) -> WebhookVerdict {
        finish(sequence, WebhookOutcome(status: status, retryAfterSeconds: retryAfter))
    }

    mutating func rest() { schedule.rest(now: now.monotonic) }

    /// What the journal is told now.
    mutating func changes() -> Changes {
        var changes = Changes()
        changes.low = schedule.takeCursorChange(acknowledged: &changes.acknowledged)
        return changes
    }

    /// Seconds from now to the schedule's deadline.
    var wait: Double? {
        schedule.deadline(now: now.monotonic).map { Double($0.nanoseconds) / 1_000_000_000 - seconds }
    }
}

struct Changes: Equatable {
    var low: SequenceNumber?
    var acknowledged: [ClosedRange<SequenceNumber>] = []
}

@Suite struct WebhookScheduleTests {
    @Test func upToTheWindowAreInFlightAtOnce() {
        var harness = ScheduleHarness { $0.concurrency = 3 }
        harness.upcoming = [1, 2, 5, 8]
        #expect(harness.attempts() == ["1/1", "2/1", "5/1"])
        harness.finish(2, .delivered)
        #expect(harness.attempts() == ["8/1"])
    }

    @Test func theCursorIsWhatIsDecidedAndTheRangesAboveIt() {
        var harness = ScheduleHarness()
        harness.upcoming = [1, 2, 5, 8]
        _ = harness.attempts()
        #expect(
            harness.schedule.cursor == WebhookCursor(low: SequenceNumber(0), acknowledged: [range(3, 4), range(6, 7)]))
        harness.finish(2, .delivered)
        harness.finish(8, .delivered)
        #expect(
            harness.schedule.cursor == WebhookCursor(low: SequenceNumber(0), acknowledged: [range(2, 4), range(6, 8)]))
        harness.finish(1, .delivered)
        harness.finish(5, .delivered)
        harness.schedule.pass(to: SequenceNumber(20))
        #expect(harness.schedule.cursor == WebhookCursor(low: SequenceNumber(20)))
    }

    @Test func whatRetentionRemovedUnseenIsGivenUpOnOnceAlsoIfTheProcessEndsWithSomethingOlderInFlight() {
        var harness = ScheduleHarness()
        harness.upcoming = [3]
        #expect(harness.attempts() == ["3/1"])
        #expect(harness.schedule.skip(to: SequenceNumber(20)) == [range(4, 20)])
        let told = harness.changes()
        #expect(told == Changes(low: SequenceNumber(2), acknowledged: [range(4, 20)]))
        var again = WebhookSchedule(
            harness.schedule.options, cursor: WebhookCursor(low: SequenceNumber(2), acknowledged: told.acknowledged),
            now: harness.now)
        #expect(again.skip(to: SequenceNumber(20)) == [range(3, 3)])
        #expect(again.taken == SequenceNumber(20))
        #expect(again.skip(to: SequenceNumber(20)).isEmpty)
    }

    @Test func theJournalIsToldOnlyWhatChanged() {
        var harness = ScheduleHarness()
        harness.upcoming = [1, 2, 5, 6, 8]
        _ = harness.attempts()
        #expect(harness.changes() == Changes())
        for sequence in [8, 2, 5, 6] as [UInt64] { harness.finish(sequence, .delivered) }
        #expect(harness.changes() == Changes(acknowledged: [range(2, 2), range(5, 6), range(8, 8)]))
        #expect(harness.changes() == Changes())
        harness.finish(1, .delivered)
        #expect(harness.changes() == Changes(low: SequenceNumber(8)))
    }

    @Test func aDeliveredRetryIsToldEvenWhenTheCursorPassesItAtTheSameTime() {
        var harness = ScheduleHarness()
        harness.upcoming = [1, 2]
        _ = harness.attempts()
        _ = harness.fail(2)
        #expect(harness.changes() == Changes())
        harness.seconds += 5
        #expect(harness.attempts() == ["2/2"])
        harness.finish(2, .delivered)
        harness.finish(1, .delivered)
        #expect(harness.changes() == Changes(low: SequenceNumber(2), acknowledged: [range(2, 2)]))
    }

    @Test func aFailedDeliveryIsRetriedOnTheScheduleAndPassedByTheCursor() {
        var harness = ScheduleHarness { $0.retry.delays = [5, 300].map { $0 * 1_000_000_000 } }
        harness.upcoming = [4]
        _ = harness.attempts()
        guard case .retry(let retry) = harness.fail(4).result else { return #expect(Bool(false)) }
        #expect(retry.sequence == SequenceNumber(4) && retry.attempt == 2)
        #expect(retry.due.nanoseconds - harness.now.wall.nanoseconds == 5_000_000_000)
        #expect(harness.schedule.cursor == WebhookCursor(low: SequenceNumber(4)))
        #expect(harness.wait == 5)
        #expect(harness.attempts() == [])
        harness.seconds += 5
        #expect(harness.attempts() == ["4/2"])
        _ = harness.fail(4)
        harness.seconds += 300
        #expect(harness.attempts() == ["4/3"])
        #expect(harness.fail(4).result == .deadLetter(.status(500)))
        #expect(harness.schedule.retryCount == 0)
        #expect(harness.wait == nil)
    }

    @Test func jitterSpreadsADelayAroundItself() {
        let policy = RetryPolicy(delays: [1_000], jitter: 0.2)
        #expect(policy.delay(afterAttempt: 1, random: 0) == 800)
        #expect(policy.delay(afterAttempt: 1, random: 1 << 63) == 1_000)
        #expect((1_199...1_200).contains(policy.delay(afterAttempt: 1, random: .max)!))
        #expect(policy.delay(afterAttempt: 2, random: 0) == nil)
    }

    @Test func theDefaultScheduleIsTheContracts() {
        let hours = [5.0 / 3_600, 5.0 / 60, 0.5, 2, 5, 10, 14, 20, 24]
        #expect(RetryPolicy().delays.map { Double($0) / 3_600e9 } == hours)
    }

    @Test func aRedirectIsAFailure() {
        #expect(WebhookOutcome(status: 302, retryAfterSeconds: nil) == .failed(.status(302), retryAfterSeconds: nil))
        #expect(WebhookOutcome(status: 204, retryAfterSeconds: nil) == .delivered)
    }

    @Test func retryAfterHoldsTheWholeEndpoint() {
        var harness = ScheduleHarness()
        harness.upcoming = [1, 2]
        #expect(harness.attempts() == ["1/1", "2/1"])
        harness.upcoming = [3]
        guard case .retry(let retry) = harness.fail(1, 429, retryAfter: 60).result else { return #expect(Bool(false)) }
        #expect(retry.due.nanoseconds - harness.now.wall.nanoseconds == 60_000_000_000)
        #expect(harness.attempts() == [])
        #expect(harness.wait == 60)
        harness.finish(2, .delivered)
        harness.seconds += 60
        #expect(harness.attempts() == ["1/2", "3/1"])
    }

    @Test func retryAfterCountsAsADayAtMost() {
        var harness = ScheduleHarness()
        harness.upcoming = [1]
        _ = harness.attempts()
        _ = harness.fail(1, 503, retryAfter: 10_000_000)
        #expect(harness.wait == 86_400)
    }

    @Test func throttlingSlowsTheEndpointDown() {
        var harness = ScheduleHarness { $0.concurrency = 8 }
        harness.upcoming = [1, 2]
        _ = harness.attempts()
        _ = harness.fail(1, 503)
        #expect(harness.schedule.windowSize == 4)
        harness.upcoming = [3]
        #expect(harness.attempts() == [])
        #expect(harness.wait == 1)
        harness.seconds += 1
        #expect(harness.attempts() == ["3/1"])
    }

    @Test func goneDisablesAndKeepsTheDelivery() {
        var harness = ScheduleHarness()
        harness.upcoming = [1]
        _ = harness.attempts()
        let verdict = harness.finish(1, WebhookOutcome(status: 410, retryAfterSeconds: nil))
        #expect(verdict.health == .disabled(.gone))
        #expect(harness.schedule.disabled == .gone)
        #expect(harness.attempts() == [] && harness.wait == nil)
        harness.schedule.enable()
        #expect(harness.attempts() == ["1/2"])
    }

    @Test func anAttemptThatWasNotMadeUsesNoStep() {
        var harness = ScheduleHarness()
        harness.upcoming = [1]
        _ = harness.attempts()
        #expect(harness.finish(1, .notMade).result == .notMade)
        #expect(harness.schedule.cursor.low == SequenceNumber(0))
        #expect(harness.attempts() == ["1/1"])
    }

    @Test func inOrderAFailingDeliveryHoldsTheRestUntilItIsADeadLetter() {
        var harness = ScheduleHarness {
            $0.order = .all
            $0.retry.delays = [5_000_000_000]
        }
        harness.upcoming = [1, 2, 3]
        #expect(harness.attempts() == ["1/1"])
        _ = harness.fail(1)
        #expect(harness.attempts() == [])
        harness.seconds += 5
        #expect(harness.attempts() == ["1/2"])
        #expect(harness.fail(1).result == .deadLetter(.status(500)))
        #expect(harness.attempts() == ["2/1"])
        harness.finish(2, .delivered)
        #expect(harness.attempts() == ["3/1"])
    }

    @Test func theBreakerOpensAndTheOldestDueDeliveryProbes() {
        var harness = ScheduleHarness { $0.concurrency = 8 }
        harness.upcoming = Array(1...5)
        _ = harness.attempts()
        for sequence in 1...5 { _ = harness.fail(UInt64(sequence), 500) }
        #expect(harness.schedule.isBreakerOpen)
        harness.upcoming = [6, 7]
        #expect(harness.attempts() == [] && harness.wait == 2)
        harness.seconds += 5
        #expect(harness.attempts() == ["1/2"])
        #expect(harness.wait == nil)
        _ = harness.fail(1)
        #expect(harness.attempts() == [])
        harness.seconds += 4
        #expect(harness.attempts() == ["2/2"])
        harness.finish(2, .delivered)
        #expect(!harness.schedule.isBreakerOpen)
        #expect(harness.attempts() == ["3/2", "4/2", "5/2", "6/1", "7/1"])
    }

    @Test func atTheLimitOfRetriesNothingNewIsTaken() {
        var harness = ScheduleHarness()
        var taken: UInt64 = 0
        while harness.schedule.retryCount < WebhookLimits.outstandingRetries {
            taken += 1
            harness.upcoming = [taken]
            if harness.attempts().isEmpty { harness.seconds += 0.001 }
            guard harness.upcoming.isEmpty else {
                taken -= 1
                harness.schedule.enable()
                continue
            }
            _ = harness.fail(taken)
            harness.schedule.enable()
        }
        harness.upcoming = [taken + 1]
        #expect(harness.schedule.next(now: MonotonicTime(nanoseconds: 0)) == .wait)
        #expect(harness.schedule.taken == SequenceNumber(taken))
    }

    @Test func aRateLimitSpreadsAttemptsAfterItsBurst() {
        var harness = ScheduleHarness { $0.rateLimit = RateLimit(perSecond: 10, burst: 2) }
        harness.upcoming = [1, 2, 3, 4]
        #expect(harness.attempts() == ["1/1", "2/1"])
        #expect(abs(harness.wait! - 0.1) < 1e-9)
        harness.seconds += 0.1
        #expect(harness.attempts() == ["3/1"])
        harness.seconds += 10
        harness.upcoming = [4, 5, 6]
        #expect(harness.attempts() == ["4/1", "5/1"])
    }

    @Test func attemptsAreSpacedAsTheEndpointHasAgreedToWithoutABurst() {
        var harness = ScheduleHarness()
        harness.schedule.spaceAttempts(by: 500_000_000)
        harness.upcoming = [1, 2, 3]
        harness.seconds += 10
        #expect(harness.attempts() == ["1/1"])
        #expect(abs(harness.wait! - 0.5) < 1e-9)
        harness.seconds += 0.5
        #expect(harness.attempts() == ["2/1"])
        harness.schedule.replace(harness.schedule.options)
        #expect(harness.attempts() == [], "a new definition does not shorten the wait")
        harness.schedule.spaceAttempts(by: nil)
        #expect(harness.attempts() == ["3/1"])
    }

    @Test func whatWasInFlightIsRepeatedAfterARestartAndNothingElse() {
        var harness = ScheduleHarness()
        harness.upcoming = [1, 2, 5, 8]
        _ = harness.attempts()
        harness.finish(2, .delivered)
        guard case .retry(let retry) = harness.fail(5).result else { return #expect(Bool(false)) }
        let cursor = harness.schedule.cursor
        var restored = harness
        restored.seconds += 100
        restored.schedule = WebhookSchedule(
            harness.schedule.options, cursor: cursor, retries: [retry], now: restored.now)
        restored.upcoming = [1, 2, 5, 8, 9]
        #expect(restored.attempts() == ["5/2", "1/1", "8/1", "9/1"])
        #expect(restored.schedule.cursor == WebhookCursor(low: SequenceNumber(0), acknowledged: [range(2, 7)]))
    }

    @Test func aRetryRecordedJustBeforeACrashIsNotTakenASecondTime() {
        var harness = ScheduleHarness()
        harness.schedule = WebhookSchedule(
            harness.schedule.options, cursor: WebhookCursor(low: SequenceNumber(3)),
            retries: [WebhookRetry(sequence: SequenceNumber(5), attempt: 2, due: WallTime(nanoseconds: 0))],
            now: harness.now)
        harness.upcoming = [4, 5, 6]
        #expect(harness.attempts() == ["5/2", "4/1", "6/1"])
        for sequence in [4, 5, 6] as [UInt64] { harness.finish(sequence, .delivered) }
        #expect(harness.changes() == Changes(low: SequenceNumber(6), acknowledged: [range(5, 5)]))
    }

    @Test func aRestoredRetryWaitsItsTimeAndNoLongerThanADayWhateverTheClockDid() {
        let now = ScheduleHarness().now
        let due = { (seconds: UInt64) in WallTime(nanoseconds: now.wall.nanoseconds + seconds * 1_000_000_000) }
        var harness = ScheduleHarness()
        harness.schedule = WebhookSchedule(
            WebhookScheduleOptions(), cursor: WebhookCursor(low: SequenceNumber(9)),
            retries: [WebhookRetry(sequence: SequenceNumber(3), attempt: 4, due: due(30))], now: now)
        #expect(harness.wait == 30)
        harness.schedule = WebhookSchedule(
            WebhookScheduleOptions(), cursor: WebhookCursor(low: SequenceNumber(9)),
            retries: [WebhookRetry(sequence: SequenceNumber(3), attempt: 4, due: due(1_000_000_000))], now: now)
        #expect(harness.wait == 172_800)
    }

    @Test func whatRetentionRemovedIsGivenUpOn() {
        var harness = ScheduleHarness()
        harness.upcoming = [1, 2, 3]
        _ = harness.attempts()
        for sequence in [3, 1, 2] as [UInt64] { _ = harness.fail(sequence) }
        let expired = harness.schedule.expire(through: SequenceNumber(2))
        #expect(expired.map(\.sequence.rawValue) == [1, 2])
        #expect(harness.schedule.retryCount == 1)
        harness.seconds += 5
        #expect(harness.attempts() == ["3/2"])
    }

    @Test func nothingButFailureIsAnnouncedAndThenDisables() {
        var harness = ScheduleHarness {
            $0.retry.delays = Array(repeating: 60_000_000_000, count: 32)
            $0.disableAfterNanoseconds = 600_000_000_000
        }
        harness.upcoming = [1]
        var changes: [WebhookHealth.Change] = []
        while harness.schedule.disabled == nil, harness.seconds < 3_000 {
            if !harness.attempts().isEmpty, let change = harness.fail(1).health { changes.append(change) }
            harness.seconds += 1
        }
        // Once each, however many attempts fail.
        guard changes.count == 3, case .began(let since) = changes[0] else {
            Issue.record("\(changes)")
            return
        }
        #expect(changes[1...] == [.failing(since: since), .disabled(.failing)])
        #expect((1_590...1_700).contains(harness.seconds))
    }

    @Test func aFailureTooShortToBeToldBeginsAndEndsOnce() {
        var harness = ScheduleHarness { $0.retry.delays = Array(repeating: 1_000_000_000, count: 32) }
        harness.upcoming = [1]
        _ = harness.attempts()
        guard case .began = harness.fail(1).health else {
            Issue.record("the first failure begins the time")
            return
        }
        harness.seconds += 2
        _ = harness.attempts()
        #expect(harness.fail(1).health == nil)
        harness.seconds += 2
        _ = harness.attempts()
        #expect(harness.finish(1, .delivered).health == .ended)
        harness.upcoming = [2]
        _ = harness.attempts()
        #expect(harness.finish(2, .delivered).health == nil)
    }

    @Test func theTimeOfNothingButFailureGoesOnAfterARestart() {
        var options = WebhookScheduleOptions()
        options.disableAfterNanoseconds = 600_000_000_000
        for (isAnnounced, told) in [(false, true), (true, false)] {
            var harness = ScheduleHarness()
            let since = WallTime(nanoseconds: harness.now.wall.nanoseconds - 120_000_000_000)
            harness.schedule = WebhookSchedule(
                options, cursor: WebhookCursor(low: .zero),
                health: WebhookHealth(failingSince: since, isAnnounced: isAnnounced), now: harness.now)
            harness.upcoming = [1]
            _ = harness.attempts()
            #expect(harness.fail(1).health == (told ? .failing(since: since) : nil))
        }
    }

    @Test func anEndpointThatRecoversIsToldOnce() {
        var harness = ScheduleHarness {
            $0.retry.delays = Array(repeating: 60_000_000_000, count: 32)
            $0.disableAfterNanoseconds = 600_000_000_000
        }
        harness.upcoming = [1]
        for _ in 0..<4 {
            _ = harness.attempts()
            _ = harness.fail(1)
            harness.seconds += 60
        }
        #expect(harness.attempts() == ["1/5"])
        #expect(harness.finish(1, .delivered).health == .recovered)
        harness.upcoming = [2]
        _ = harness.attempts()
        #expect(harness.finish(2, .delivered).health == nil)
    }

    @Test func aRequestThatIsNoAttemptCountsForTheRateAgreedToAndOnlyForThat() {
        var harness = ScheduleHarness()
        harness.schedule.requested(now: harness.now.monotonic)
        #expect(harness.schedule.isAtRest)
        harness.schedule.spaceAttempts(by: 2_000_000_000)
        harness.upcoming = [1, 2]
        for _ in 0..<2 { harness.schedule.requested(now: harness.now.monotonic) }
        #expect(harness.attempts() == [])
        harness.seconds += 3.9
        #expect(harness.attempts() == [])
        harness.seconds += 0.1
        #expect(harness.attempts() == ["1/1"])
        harness.seconds += 2
        #expect(harness.attempts() == ["2/1"])
    }

    @Test func oneThatHasNothingUnderWayGoesBackToWhatAllAtRestShare() {
        var harness = ScheduleHarness { $0.rateLimit = RateLimit(perSecond: 1, burst: 2) }
        #expect(harness.schedule.isAtRest)
        harness.schedule.pass(to: SequenceNumber(5))
        #expect(harness.changes() == Changes(low: SequenceNumber(5)))
        #expect(harness.schedule.isAtRest, "what does not match costs nothing")
        harness.upcoming = [6, 7]
        #expect(harness.attempts() == ["6/1", "7/1"])
        harness.rest()
        #expect(!harness.schedule.isAtRest)
        harness.finish(6, .delivered)
        _ = harness.fail(7)
        _ = harness.changes()
        harness.rest()
        #expect(!harness.schedule.isAtRest, "a retry waits")
        harness.seconds += 5
        #expect(harness.attempts() == ["7/2"])
        harness.finish(7, .delivered)
        harness.rest()
        #expect(!harness.schedule.isAtRest, "the journal has not been told")
        _ = harness.changes()
        harness.rest()
        #expect(!harness.schedule.isAtRest, "the rate is still used")
        harness.seconds += 5
        harness.rest()
        #expect(harness.schedule.isAtRest)
        #expect(harness.schedule.taken == SequenceNumber(7))
        harness.upcoming = [7, 8]
        #expect(harness.attempts() == ["8/1"])
    }

    @Test func anEndpointHeldAgainstSomethingDoesNotRest() {
        var harness = ScheduleHarness { $0.retry.delays = [] }
        harness.upcoming = [1]
        _ = harness.attempts()
        _ = harness.fail(1)
        _ = harness.changes()
        harness.seconds += 1_000
        harness.rest()
        #expect(!harness.schedule.isAtRest)
        harness.upcoming = [2]
        _ = harness.attempts()
        harness.finish(2, .delivered)
        _ = harness.changes()
        harness.rest()
        #expect(harness.schedule.isAtRest)
    }

    @Test func aReplacedDefinitionCountsAlsoForOneAtRest() {
        var harness = ScheduleHarness()
        var options = WebhookScheduleOptions()
        options.order = .all
        harness.schedule.replace(options)
        #expect(harness.schedule.isAtRest)
        harness.upcoming = [1, 2]
        #expect(harness.attempts() == ["1/1"])
        harness.schedule.replace(WebhookScheduleOptions())
        #expect(harness.attempts() == ["2/1"])
    }

    private func range(_ from: UInt64, _ to: UInt64) -> ClosedRange<SequenceNumber> {
        SequenceNumber(from)...SequenceNumber(to)
    }
}
