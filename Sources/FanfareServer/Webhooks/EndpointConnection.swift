import FanfareBase
import FanfareDelivery
import FanfareTLS
import FanfareWire

/// One try of one delivery, from when the schedule asked for it.
struct Delivery {
    /// Whose it is.
    let subscription: WebhookSubscription
    /// Which event, and which try.
    let attempt: WebhookAttempt
    /// When it began.
    let begun: TurnTime
    /// When it has failed for lack of time, whatever it is doing.
    let deadline: MonotonicTime
    /// When it came how far.
    var timings = AttemptTimings()
    /// What it is, when it is none of the subscription's events.
    var test: WebhookTest?
    /// What its endpoint is asked, when it is no event at all.
    var question: EndpointConsent.Question?
    /// Times its request was made again because nobody had looked at it.
    var resends = 0
}

/// What went wrong, for the schedule and in words.
struct DeliveryProblem {
    /// For the schedule.
    var failure: WebhookFailure
    /// For a person.
    var words: String
}

/// A connection to an endpoint, from looking its name up to its end, with at most one request under way; or, once HTTP/2
/// is agreed on, one place on it (`HTTP2Carrier`).
///
/// It exists with a delivery or idle. The shard's wheel holds one entry for it, moved as rarely as possible: `deadline` is
/// looked at when the entry fires, and a connection that has become idle leaves its entry where it is.
final class EndpointConnection: ConnectionHandler {
    /// How far it has come.
    enum Phase {
        /// Its endpoint's name is being looked up.
        case resolving
        /// The kernel connects to one of its addresses.
        case connecting
        /// The proxy has been asked for a tunnel.
        case tunnelling
        /// TLS is being agreed on.
        case securing
        /// It can take a request; the delivery's event is being fetched.
        case ready
        /// The request is out.
        case awaitingAnswer
        /// Nothing is under way.
        case idle
        /// It has ended.
        case over
    }

    /// Whose connections it is one of.
    let pool: EndpointPool
    /// How far it has come.
    var phase = Phase.resolving
    /// What it is for at present.
    var delivery: Delivery?
    /// The bytes; nil while it is being opened and after its end.
    var connection: Connection?
    /// When what it does now has taken too long.
    var deadline = MonotonicTime(nanoseconds: .max)
    /// Requests made on it.
    var requests = 0
    /// A byte of the answer has come.
    var hasAnswerBegun = false
    /// Takes the answers.
    var decoder = EndpointConnection.newDecoder()

    /// The HTTP/2 connection it is a place on; nil with HTTP/1.1. The carrier lets go of it when it is over.
    var carrier: HTTP2Carrier?
    /// Which place.
    var place = 0
    /// The stream of its request; 0 when none is under way.
    var stream: Int32 = 0
    /// Its pool counts it among those being opened.
    var isBeingOpened = false

    /// Its place in the dispatcher's table while it is being opened.
    var opening: SlotTable<EndpointConnection>.Key?
    /// The wheel's entry while it is being opened.
    var timer: TimerID?
    /// Host and port the proxy is asked for; nil without a proxy.
    var tunnel: String?
    /// What is looked up is the proxy's name.
    var resolvesProxy = false
    /// The session to begin when there is a tunnel; nil on plain endpoints.
    var session: TLSSession?

    /// Where it may connect to, in this order.
    var addresses: [IPAddress] = []
    /// The next of `addresses` to try.
    var nextAddress = 0
    /// The address tried last, in words.
    var connectsTo = ""
    /// What was wrong with the address tried last.
    var problem = DeliveryProblem(failure: .resolve, words: "the name has no address")
    /// Why TLS failed.
    var tlsError: TLSError?

    /// Takes answers from their beginning.
    static func newDecoder() -> HTTPResponseDecoder {
        HTTPResponseDecoder(
            mode: .collect(bodyKeptBytesMax: Limits.answerKeptBytesMax, bodyReadBytesMax: Limits.answerReadBytesMax))
    }

    /// A connection to be opened for `delivery`, or a place.
    init(pool: EndpointPool, for delivery: Delivery?) {
        self.pool = pool
        self.delivery = delivery
    }

    /// The status of the answer that has begun to come.
    var statusSeen: Int? { carrier.map { $0.status(of: self) } ?? decoder.statusSeen }

    /// What has come of the answer, whose rest never will; nil when its head has not.
    func answerBegun(now: WallTime) -> EndpointAnswer? {
        if let carrier { return carrier.begun(self, now: now) }
        return decoder.begun.map { EndpointAnswer($0, to: delivery, canGoOn: false, now: now) }
    }

    /// It was kept alive: what it was used for before has been answered.
    var isReused: Bool { carrier?.hasAnswered ?? (requests > (phase == .awaitingAnswer ? 1 : 0)) }

    /// A request can be sent now; else we are told when.
    var takesRequests: Bool {
        if let carrier { return carrier.takesRequests }
        guard let connection else { return true }
        return connection.canSend && connection.output.isEmpty
    }

    func secured(on connection: Connection, shard: Shard) { shard.webhooks.opened(self, shard) }

    func tlsFailed(_ error: TLSError, on connection: Connection, shard: Shard) {
        tlsError = error
        shard.abort(connection)
    }

    func received(_ bytes: UnsafeRawBufferPointer, on connection: Connection, shard: Shard) {
        if phase == .tunnelling {
            var input = unsafe ByteView(bytes)
            return shard.webhooks.proxyAnswered(self, decoder.decode(&input), isAll: input.isEmpty, shard)
        }
        guard phase == .awaitingAnswer, let delivery else { return shard.abort(connection) }
        if !hasAnswerBegun {
            hasAnswerBegun = true
            self.delivery?.timings.answered = shard.time.monotonic
            deadline = delivery.deadline
        }
        var input = unsafe ByteView(bytes)
        guard let event = decoder.decode(&input) else { return }
        switch event {
        case .response(let response):
            let answer = EndpointAnswer(
                response, to: delivery, canGoOn: input.isEmpty && isDrained(connection), now: shard.time.wall)
            shard.webhooks.answered(self, answer, shard)
        case .failure(let error):
            shard.webhooks.failed(
                self, DeliveryProblem(failure: .malformedAnswer, words: "the answer is not HTTP/1.1: \(error.detail)"),
                shard)
        case .head, .body, .end: shard.abort(connection)
        }
    }

    /// Everything of the request has been taken by the kernel: what is left of it would run into the next one.
    private func isDrained(_ connection: Connection) -> Bool {
        connection.sendBytes == 0 && !connection.blocked && connection.output.isEmpty && connection.phase == .open
    }

    func outputDrained(on connection: Connection, shard: Shard) {
        if phase == .ready { shard.webhooks.ready.append(self) }
    }

    func inputEnded(on connection: Connection, shard: Shard) {
        if phase == .awaitingAnswer, let event = decoder.finish(), case .response(let response) = event {
            shard.webhooks.answered(
                self, EndpointAnswer(response, to: delivery, canGoOn: false, now: shard.time.wall), shard)
        }
        shard.abort(connection)
    }

    func deadlinePassed(on connection: Connection, shard: Shard) {
        shard.webhooks.deadlinePassed(self, on: connection, shard)
    }

    func closed(on connection: Connection, shard: Shard) {
        self.connection = nil
        shard.webhooks.ended(self, shard)
    }
}
