import FanfareBase
import FanfareDelivery
import FanfareEvent

/// What a subscription finds and delivers its events with: made when it has something to deliver, let go when it has been
/// quiet for long. Everything in it follows from the definition.
final class WebhookEquipment {
    /// Makes the requests.
    var request: WebhookRequest
    /// When one of the secrets ceases to sign; nil when none does.
    let secretsUntil: WallTime?
    /// The topics it wants, for events read from the log.
    let patterns: [TopicPattern]
    /// The same, for reading the log; nil when all of it is to be read.
    let selection: TopicSelection?

    /// What `webhook` needs for events that `patterns` match, signed by what signs at `now`.
    init(_ webhook: SubscriptionDefinition.Webhook, _ patterns: [TopicPattern], now: WallTime) throws {
        request = try WebhookRequest(webhook, now: now)
        secretsUntil = webhook.retiringSecrets.map(\.until).filter { $0 > now }.min()
        self.patterns = patterns
        selection = TopicSelection(patterns)
    }

    /// Whether one of the patterns matches: the rule for events read from the log.
    func matches(_ record: EventRecord) -> Bool {
        let topic = unsafe record.topic.bindMemory(to: UInt8.self).span
        for pattern in patterns where pattern.matches(topic) { return true }
        return false
    }
}

extension WebhookDispatcher {
    /// What a subscription delivers with, made now if need be; nil when that cannot be, and then `defect` says why.
    func equipment(of subscription: WebhookSubscription, _ shard: Shard) -> WebhookEquipment? {
        noteBusy(subscription)
        if let equipment = subscription.equipment {
            // It had these secrets and one more a moment ago.
            let isOutdated = equipment.secretsUntil.map { $0 <= shard.time.wall } ?? false
            if !isOutdated { return equipment }
        }
        do {
            subscription.equipment = try WebhookEquipment(
                subscription.webhook, patterns(of: subscription, shard), now: shard.time.wall)
        } catch {
            subscription.equipment = nil
            fail(subscription, "\(error)", shard)
        }
        return subscription.equipment
    }

    /// Nothing can be delivered, though the definition was accepted.
    func fail(_ subscription: WebhookSubscription, _ why: String, _ shard: Shard) {
        subscription.defect = "nothing can be delivered: \(why)"
        subscription.status.update { $0.lastError = subscription.defect }
        shard.service.report("subscription \(subscription.id): nothing can be delivered: \(why)")
    }

    /// The topics it wants: the shard's table has them.
    func patterns(of subscription: WebhookSubscription, _ shard: Shard) -> [TopicPattern] {
        (0..<subscription.member.interestCount).compactMap { index in
            shard.patterns[PatternID(subscription.member.interest(index).rawValue)]
        }
    }
}
