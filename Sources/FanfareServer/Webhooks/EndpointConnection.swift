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
}

/// What went wrong, for the schedule and in words.
struct DeliveryProblem {
    /// For the schedule.
    var failure: WebhookFailure
    /// For a person.
    var words: String
}

/// A connection to an endpoint, from looking its name up to its end: at most one request under way, HTTP/1.1.
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
    var decoder = HTTPResponseDecoder(
        mode: .collect(bodyKeptBytesMax: Limits.answerKeptBytesMax, bodyReadBytesMax: Limits.answerReadBytesMax))

    /// Its place in the dispatcher's table while it is being opened.
    var opening: SlotTable<EndpointConnection>.Key?
    /// The wheel's entry while it is being opened.
    var timer: TimerID?
    /// Where it may connect to, in this order.
    var addresses: [IPAddress] = []
    /// The next of `addresses` to try.
    var nextAddress = 0
    /// What was wrong with the address tried last.
    var problem = DeliveryProblem(failure: .resolve, words: "the name has no address")
    /// Why TLS failed.
    var tlsError: TLSError?

    /// A connection to be opened for `delivery`.
    init(pool: EndpointPool, for delivery: Delivery) {
        self.pool = pool
        self.delivery = delivery
    }

    func secured(on connection: Connection, shard: Shard) { shard.webhooks.opened(self, shard) }

    func tlsFailed(_ error: TLSError, on connection: Connection, shard: Shard) {
        tlsError = error
        shard.abort(connection)
    }

    func received(_ bytes: UnsafeRawBufferPointer, on connection: Connection, shard: Shard) {
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
            shard.webhooks.answered(self, response, canGoOn: input.isEmpty && isDrained(connection), shard)
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
            shard.webhooks.answered(self, response, canGoOn: false, shard)
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
