import FanfareBase
import FanfareDelivery
import FanfareEvent
import FanfareLog

/// A test send: one event, of the type `dev.fanfare.test`, to one endpoint. It is on no log, uses no step of any schedule and
/// says nothing of the endpoint's health; who asked for it gets its outcome.
///
/// Made on the shard that delivers and never leaves it.
final class WebhookTest {
    /// The event.
    let records: RecordStaging
    /// The request's `webhook-id`.
    let id: WebhookID
    /// Who asked.
    let reply: ReplyAddress

    /// A test of `id` whose outcome goes to `reply`; nil when its event could not be made.
    init?(of id: String, reply: ReplyAddress, _ shard: Shard) {
        self.id = WebhookID(low: shard.random.next(), high: shard.random.next())
        self.reply = reply
        records = RecordStaging()
        let event = OwnEvent(
            type: "dev.fanfare.test", topic: "fanfare.test", subscription: id,
            data: [.init("message", .string("A test: nothing has happened."))])
        let number = String(decoding: shard.random.uuidv7(shard.time.wall), as: UTF8.self)
        guard event.decode(id: number, shard, into: records) else { return nil }
    }

    /// The event's record.
    var record: EventRecord { records.record(at: 0) }
}

extension WebhookDispatcher {
    /// Sends a test to a subscription's endpoint at once, also when the subscription is disabled.
    func test(_ number: SubscriptionNumber, reply: ReplyAddress, _ shard: Shard) {
        guard let subscription = subscription(number) else {
            return shard.deliver(
                .problem(409, "paused", "The subscription is paused: nothing can be sent for it."), to: reply)
        }
        guard !subscription.isTesting else {
            return shard.deliver(
                .problem(
                    429, "test-running", "A test of this subscription is under way.", headers: [("retry-after", "1")]),
                to: reply)
        }
        guard subscription.defect == nil,
            let test = WebhookTest(of: subscription.id, reply: reply, shard)
        else {
            return shard.deliver(
                .problem(409, "defect", subscription.defect ?? "The test could not be made."), to: reply)
        }
        if let consent = subscription.consent, !consent.isGranted {
            let reason = consent.reason ?? "it has not answered yet"
            return shard.deliver(
                .problem(409, "no-consent", "The endpoint has not agreed to get events: \(reason)."), to: reply)
        }
        subscription.isTesting = true
        subscription.schedule.requested(now: shard.time.monotonic)
        let attempt = WebhookAttempt(sequence: .zero, number: 1, isOwn: true, due: shard.time.monotonic)
        begin(attempt, of: subscription, with: nil, test: test, shard)
    }

    /// Tells who asked for a test what became of it.
    func finish(_ test: WebhookTest, _ delivery: Delivery, _ outcome: WebhookOutcome, _ report: Outcome, _ shard: Shard)
    {
        delivery.subscription.isTesting = false
        guard outcome != .notMade else {
            return shard.deliver(
                .problem(
                    503, "test-not-made", "The test could not be sent now; try again.", headers: [("retry-after", "1")]),
                to: test.reply)
        }
        var id: [UInt8] = []
        test.id.append(to: &id)
        let split = delivery.timings.split(begun: delivery.begun.monotonic, end: shard.time.monotonic)
        let json = JSONOutput.object([
            .init("delivered", .boolean(outcome == .delivered)),
            .init("webhook_id", .string(String(decoding: id, as: UTF8.self))),
            .init("status", report.status.map { .integer($0) } ?? .null),
            .init("error", report.error.map { .string($0) } ?? .null),
            .init("answer", .string(String(decoding: report.answer, as: UTF8.self))),
            .init("timings_ms", split.json),
        ])
        shard.deliver(.json(200, json.line), to: test.reply)
    }
}
