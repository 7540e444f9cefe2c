import FanfareBase
import FanfareDelivery
import FanfareLoad
import FanfareRing
import FanfareTLS
import FanfareWire

/// Everyone who listens in the demo: sockets of three transports, half of them encrypted where HTTP is spoken, and
/// webhook endpoints.
final class DemoAudience: SubscriberObserver {
    private let loop: ClientLoop
    /// What has come.
    var tally: DemoTally
    private var subscribers: [EventSubscriber] = []
    private var receivers: [WebhookReceiver] = []
    /// Sockets whose subscription is in effect.
    private(set) var begunCount = 0
    /// What went wrong; the demo ends.
    private(set) var failure: String?
    /// Webhook requests whose signature is right.
    private(set) var signaturesValid = 0
    /// Webhook requests about whose signature something is wrong.
    private(set) var signaturesWrong = 0
    private var isLeaving = false
    /// Sockets that have not ended.
    private var remaining = 0

    init(_ loop: ClientLoop, eventCount: Int) {
        self.loop = loop
        tally = DemoTally(count: eventCount)
    }

    /// Sockets there are.
    var socketCount: Int { subscribers.count }

    // MARK: Webhooks

    /// Opens an endpoint with a certificate of `folder`, listening on a free port.
    func openEndpoint(_ number: Int, _ folder: ServiceFolder) throws(CommandFailure) -> DemoEndpoint {
        let interest = number % DemoEvents.interests.count
        let secret =
            "whsec_"
            + String(decoding: Base64.encode((0..<32).map { _ in UInt8.random(in: .min ... .max) }), as: UTF8.self)
        let member = tally.join(.webhook, interest: interest)
        do {
            let context = try folder.serverContext()
            let signer = try WebhookSigner([try WebhookSecret(secret)])
            let receiver = WebhookReceiver(loop, signer: signer) { [unowned self] in take($0, member) }
            let address = try receiver.listen(at: SocketAddress(parsing: "127.0.0.1:0"), tls: context)
            receivers.append(receiver)
            return DemoEndpoint(
                name: "demo-\(number + 1)", url: "https://\(address)/hook", secret: secret,
                topics: DemoEvents.interests[interest])
        } catch {
            throw .unavailable("a webhook endpoint could not be opened: \(error)")
        }
    }

    private func take(_ arrival: WebhookArrival, _ member: Int) -> WebhookAnswer {
        if arrival.verdict == .valid { signaturesValid += 1 } else { signaturesWrong += 1 }
        guard let number = DemoEvents.number(in: arrival.request.body, isOnSocket: false) else {
            return WebhookAnswer(status: 400)
        }
        tally.received(number, by: member, at: Clock.monotonic)
        return WebhookAnswer(status: 200)
    }

    // MARK: Sockets

    /// Connects `count` sockets of a kind, to `targets` in turn.
    func connect(_ count: Int, _ kind: DemoTally.Kind, _ transport: SubscriberTransport, _ targets: [ClientTarget]) {
        for index in 0..<count {
            let interest = index % DemoEvents.interests.count
            let member = tally.join(kind, interest: interest)
            let target = targets[index / DemoEvents.interests.count % targets.count]
            remaining += 1
            subscribers.append(
                EventSubscriber.start(
                    transport, loop, target, SubscribeRequest(topics: DemoEvents.interests[interest]), tag: member,
                    observer: self))
        }
    }

    /// Ends every socket; runs the loop until they are gone, a second at most.
    func leave() {
        isLeaving = true
        for subscriber in subscribers { subscriber.close() }
        loop.onInterrupt = { [unowned self] in loop.stop() }
        loop.after(milliseconds: 1000) { [unowned self] in loop.stop() }
        stopWhenAlone()
        loop.run()
    }

    private func stopWhenAlone() {
        if remaining == 0 { return loop.stop() }
        loop.after(milliseconds: 5) { [unowned self] in stopWhenAlone() }
    }

    func began(_ subscriber: EventSubscriber) { begunCount += 1 }

    func event(_ json: ByteView, position: ByteView, to subscriber: EventSubscriber) {
        guard let number = DemoEvents.number(in: json, isOnSocket: true) else { return }
        tally.received(number, by: subscriber.tag, at: Clock.monotonic)
    }

    func message(_ message: ServerMessage, to subscriber: EventSubscriber) {
        switch message {
        case .gap(let after, let next): failure = "a gap between \(after) and \(next)"
        case .error(_, let detail): failure = detail
        default: break
        }
    }

    func ended(_ subscriber: EventSubscriber, _ reason: SubscriberEnd) {
        remaining -= 1
        if !isLeaving { failure = "a subscriber was cut off: \(reason)" }
    }
}
