import FanfareBase
import FanfareDelivery
import FanfareLoad
import FanfareRing
import FanfareTLS
import FanfareWire

/// Everyone who listens in the demo: sockets of three transports, half of them encrypted where HTTP is spoken, and
/// webhook endpoints.
final class DemoAudience: SocketAudience {
    /// What has come.
    var tally: DemoTally
    private var receivers: [WebhookReceiver] = []
    /// Webhook requests whose signature is right.
    private(set) var signaturesValid = 0
    /// Webhook requests about whose signature something is wrong.
    private(set) var signaturesWrong = 0

    init(_ loop: ClientLoop, eventCount: Int) {
        tally = DemoTally(count: eventCount)
        super.init(loop)
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
            connect(transport, target, SubscribeRequest(topics: DemoEvents.interests[interest]), tag: member)
        }
    }

    override func event(_ json: ByteView, position: ByteView, to subscriber: EventSubscriber) {
        guard let number = DemoEvents.number(in: json, isOnSocket: true) else { return }
        tally.received(number, by: subscriber.tag, at: Clock.monotonic)
    }
}
