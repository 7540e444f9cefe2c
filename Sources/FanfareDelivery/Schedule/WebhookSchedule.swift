import FanfareBase

/// What a subscription's definition says about when to deliver.
package struct WebhookScheduleOptions: Equatable, Sendable {
    /// In which order.
    package enum Order: Sendable {
        /// Up to `concurrency` at once.
        case none
        /// One at a time, in sequence; a failing one holds the rest until its schedule ends.
        case all
    }

    /// When a failed delivery is tried again.
    package var retry = RetryPolicy()
    /// In which order.
    package var order = Order.none
    /// Attempts in flight, at most `WebhookLimits.concurrencyMax`.
    package var concurrency = 64
    /// Attempts a second.
    package var rateLimit: RateLimit?
    /// Nothing but failure for so many nanoseconds disables: 5 days.
    package var disableAfterNanoseconds: UInt64 = 5 * 86_400 * 1_000_000_000

    /// The contract's defaults.
    package init() {}
}

/// One try of one delivery.
package struct WebhookAttempt: Equatable, Sendable {
    /// The event.
    package var sequence: SequenceNumber
    /// From 1.
    package var number: Int
    /// The event is the service's own: when it is given up on, that is no dead letter.
    package var isOwn: Bool
    /// It was asked for again.
    package var isRedelivery: Bool
    /// When it might have been made; nil when that is the event's own time.
    package var due: MonotonicTime?

    /// Attempt `number` to deliver `sequence`.
    package init(
        sequence: SequenceNumber, number: Int, isOwn: Bool = false, isRedelivery: Bool = false,
        due: MonotonicTime? = nil
    ) {
        self.sequence = sequence
        self.number = number
        self.isOwn = isOwn
        self.isRedelivery = isRedelivery
        self.due = due
    }
}

/// What a subscription would do next.
package enum WebhookStep: Equatable, Sendable {
    /// Make this attempt; it is in flight from now on.
    case attempt(WebhookAttempt)
    /// There is room: find the first matching event above `cursor` and `take` it, or `pass` to the head if there is none.
    case takeNext
    /// There is room to deliver again: find the first event above `redeliveryTaken` that `redelivery` asks for and
    /// `takeRedelivery` it, or `passRedelivery`.
    case takeRedelivery
    /// Nothing now; ask again when an answer comes, and at `deadline`.
    case wait
}

/// When and in which order one subscription's events are attempted: a state machine without clock, socket or journal.
///
/// Invariants: every matching event at or below `taken` was delivered, is a dead letter, is `open` (its first attempt in
/// flight, or to be made again) or has a retry; an event is in flight or waiting at most once; retries never exceed
/// `WebhookLimits.outstandingRetries`, since at that number nothing new is taken; one at rest shares its `work` with all of
/// its `basis`.
package struct WebhookSchedule {
    /// The definition; a replaced one counts from the next decision on.
    package var options: WebhookScheduleOptions { basis.options }
    /// Every matching event up to here has been taken.
    package private(set) var taken: SequenceNumber
    /// Why there are no attempts; nil when there are.
    package private(set) var disabled: WebhookDisabled?
    /// How the endpoint has been doing.
    package private(set) var health: WebhookHealth

    private var basis: WebhookScheduleBasis
    private var recordedLow: SequenceNumber
    /// The least time between two attempts; nil when there is none.
    private var spacing: Int?
    /// Shared with all who are at rest, until the first attempt.
    @Shared private var work: WebhookWork

    /// A subscription as the journal left it, or a new one that begins after `cursor.low`.
    ///
    /// What was in flight is found and taken again. A retry waits at most a day, or twice the schedule's longest delay, whatever the
    /// wall clock did meanwhile.
    package init(
        _ options: WebhookScheduleOptions, cursor: WebhookCursor, retries: [WebhookRetry] = [],
        disabled: WebhookDisabled? = nil, health: WebhookHealth = WebhookHealth(), now: TurnTime
    ) {
        self.init(
            WebhookScheduleBasis(options), cursor: cursor, retries: retries, disabled: disabled, health: health,
            now: now)
    }

    /// The same with what schedules of equal options share.
    package init(
        _ basis: WebhookScheduleBasis, cursor: WebhookCursor, retries: [WebhookRetry] = [],
        disabled: WebhookDisabled? = nil, health: WebhookHealth = WebhookHealth(), now: TurnTime
    ) {
        self.basis = basis
        self.disabled = disabled
        self.health = health
        taken = cursor.low
        recordedLow = cursor.low
        _work = basis.resting
        // A retry recorded just before a crash may lie above the cursor that was to pass it.
        let ahead = cursor.accounted(with: retries.map(\.sequence))
        if !ahead.isEmpty { work.ahead = ahead }
        for retry in retries { restore(retry, now) }
    }

    /// Takes over a replaced definition. Cursor, retries and what is in flight stay; the endpoint is judged anew.
    package mutating func replace(_ basis: WebhookScheduleBasis) {
        if $work.isSame(as: self.basis.resting) {
            $work = basis.resting
        } else {
            work.pace = basis.resting.wrappedValue.pace
        }
        self.basis = basis
    }

    /// Replaces by options that no other schedule has.
    package mutating func replace(_ options: WebhookScheduleOptions) { replace(WebhookScheduleBasis(options)) }

    /// Lets go of what only delivering needs, when nothing is under way and the endpoint is held against nothing: the next
    /// attempt begins with the window a new subscription has. Does nothing otherwise.
    package mutating func rest(now: MonotonicTime) {
        if work.isOver(now: now) { $work = basis.resting }
    }

    /// Whether it holds nothing of its own that only delivering needs.
    package var isAtRest: Bool { $work.isSame(as: basis.resting) }

    /// Makes attempts at least so many nanoseconds apart: the rate that an endpoint has agreed to. Nil for as they come.
    package mutating func spaceAttempts(by nanoseconds: Int?) { spacing = nanoseconds }

    /// A request was made that is no attempt of the schedule's, a test or one made again: it counts for the rate the
    /// endpoint has agreed to, and the next attempt waits accordingly.
    package mutating func requested(now: MonotonicTime) {
        guard let spacing else { return }
        work.spacedUntil = max(work.spacedUntil, now).advanced(byNanoseconds: spacing)
    }

    /// When the next attempt may be made; nil when an answer has to come first.
    private var permitsFrom: MonotonicTime? {
        work.pace.permitsFrom(inFlight: work.inFlight.count).map { spacing == nil ? $0 : max($0, work.spacedUntil) }
    }

    /// How far it has come, as the journal would have it.
    package var cursor: WebhookCursor { WebhookCursor(taken: taken, open: work.open, ahead: work.ahead) }

    /// What the journal has to be told, after the verdicts given so far: the new low sequence (nil when it has not moved),
    /// and, appended to `acknowledged`, what was decided above it or among the retries. To be called every turn.
    package mutating func takeCursorChange(acknowledged: inout [ClosedRange<SequenceNumber>]) -> SequenceNumber? {
        let low = work.open.first.map { SequenceNumber($0.rawValue - 1) } ?? taken
        if !work.delivered.isEmpty || !work.accounted.isEmpty {
            for attempt in work.delivered where attempt.number > 1 || attempt.sequence > low {
                work.accounted.append(attempt.sequence...attempt.sequence)
            }
            work.accounted.sort { $0.lowerBound < $1.lowerBound }
            for range in work.accounted { acknowledged.appendJoining(range) }
            work.delivered.removeAll(keepingCapacity: true)
            work.accounted.removeAll(keepingCapacity: true)
        }
        guard low != recordedLow else { return nil }
        recordedLow = low
        return low
    }

    /// Attempts in flight.
    package var inFlightCount: Int { work.inFlight.count }
    /// Deliveries that failed and are to be tried again, those in flight included.
    package var retryCount: Int { work.retries + work.lane.retries }
    /// The request to deliver again that is being worked off.
    package var redelivery: WebhookRedelivery? { work.lane.current }
    /// Everything it asks for up to here has been taken.
    package var redeliveryTaken: SequenceNumber { work.lane.taken }
    /// Whether the breaker holds back deliveries.
    package var isBreakerOpen: Bool { work.pace.isBreakerOpen }
    /// Attempts the endpoint is given at once, by how it has answered.
    package var windowSize: Int { work.pace.windowSize }

    /// What to do now. Asked again until it says `wait`, or what it says to take is not there. `hasNews`: there may be
    /// events above the cursor; `hasMore`: what is to be delivered again can be had now.
    package mutating func next(now: MonotonicTime, hasNews: Bool = true, hasMore: Bool = true) -> WebhookStep {
        guard disabled == nil, let from = permitsFrom, from <= now else { return .wait }
        if options.order == .all, !work.inFlight.isEmpty { return .wait }
        let isLiveDue = work.waiting.first.map { $0.due <= now } ?? false
        let isLive = isLiveDue || (hasNews && mayTake)
        if !isLive || work.lane.isDue, let step = nextRedelivery(now, hasMore) { return step }
        if isLiveDue { return .attempt(start(work.waiting.removeFirst(), isRedelivery: false, now)) }
        return isLive ? .takeNext : .wait
    }

    private mutating func nextRedelivery(_ now: MonotonicTime, _ hasMore: Bool) -> WebhookStep? {
        guard work.lane.mayStart(window: work.pace.windowSize) else { return nil }
        if let first = work.lane.waiting.first, first.due <= now {
            return .attempt(start(work.lane.waiting.removeFirst(), isRedelivery: true, now))
        }
        return hasMore && work.lane.mayTake ? .takeRedelivery : nil
    }

    /// The next matching event, found after `next` said `takeNext`. Its first attempt is in flight from now on; nil when it
    /// is accounted for already, and `next` is to be asked again. `isOwn`: the event is the service's own.
    package mutating func take(_ sequence: SequenceNumber, isOwn: Bool = false, now: MonotonicTime) -> WebhookAttempt? {
        invariant(sequence > taken, "events are taken once, in sequence order")
        let isKnown = work.ahead.first { $0.upperBound >= sequence }?.contains(sequence) ?? false
        pass(to: sequence)
        if isKnown { return nil }
        work.open.append(sequence)
        return start(WebhookAttempt(sequence: sequence, number: 1, isOwn: isOwn), now)
    }

    /// Nothing up to `sequence` matches (or it was reported as a gap): the cursor passes it.
    package mutating func pass(to sequence: SequenceNumber) {
        taken = max(taken, sequence)
        while let first = work.ahead.first, first.lowerBound <= taken.next {
            taken = max(taken, first.upperBound)
            work.ahead.removeFirst()
        }
    }

    /// Retention has removed everything up to `sequence`: gives what of it had not been accounted for, ascending. It is
    /// accounted for from now on, also when something before it is in flight as the process ends.
    package mutating func skip(to sequence: SequenceNumber) -> [ClosedRange<SequenceNumber>] {
        var missing: [ClosedRange<SequenceNumber>] = []
        var from = taken.next
        for range in work.ahead where range.lowerBound <= sequence {
            if from < range.lowerBound { missing.append(from...SequenceNumber(range.lowerBound.rawValue - 1)) }
            from = max(from, range.upperBound.next)
        }
        if from <= sequence { missing.append(from...sequence) }
        pass(to: sequence)
        if !missing.isEmpty { work.accounted += missing }
        return missing
    }

    /// When `next` is to be asked again even if no answer and no event has come: nil when only those help.
    package func deadline(now: MonotonicTime) -> MonotonicTime? {
        guard disabled == nil, let from = permitsFrom else { return nil }
        if options.order == .all, !work.inFlight.isEmpty { return nil }
        // What may be taken and is not there comes with news, not with time.
        if mayTake || work.lane.mayTake, from > now { return from }
        var due = work.waiting.first?.due
        if work.lane.mayStart(window: work.pace.windowSize), let other = work.lane.waiting.first?.due {
            due = min(due ?? other, other)
        }
        return due.map { max($0, from) }
    }

    /// Takes the outcome of an attempt in flight. `random` is any 64 bits, for the jitter.
    package mutating func finished(
        _ sequence: SequenceNumber, _ outcome: WebhookOutcome, now: TurnTime, random: UInt64
    ) -> WebhookVerdict {
        guard let place = work.inFlight.firstIndex(where: { $0.attempt.sequence == sequence }) else {
            invariantBroken("only what is in flight finishes")
        }
        let entry = work.inFlight.remove(at: place)
        if entry.attempt.isRedelivery { work.lane.ended() }
        var verdict = WebhookVerdict(attempt: entry.attempt, result: .delivered)
        switch outcome {
        case .delivered:
            work.pace.succeeded(latencyNanoseconds: now.monotonic.nanoseconds(since: entry.started))
            verdict.health = health.succeeded()
            settle(entry.attempt)
            work.delivered.append(entry.attempt)
        case .notMade:
            work.pace.returned(now: now.monotonic)
            wait(entry.attempt, until: now.monotonic)
            verdict.result = .notMade
        case .gone:
            settle(entry.attempt)
            var next = entry.attempt
            next.number = max(next.number, 2)
            verdict.result = .retry(schedule(next, after: 0, now))
            verdict.health = .disabled(.gone)
        case .failed(let failure, _) where failure.isOfTheEvent:
            work.pace.returned(now: now.monotonic)
            settle(entry.attempt)
            verdict.result = giveUp(entry.attempt, failure)
        case .failed(let failure, let retryAfterSeconds):
            work.pace.failed(failure, retryAfterSeconds: retryAfterSeconds, now: now.monotonic)
            verdict.health = health.failed(now: now.wall, disableAfter: options.disableAfterNanoseconds)
            settle(entry.attempt)
            verdict.result = failed(entry.attempt, failure, now, random)
        }
        if case .disabled(let reason) = verdict.health { disabled = reason }
        return verdict
    }

    /// Makes no more attempts until `enable`; what is in flight finishes.
    package mutating func disable(_ reason: WebhookDisabled) { disabled = reason }

    /// Makes attempts again: what waits is due as it was, the endpoint is judged anew.
    package mutating func enable() {
        disabled = nil
        health = WebhookHealth()
        if !isAtRest { work.pace = basis.resting.wrappedValue.pace }
    }

    // MARK: Delivering again

    /// A request to deliver again, worked off when those before it are.
    package mutating func redeliver(_ request: WebhookRedelivery) { work.lane.add(request) }

    /// The next event asked for, found after `next` said `takeRedelivery`; nil when live delivery is about to bring it, and
    /// `next` is to be asked again.
    package mutating func takeRedelivery(
        _ sequence: SequenceNumber, isOwn: Bool = false, now: MonotonicTime
    ) -> WebhookAttempt? {
        invariant(sequence > work.lane.taken, "events are taken once for each request, in sequence order")
        if sequence > taken || isPending(sequence) {
            work.lane.pass(to: sequence)
            return nil
        }
        work.lane.take(sequence)
        return start(WebhookAttempt(sequence: sequence, number: 1, isOwn: isOwn, isRedelivery: true, due: now), now)
    }

    /// Nothing up to `sequence` is asked for.
    package mutating func passRedelivery(to sequence: SequenceNumber) { work.lane.pass(to: sequence) }

    /// What became of requests since this was last asked; after the verdicts given so far have been recorded.
    package mutating func takeRedeliveryChanges() -> [RedeliveryChange] {
        work.lane.hasChanges ? work.lane.takeChanges() : []
    }

    /// How far a request to deliver again has come.
    package struct RedeliveryChange: Equatable, Sendable {
        /// The request, everything up to whose `low` is decided.
        package var request: WebhookRedelivery
        /// There is nothing left of it.
        package var isComplete: Bool
    }

    private func isPending(_ sequence: SequenceNumber) -> Bool {
        work.inFlight.contains { $0.attempt.sequence == sequence }
            || work.waiting.entries.contains { $0.sequence == sequence }
            || work.lane.waiting.entries.contains { $0.sequence == sequence }
    }

    /// The log has removed everything up to `sequence`: what waits there can no longer be delivered and is given up on
    /// (kind `expired`). What is in flight finishes. Ascending.
    package mutating func expire(through sequence: SequenceNumber) -> [WebhookAttempt] {
        let gone =
            work.waiting.remove { $0.sequence <= sequence }.map { $0.made(isRedelivery: false) }
            + work.lane.waiting.remove { $0.sequence <= sequence }.map { $0.made(isRedelivery: true) }
        for attempt in gone {
            settle(attempt)
            if attempt.isOwn { work.delivered.append(attempt) }
        }
        return gone.filter { !$0.isOwn }.sorted { $0.sequence < $1.sequence }
    }

    private var mayTake: Bool {
        options.order == .all ? work.waiting.entries.isEmpty : work.retries < WebhookLimits.outstandingRetries
    }

    private mutating func start(_ entry: RetryQueue.Entry, isRedelivery: Bool, _ now: MonotonicTime) -> WebhookAttempt {
        start(entry.made(isRedelivery: isRedelivery), now)
    }

    private mutating func start(_ attempt: WebhookAttempt, _ now: MonotonicTime) -> WebhookAttempt {
        work.pace.started(now: now)
        if let spacing { work.spacedUntil = now.advanced(byNanoseconds: spacing) }
        if attempt.isRedelivery { work.lane.started() } else { work.lane.liveStarted() }
        work.inFlight.append(WebhookWork.InFlight(attempt: attempt, started: now))
        return attempt
    }

    /// The attempt is decided: it is no longer open, or no longer a retry.
    private mutating func settle(_ attempt: WebhookAttempt) {
        if attempt.isRedelivery { return work.lane.settle(attempt) }
        if attempt.number > 1 {
            work.retries -= 1
            return
        }
        guard let place = work.open.firstIndex(of: attempt.sequence) else {
            invariantBroken("a first attempt is open")
        }
        work.open.remove(at: place)
    }

    private mutating func failed(
        _ attempt: WebhookAttempt, _ failure: WebhookFailure, _ now: TurnTime, _ random: UInt64
    ) -> WebhookVerdict.Result {
        guard let delay = options.retry.delay(afterAttempt: attempt.number, random: random) else {
            return giveUp(attempt, failure)
        }
        let pause = Int(work.pace.notBefore.nanoseconds(since: now.monotonic))
        var next = attempt
        next.number += 1
        return .retry(schedule(next, after: max(delay, pause), now))
    }

    /// Nothing more is attempted: a dead letter, unless the event is the service's own.
    private mutating func giveUp(_ attempt: WebhookAttempt, _ failure: WebhookFailure) -> WebhookVerdict.Result {
        guard attempt.isOwn else { return .deadLetter(failure) }
        work.delivered.append(attempt)
        return .dropped(failure)
    }

    private mutating func schedule(
        _ attempt: WebhookAttempt, after nanoseconds: Int, _ now: TurnTime
    ) -> WebhookRetry {
        if attempt.isRedelivery { work.lane.restoreRetry() } else { work.retries += 1 }
        wait(attempt, until: now.monotonic.advanced(byNanoseconds: nanoseconds))
        return WebhookRetry(attempt, due: WallTime(nanoseconds: now.wall.nanoseconds + UInt64(nanoseconds)))
    }

    private mutating func wait(_ attempt: WebhookAttempt, until due: MonotonicTime) {
        let entry = RetryQueue.Entry(
            due: due, sequence: attempt.sequence, attempt: attempt.number, isOwn: attempt.isOwn)
        if attempt.isRedelivery { work.lane.waiting.insert(entry) } else { work.waiting.insert(entry) }
    }

    private mutating func restore(_ retry: WebhookRetry, _ now: TurnTime) {
        let wait = retry.due > now.wall ? retry.due.nanoseconds - now.wall.nanoseconds : 0
        let longest = UInt64(options.retry.delays.max() ?? 0) * 2
        let bounded = Int(min(wait, max(longest, WebhookLimits.retryAfterSeconds * 1_000_000_000)))
        var attempt = retry.next
        attempt.number = max(2, attempt.number)
        _ = schedule(attempt, after: bounded, now)
    }
}
