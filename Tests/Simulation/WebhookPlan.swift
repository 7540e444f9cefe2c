import FanfareServer

/// A webhook subscription as the operator of a run configured it.
struct WebhookPlan {
    let id: String
    let patterns: [String]
    let isOrdered: Bool
    /// It begins with the oldest event of the log: everything that matches is its.
    let beginsEarliest: Bool
    let concurrency: Int
    let timeoutMilliseconds: Int
    /// Before the second attempt, the third, …
    let delaysMilliseconds: [Int]
    let port: UInt16

    /// Subscription `number` of a run, as the dice say.
    init(_ number: Int, _ dice: Dice) {
        id = "hook-\(number)"
        patterns = dice.pick([[">"], ["a.*"], ["orders.>"], ["a.b", "a.*"], ["written.>"], ["a.b", "written.x"]])
        isOrdered = dice.perMille(350)
        beginsEarliest = dice.perMille(700)
        concurrency = isOrdered ? 1 : dice.pick([1, 4, 64])
        timeoutMilliseconds = dice.pick([300, 1_000, 3_000])
        delaysMilliseconds = dice.pick([[5, 20], [50, 200, 800], [10, 10, 10, 10], [100], [700, 1_500]])
        port = UInt16(7_001 + number)
    }

    /// The most attempts of a delivery.
    var attemptsMax: Int { delaysMilliseconds.count + 1 }

    /// What its file says.
    func definition(_ canary: Canary?) throws -> SubscriptionDefinition {
        let url = try WebhookURL("http://127.0.0.1:\(port)/\(id)")
        var webhook = SubscriptionDefinition.Webhook(url: url)
        webhook.signingSecrets = [Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]
        webhook.order = isOrdered ? .all : .none
        webhook.concurrency = concurrency
        if canary == .brokenOrder {
            webhook.order = .none
            webhook.concurrency = 4
        }
        webhook.timeoutMilliseconds = timeoutMilliseconds
        webhook.retry.delaysMilliseconds = delaysMilliseconds
        var definition = SubscriptionDefinition(id: id, topics: patterns, webhook: webhook)
        definition.start = beginsEarliest ? .earliest : .latest
        definition.origin = .file("/subscriptions.d/\(id).json")
        return definition
    }

    func wants(_ topic: String) -> Bool { patterns.contains { Subscriber.matches(topic, $0) } }
}
