import ArgumentParser
import FanfareDelivery
import FanfareLoad
import FanfareRing
import FanfareTLS

extension StatusSequence: ExpressibleByArgument {
    /// From the command line.
    package init?(argument: String) { self.init(argument) }

    /// As help shows it.
    package var defaultValueDescription: String { statuses.map(String.init).joined(separator: ",") }
}

/// `fanfare receive`: a webhook endpoint for development.
struct Receive: FanfareCommand {
    static let configuration = CommandConfiguration(
        abstract: "A webhook endpoint for development: verifies and prints each delivery.",
        discussion: """
            With --topic it registers itself as a subscription of the service at --url, with a secret made for it, and \
            removes itself at the end. Without, give it the secret of the subscription whose webhook.url names it.

            --status 500,500,200 answers the first attempt of each delivery with 500, the second too, and all later ones \
            with 200.
            """)

    @Option(help: "Where to listen; port 0 takes a free one.")
    var listen = "127.0.0.1:9000"

    @Option(
        parsing: .upToNextOption, help: ArgumentHelp("Register for events whose topics match.", valueName: "pattern"))
    var topic: [String] = []

    @OptionGroup var service: ServiceOptions

    @Option(help: "The secret to verify with (whsec_… or whsk_…), when it does not register itself.")
    var secret: String?

    @Flag(help: "Listen with TLS, with a certificate made on the spot, which is written to a file to be trusted.")
    var tls = false

    @Option(help: "The answers to the attempts of each delivery; the last one repeats.")
    var status = StatusSequence("200")!

    @Option(help: "Wait before each answer: 250ms, 5s.")
    var delay = "0ms"

    @Option(help: "End after this many attempts.")
    var count: Int?

    func validate() throws {
        if let count, count < 1 { throw ValidationError("--count must be at least 1.") }
        if secret != nil, !topic.isEmpty {
            throw ValidationError("With --topic a secret is made by the service; leave --secret out.")
        }
        if DelayText.milliseconds(delay) == nil {
            throw ValidationError("--delay must be a duration such as 250ms or 5s, not \"\(delay)\".")
        }
    }

    func perform() throws(CommandFailure) {
        let loop = try Loops.make()
        let log = DeliveryLog(
            loop, statuses: status, delayMilliseconds: DelayText.milliseconds(delay) ?? 0, count: count)
        let receiver = WebhookReceiver(loop, signer: try signer(secret)) { log.take($0) }
        let certificate = tls ? try ReceiverCertificate.make(for: listen) : nil
        let bound = try bind(receiver, certificate?.context)
        let url = "\(tls ? "https" : "http")://\(bound)/"
        guard !topic.isEmpty else {
            Terminal.line("receiving at \(url)")
            loop.onInterrupt = { loop.stop() }
            return loop.run()
        }
        let registration = Registration(loop, try service.httpTarget(), topics: topic, url: url, ca: certificate?.path)
        receiver.signer = try signer(try registration.register())
        Terminal.line("receiving at \(url) as subscription \(registration.id): \(topic.joined(separator: " "))")
        loop.onInterrupt = { loop.stop() }
        // A delivery may have come while registering, with --count 1 the last.
        if !log.isDone { loop.run() }
        registration.remove()
    }

    private func signer(_ secret: String?) throws(CommandFailure) -> WebhookSigner? {
        guard let secret else { return nil }
        do throws(WebhookSecretError) { return try WebhookSigner([try WebhookSecret(secret)]) } catch {
            throw .usage("--secret: \(Self.words(error))")
        }
    }

    private static func words(_ error: WebhookSecretError) -> String {
        switch error {
        case .unknownPrefix: "a secret begins with whsec_ or whsk_"
        case .notBase64: "what follows the prefix is not base64"
        case .wrongLength(let bytes, let allowed): "the key has \(bytes) bytes, allowed are \(allowed)"
        case .refused: "OpenSSL refuses the key"
        }
    }

    private func bind(_ receiver: WebhookReceiver, _ context: TLSContext?) throws(CommandFailure) -> SocketAddress {
        let address: SocketAddress
        do throws(SocketAddress.ParseError) { address = try SocketAddress(parsing: listen) } catch {
            throw .usage("--listen: \(error)")
        }
        guard address.family != .unix else { throw .usage("--listen must be ADDRESS:PORT") }
        do throws(ListenerError) { return try receiver.listen(at: address, tls: context) } catch {
            throw .unavailable(error.description)
        }
    }
}
