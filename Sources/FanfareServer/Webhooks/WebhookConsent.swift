import FanfareBase
import FanfareDelivery
import FanfareLog

/// Asking endpoints whether they want events (CloudEvents HTTP 1.1 Web Hooks, section 4), where a subscription wants that.
/// What is decided is in `EndpointConsent`; a question travels as a delivery without an event.
extension WebhookDispatcher {
    /// Whether events may be delivered now; asks when it is time to.
    func hasConsent(_ subscription: WebhookSubscription, _ shard: Shard) -> Bool {
        guard let consent = subscription.consent, subscription.schedule.disabled == nil else { return true }
        switch consent.step(now: shard.time.monotonic) {
        case .deliver: return true
        case .wait(let until):
            if let until { arm(subscription, at: until, shard) }
            return false
        case .ask:
            ask(subscription, shard)
            return false
        }
    }

    private func ask(_ subscription: WebhookSubscription, _ shard: Shard) {
        guard subscription.pool.hasRoom else {
            subscription.waitsForConnection = true
            return subscription.pool.await(subscription.slot)
        }
        guard let question = subscription.consent?.asked() else { return }
        let attempt = WebhookAttempt(sequence: .zero, number: 1, isOwn: true, due: shard.time.monotonic)
        begin(attempt, of: subscription, with: nil, question: question, shard)
    }

    /// Sends the question, on a connection that can take it.
    func ask(on connection: EndpointConnection, _ delivery: Delivery, _ shard: Shard) {
        guard let consent = delivery.subscription.webhook.consent,
            let equipment = equipment(of: delivery.subscription, shard)
        else { return notMade(connection, shard) }
        requestBytes.removeAll(keepingCapacity: true)
        equipment.request.appendConsentQuestion(origin: consent.origin, perMinute: consent.rate, to: &requestBytes)
        send(requestBytes, on: connection, delivery, shard)
    }

    /// A question is answered, or will not be.
    func finish(
        _ question: EndpointConsent.Question, _ delivery: Delivery, _ outcome: WebhookOutcome, _ report: Outcome,
        _ shard: Shard
    ) {
        let subscription = delivery.subscription
        guard !subscription.isRemoved else { return }
        let (now, random) = (shard.time.monotonic, shard.random.next())
        if outcome == .notMade {
            subscription.consent?.notAsked(question, now: now)
        } else if let answer = report.consent {
            subscription.consent?.answered(question, answer, now: now, random: random)
        } else {
            subscription.consent?.failed(question, report.error ?? "the answer was cut short", now: now, random: random)
        }
        showConsent(of: subscription)
        markReady(subscription)
    }

    /// The subscription is new, or its endpoint or what is asked of it has changed.
    func askAnew(_ subscription: WebhookSubscription) {
        let webhook = subscription.webhook
        if let origin = webhook.consent?.origin {
            let retry = RetryPolicy(
                delays: webhook.retry.delaysMilliseconds.map { $0 * 1_000_000 }, jitter: webhook.retry.jitter)
            let before = subscription.consent ?? subscription.consentBefore
            subscription.ask(EndpointConsent(origin: origin, retry: retry, after: before))
        } else {
            subscription.ask(nil)
        }
        showConsent(of: subscription)
    }

    private func showConsent(of subscription: WebhookSubscription) {
        let consent = subscription.consent
        subscription.schedule.spaceAttempts(by: consent?.intervalNanoseconds)
        subscription.status.update { status in
            guard let consent else { return status.consent = nil }
            let state = consent.isGranted ? "granted" : consent.reason == nil ? "asking" : "refused"
            status.consent = SubscriptionStatus.Consent(state: state, reason: consent.reason)
            if let reason = consent.reason { status.lastError = reason }
        }
    }
}
