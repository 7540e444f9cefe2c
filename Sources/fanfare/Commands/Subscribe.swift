import ArgumentParser
import FanfareBase
import FanfareLoad
import FanfareServer
import FanfareWire

extension SubscriberTransport: ExpressibleByArgument {}

/// `fanfare subscribe`: prints events as they come.
struct Subscribe: FanfareCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print matching events as they come, one JSON object a line.",
        discussion: """
            Reconnects when the connection breaks and goes on after the last event printed. Gaps and what else the service \
            says are told on standard error; so is the last position, at the end, for --from next time.

            --transport stream needs a --url of the stream protocol: tcp://HOST:PORT, tls://HOST:PORT or unix:PATH.
            """)

    @OptionGroup var service: ServiceOptions

    @Option(
        parsing: .upToNextOption,
        help: ArgumentHelp("Patterns: * is one token, a final > any more.", valueName: "pattern"))
    var topic: [String]

    @Option(help: "websocket, sse or stream; without it stream for its URLs, else websocket.")
    var transport: SubscriberTransport?

    @Option(help: "Where to begin: latest, earliest, a position, an RFC 3339 time or last:N.")
    var from: String?

    @Option(help: "End after this many events.")
    var count: Int?

    @Flag(help: "Print what the service says besides events as JSON, too.")
    var json = false

    func validate() throws {
        if let count, count < 1 { throw ValidationError("--count must be at least 1.") }
        if topic.isEmpty { throw ValidationError("Name at least one --topic.") }
    }

    func perform() throws(CommandFailure) {
        let url = try service.parsedURL()
        let transport = transport ?? (url.isHTTP ? .websocket : .stream)
        guard url.isHTTP == (transport != .stream) else {
            throw .usage(
                url.isHTTP
                    ? "--transport stream needs --url tcp://HOST:PORT, tls://HOST:PORT or unix:PATH, not \(url)"
                    : "--transport \(transport.rawValue) needs --url http://HOST:PORT or https://HOST:PORT, not \(url)")
        }
        let target = try service.target()
        let printer = SubscriptionPrinter(
            try Loops.make(), target, transport, SubscribeRequest(topics: topic, from: from), count: count, json: json)
        try printer.run()
    }
}

/// Prints what one subscriber receives and reconnects it.
final class SubscriptionPrinter: SubscriberObserver {
    /// Milliseconds before the first try to reconnect; doubled with each that fails.
    private static let reconnectMilliseconds = 500
    /// The longest wait between two tries.
    private static let reconnectMillisecondsMax = 15_000

    private let loop: ClientLoop
    private let target: ClientTarget
    private let transport: SubscriberTransport
    private var request: SubscribeRequest
    private let count: Int?
    private let json: Bool
    private var subscriber: EventSubscriber?
    private var output = LineOutput()
    private var isFlushDue = false
    private var printed = 0
    private var hasBegun = false
    private var isEnding = false
    private var lastPosition = [UInt8]()
    private var wait = SubscriptionPrinter.reconnectMilliseconds
    private var retryAfterMilliseconds: Int?
    private var failure: CommandFailure?

    init(
        _ loop: ClientLoop, _ target: ClientTarget, _ transport: SubscriberTransport, _ request: SubscribeRequest,
        count: Int?, json: Bool
    ) {
        self.loop = loop
        self.target = target
        self.transport = transport
        self.request = request
        self.count = count
        self.json = json
    }

    /// Runs until the count is reached, the service refuses, or a person interrupts.
    func run() throws(CommandFailure) {
        loop.onInterrupt = { [unowned self] in end(nil) }
        connect()
        loop.run()
        output.flush()
        if !lastPosition.isEmpty { Terminal.error("last position: \(String(decoding: lastPosition, as: UTF8.self))") }
        if let failure { throw failure }
    }

    private func connect() {
        subscriber = EventSubscriber.start(transport, loop, target, request, observer: self)
    }

    func began(_ subscriber: EventSubscriber) {
        if hasBegun { Terminal.error("connected again") }
        hasBegun = true
        wait = Self.reconnectMilliseconds
    }

    func event(_ json: ByteView, position: ByteView, to subscriber: EventSubscriber) {
        guard !isEnding else { return }
        remember(position)
        output.line(json)
        printed += 1
        if printed == count { return end(nil) }
        guard !isFlushDue else { return }
        isFlushDue = true
        // Everything that arrives in this turn is written at once.
        loop.after(milliseconds: 0) { [unowned self] in
            isFlushDue = false
            output.flush()
        }
    }

    func message(_ message: ServerMessage, to subscriber: EventSubscriber) {
        guard !isEnding else { return }
        switch message {
        case .subscribed(let position), .heartbeat(let position): Array(position.utf8).withByteView { remember($0) }
        case .gap(let after, let next):
            say(
                "gap: nothing between \(after) and \(next)",
                .object([
                    .init("op", .string("gap")), .init("after", .string(after)), .init("next", .string(next)),
                ]))
        case .closing(let reason, let milliseconds):
            retryAfterMilliseconds = milliseconds
            say("closing: \(reason)", .object([.init("op", .string("closing")), .init("reason", .string(reason))]))
        case .error(let title, let detail):
            say(
                "error: \(detail)",
                .object([
                    .init("op", .string("error")), .init("title", .string(title)), .init("detail", .string(detail)),
                ]))
            // A refused subscribe on a stream: there is nothing else that could come.
            if !hasBegun { end(.data(detail)) }
        case .published, .pong, .unknown: break
        }
    }

    func ended(_ subscriber: EventSubscriber, _ reason: SubscriberEnd) {
        guard !isEnding else { return }
        output.flush()
        guard hasBegun, reason.isWorthRetrying else { return end(Self.failure(reason, target)) }
        if !lastPosition.isEmpty { request.from = String(decoding: lastPosition, as: UTF8.self) }
        let milliseconds = retryAfterMilliseconds ?? wait
        retryAfterMilliseconds = nil
        wait = min(wait * 2, Self.reconnectMillisecondsMax)
        Terminal.error("\(reason); trying again in \(Duration.milliseconds(milliseconds).formatted)")
        loop.after(milliseconds: milliseconds) { [unowned self] in if !isEnding { connect() } }
    }

    private func remember(_ position: ByteView) {
        lastPosition.removeAll(keepingCapacity: true)
        lastPosition.append(position)
    }

    private func say(_ text: String, _ object: JSONOutput) {
        output.flush()
        Terminal.error(json ? String(decoding: object.line, as: UTF8.self) : text)
    }

    private func end(_ failure: CommandFailure?) {
        isEnding = true
        self.failure = failure
        subscriber?.close()
        loop.stop()
    }

    private static func failure(_ reason: SubscriberEnd, _ target: ClientTarget) -> CommandFailure {
        switch reason {
        case .refused(let status, let words): .refused(status: status, words: words)
        case .webSocketClosed, .malformed: .data("\(target.url): \(reason)")
        case .closed, .connection: .unavailable("\(target.url): \(reason)")
        }
    }
}

extension Duration {
    /// Seconds with one digit, or whole ones.
    var formatted: String {
        let milliseconds = components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000
        return milliseconds % 1000 == 0
            ? "\(milliseconds / 1000) s" : "\(milliseconds / 1000).\(milliseconds % 1000 / 100) s"
    }
}
