import FanfareBase
import FanfareLoad
import FanfareServer
import FanfareWire

/// The course of the demo on its loop: wait for the audience, publish at a steady rate, wait for the last delivery.
final class DemoRun {
    /// Milliseconds within which every socket must have subscribed.
    private static let subscribeMillisecondsMax = 10_000
    /// Milliseconds without a new delivery after which what is missing counts as lost: longer than the webhooks' retries.
    private static let silenceMillisecondsMax = 5_000
    private static let progressMilliseconds = 100

    private let loop: ClientLoop
    private let audience: DemoAudience
    private let progress = ProgressLine(tellsFiles: true)
    private let rate: Double
    private let requests: [[UInt8]]
    private var client: HTTPClient!
    private var startedAt = MonotonicTime(nanoseconds: 0)
    private var next = 0
    private var accepted = 0
    private var deliveredBefore = 0
    private var lastDeliveryAt = MonotonicTime(nanoseconds: 0)
    /// Why it ended before its time.
    private(set) var failure: CommandFailure?

    init(_ loop: ClientLoop, _ audience: DemoAudience, _ publish: ClientTarget, count: Int, rate: Double) {
        self.loop = loop
        self.audience = audience
        self.rate = rate
        var events = DemoEvents(seed: 20_26)
        let time = RFC3339.text(Clock.wall)
        requests = (0..<count).map { number in
            publish.request(
                "POST", "/v1/events", headers: [("content-type", "application/cloudevents+json")],
                body: events.event(number, time: time))
        }
        client = HTTPClient(loop, publish) { [unowned self] _, outcome in answered(outcome) }
    }

    /// Runs from the first subscribe to the last delivery.
    func run() {
        loop.onInterrupt = { [unowned self] in end(.interrupted) }
        let deadline = loop.now.advanced(byMilliseconds: Self.subscribeMillisecondsMax)
        awaitAudience(until: deadline)
        loop.run()
        progress.finish()
    }

    private func awaitAudience(until deadline: MonotonicTime) {
        if let words = audience.failure { return end(.unavailable(words)) }
        guard audience.begunCount < audience.socketCount else { return begin() }
        guard loop.now < deadline else {
            return end(
                .unavailable(
                    "only \(audience.begunCount) of \(audience.socketCount) subscribers could subscribe in time"))
        }
        loop.after(milliseconds: 10) { [unowned self] in awaitAudience(until: deadline) }
    }

    private func begin() {
        startedAt = loop.now
        lastDeliveryAt = loop.now
        publish()
        watch()
    }

    private func publish() {
        let elapsed = Double(loop.now.nanoseconds(since: startedAt)) / 1e9
        let due = min(requests.count, Int(elapsed * rate) + 1)
        while next < due {
            audience.tally.sent(next, at: Clock.monotonic)
            client.send(requests[next])
            next += 1
        }
        guard next < requests.count else { return }
        let nextDue = startedAt.advanced(byNanoseconds: Int(Double(next) / rate * 1e9))
        loop.at(nextDue) { [unowned self] in publish() }
    }

    private func answered(_ outcome: HTTPClient.Outcome) {
        if let failure = outcome.publishFailure { return end(failure) }
        accepted += 1
    }

    /// Shows how it goes, and ends when everything has come or nothing comes any more.
    private func watch() {
        if let words = audience.failure { return end(.unavailable(words)) }
        let tally = audience.tally
        progress.show("published \(next) of \(requests.count), delivered \(tally.delivered) of \(tally.sent)")
        if tally.delivered > deliveredBefore {
            deliveredBefore = tally.delivered
            lastDeliveryAt = loop.now
        }
        let isAllPublished = accepted == requests.count
        if isAllPublished, tally.delivered == tally.sent {
            // A little longer, for what may come twice.
            loop.after(milliseconds: 300) { [unowned self] in end(nil) }
            return
        }
        let silence = loop.now.nanoseconds(since: lastDeliveryAt) / 1_000_000
        guard silence < UInt64(Self.silenceMillisecondsMax) else { return end(nil) }
        loop.after(milliseconds: Self.progressMilliseconds) { [unowned self] in watch() }
    }

    private func end(_ failure: CommandFailure?) {
        if self.failure == nil { self.failure = failure }
        loop.stop()
    }
}
