import FanfareBase
import FanfareDelivery
import FanfareLog

/// What an attempt came to, for whoever asks.
struct Outcome {
    /// The answer's status; nil when there was none.
    var status: Int?
    /// What went wrong; nil when nothing did.
    var error: String?
    /// The first bytes of the answer.
    var answer: [UInt8] = []
    /// What it says of consent; nil when that was not asked for.
    var consent: EndpointConsentAnswer?
}

/// Why a delivery was given up on, as the journal's number.
enum DeadLetterKind: UInt8 {
    /// Its attempts are used up.
    case exhausted = 0
    /// Retention removed the event first.
    case expired = 1
}

/// Deciding what an attempt's outcome means and telling the journal and the API.
extension WebhookDispatcher {
    /// The attempt of a connection is over. Does nothing when it has none.
    func finish(_ connection: EndpointConnection, _ outcome: WebhookOutcome, _ report: Outcome, _ shard: Shard) {
        guard let delivery = connection.delivery else { return }
        connection.delivery = nil
        inFlight -= 1
        let subscription = delivery.subscription
        if let question = delivery.question { return finish(question, delivery, outcome, report, shard) }
        if let test = delivery.test { return finish(test, delivery, outcome, report, shard) }
        guard !subscription.isRemoved else { return }
        let verdict = subscription.schedule.finished(
            delivery.attempt.sequence, outcome, now: shard.time, random: shard.random.next())
        markChanged(subscription)
        markReady(subscription)
        guard verdict.result != .notMade else { return }
        // What comes of it replaces the dead letter it may have had.
        if verdict.attempt.isRedelivery {
            entries.append(.deadLetterRemoved(subscription.number, verdict.attempt.sequence))
        }
        note(verdict, of: subscription, report, shard)
        tell(delivery, verdict, report, shard)
    }

    private func note(
        _ verdict: WebhookVerdict, of subscription: WebhookSubscription, _ report: Outcome, _ shard: Shard
    ) {
        switch verdict.result {
        case .delivered: shard.metrics.webhookDelivered.add(1)
        case .notMade: break
        case .retry(let retry):
            shard.metrics.webhookFailed.add(1)
            entries.append(.retry(subscription.number, JournalRetry(retry, report)))
        case .deadLetter(let failure):
            shard.metrics.webhookFailed.add(1)
            giveUp(verdict.attempt, of: subscription, failure == .expired ? .expired : .exhausted, report, shard)
        case .dropped: shard.metrics.webhookFailed.add(1)
        }
        switch verdict.health {
        case nil: break
        case .began(let since): entries.append(.unsuccessful(subscription.number, since: since))
        case .ended: entries.append(.unsuccessful(subscription.number, since: nil))
        case .failing(let since):
            entries.append(.failing(subscription.number, since: since))
            subscription.status.update { status in
                status.state = "failing"
                status.failingSince = since
            }
            shard.service.report("subscription \(subscription.id): nothing but failures for long")
        case .recovered:
            entries.append(.failing(subscription.number, since: nil))
            subscription.status.update { status in
                status.state = "active"
                status.failingSince = nil
            }
        case .disabled(let reason): shard.disableSubscription(subscription.number, reason)
        }
    }

    private func giveUp(
        _ attempt: WebhookAttempt, of subscription: WebhookSubscription, _ kind: DeadLetterKind, _ report: Outcome,
        _ shard: Shard
    ) {
        shard.metrics.webhookDeadLetters.add(1)
        let letter = JournalDeadLetter(
            sequence: attempt.sequence, kind: kind.rawValue, time: shard.time.wall,
            attempts: UInt32(clamping: attempt.number), status: UInt16(clamping: report.status ?? 0),
            error: report.error ?? "")
        entries.append(.deadLetter(subscription.number, letter))
    }

    /// Gives up on what retention removed before anyone looked at it. What of it matched is not known any more, so one dead
    /// letter stands for all of it, under the number of the last.
    func expire(_ range: ClosedRange<SequenceNumber>, of subscription: WebhookSubscription, _ shard: Shard) {
        let ends = "\(shard.position(range.lowerBound)) to \(shard.position(range.upperBound))"
        let message = "retention removed the events \(ends) before they were looked at"
        shard.service.report("subscription \(subscription.id): \(message)")
        subscription.status.update { $0.lastError = message }
        guard patterns(of: subscription, shard).contains(where: { !$0.isReserved }) else { return }
        giveUp(
            WebhookAttempt(sequence: range.upperBound, number: 0), of: subscription, .expired,
            Outcome(error: message), shard)
    }

    /// Gives up on retries whose event retention has removed.
    func expire(_ subscription: WebhookSubscription, _ shard: Shard) {
        guard subscription.schedule.retryCount > 0 else { return }
        let first = shard.reader.firstRetained.rawValue
        guard first > 1 else { return }
        let expired = subscription.schedule.expire(through: SequenceNumber(first - 1))
        if expired.isEmpty { return }
        markChanged(subscription)
        for attempt in expired {
            var made = attempt
            made.number -= 1
            if attempt.isRedelivery {
                entries.append(.deadLetterRemoved(subscription.number, attempt.sequence))
            }
            giveUp(
                made, of: subscription, .expired,
                Outcome(error: "retention removed the event before it was delivered"), shard)
        }
    }

    private func tell(_ delivery: Delivery, _ verdict: WebhookVerdict, _ report: Outcome, _ shard: Shard) {
        var attempt = AttemptReport(
            sequence: verdict.attempt.sequence, attempt: verdict.attempt.number, time: delivery.begun.wall,
            timings: delivery.timings.split(begun: delivery.begun.monotonic, end: shard.time.monotonic),
            status: report.status, error: report.error, answer: report.answer, nextAttempt: nil)
        if case .retry(let retry) = verdict.result { attempt.nextAttempt = retry.due }
        delivery.subscription.status.update { status in
            status.note(attempt)
            if let error = report.error { status.lastError = error }
        }
    }

    // MARK: The journal

    /// Tells the journal what was decided since the last turn, and the API where each subscription stands. Before the
    /// journal is flushed.
    func settle(_ shard: Shard) {
        if let registry = shard.registry { shard.service.isJournalFull = registry.isFull }
        for subscription in changed {
            subscription.isChanged = false
            if !subscription.isRemoved { settle(subscription) }
        }
        changed.removeAll(keepingCapacity: true)
        guard !entries.isEmpty else { return }
        shard.record(entries)
        entries.removeAll(keepingCapacity: true)
    }

    /// Retries and dead letters are in `entries` already, so they precede the cursor that passes them.
    private func settle(_ subscription: WebhookSubscription) {
        ranges.removeAll(keepingCapacity: true)
        let low = subscription.schedule.takeCursorChange(acknowledged: &ranges)
        for range in ranges { entries.append(.acknowledged(subscription.number, range)) }
        if let low { entries.append(.cursor(subscription.number, low)) }
        for change in subscription.schedule.takeRedeliveryChanges() { note(change, of: subscription) }
        subscription.status.update { status in
            if let low { status.cursor = low }
            status.isCaughtUp = subscription.isCaughtUp && subscription.schedule.inFlightCount == 0
            status.inFlight = subscription.schedule.inFlightCount
            status.retrying = subscription.schedule.retryCount
        }
    }

    private func note(_ change: WebhookSchedule.RedeliveryChange, of subscription: WebhookSubscription) {
        let id = change.request.id
        guard let place = subscription.redeliveries.firstIndex(where: { $0.id == id }) else { return }
        if change.isComplete {
            subscription.redeliveries.remove(at: place)
            entries.append(.redelivered(subscription.number, id: id))
        } else {
            subscription.redeliveries[place].low = change.request.low
            entries.append(.redelivery(subscription.number, subscription.redeliveries[place]))
        }
        subscription.status.update { [redeliveries = subscription.redeliveries] in $0.redeliveries = redeliveries }
    }
}

extension JournalRetry {
    /// The event is the service's own.
    private static let ownFlag: UInt8 = 1
    /// It was asked for again.
    private static let redeliveryFlag: UInt8 = 2

    /// A retry that follows what `report` tells of.
    init(_ retry: WebhookRetry, _ report: Outcome) {
        self.init(
            sequence: retry.sequence, attempts: UInt32(clamping: retry.attempt - 1), due: retry.due,
            status: UInt16(clamping: report.status ?? 0), error: report.error ?? "",
            flags: (retry.isOwn ? Self.ownFlag : 0) | (retry.isRedelivery ? Self.redeliveryFlag : 0))
    }

    /// What the schedule makes of it.
    var retry: WebhookRetry {
        WebhookRetry(
            sequence: sequence, attempt: Int(attempts) + 1, due: due, isOwn: flags & Self.ownFlag != 0,
            isRedelivery: flags & Self.redeliveryFlag != 0)
    }
}

extension Shard {
    /// Tells the journal, on shard 0, in this order.
    func record(_ entries: [JournalEntry]) {
        if let registry {
            for entry in entries { registry.record(entry, self) }
            return
        }
        service.mail.send(.perform(ShardTask { $0.record(entries) }), to: 0, from: self)
    }

    /// Makes no more attempts for a subscription until it is enabled, and says so.
    func disableSubscription(_ number: SubscriptionNumber, _ reason: WebhookDisabled) {
        webhooks.disable(number, reason, self)
    }
}

extension WebhookDispatcher {
    /// Stops a subscription's attempts for `reason`, durably.
    func disable(_ number: SubscriptionNumber, _ reason: WebhookDisabled, _ shard: Shard) {
        guard let subscription = subscription(number) else { return }
        subscription.schedule.disable(reason)
        entries.append(.disable(number, reason: reason.word, time: shard.time.wall))
        subscription.status.update { $0.show(reason) }
        shard.service.report("subscription \(subscription.id): disabled (\(reason.word))")
    }
}
