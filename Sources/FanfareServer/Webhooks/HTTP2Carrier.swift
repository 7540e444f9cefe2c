import FanfareBase
import FanfareDelivery
import FanfareTLS
import FanfareWire

/// One HTTP/2 connection to an endpoint, on which many deliveries are under way at once.
///
/// To the pool each place on it is an `EndpointConnection` like those of HTTP/1.1, with one delivery at a time: a place is
/// idle, taken and put back, and only sending, receiving and ending differ. The peer's MAX_CONCURRENT_STREAMS bounds the
/// places; its GOAWAY, age and the last subscription's leaving retire the carrier: places in use finish, idle ones go.
///
/// Invariants: `places[n]` is the place with `place` n; `count` are those that are not nil.
final class HTTP2Carrier: ConnectionHandler {
    /// Whose connection it is.
    let pool: EndpointPool
    private let client: HTTP2Client
    /// The bytes; nil after their end.
    private(set) var connection: Connection?
    private var places: [EndpointConnection?] = []
    private var freePlaces: [Int] = []
    /// Places there are.
    private(set) var count = 0
    /// It takes no more places.
    private(set) var isRetired = false
    /// Places whose request waits until less is unsent.
    private var waiting: [EndpointConnection] = []
    /// It stands in the dispatcher's list of carriers with something to send.
    var isDirty = false
    /// An answer has come on it: it has been kept alive.
    private(set) var hasAnswered = false
    /// When something last arrived on it, or it was opened.
    private(set) var lastReceived: MonotonicTime
    private var tlsError: TLSError?

    /// A carrier of the endpoint's bytes; nil without memory.
    init?(pool: EndpointPool, on connection: Connection) {
        guard
            let client = HTTP2Client(
                bodyKeptBytesMax: Limits.answerKeptBytesMax, bodyReadBytesMax: Limits.answerReadBytesMax)
        else { return nil }
        self.client = client
        lastReceived = connection.lastActive
        self.pool = pool
        self.connection = connection
    }

    /// Whether one more delivery may use it.
    var hasRoom: Bool { !isRetired && count < min(client.streamsMax, Limits.streamsPerCarrierMax) }

    /// Whether a request may be given to it now; else `wait`.
    var takesRequests: Bool { client.unsentBytes < Limits.carrierUnsentBytesMax }

    /// Gives a connection of the pool a place.
    func add(_ place: EndpointConnection) {
        let index = freePlaces.popLast() ?? places.count
        if index == places.count { places.append(nil) }
        places[index] = place
        count += 1
        place.carrier = self
        place.place = index
        place.connection = connection
    }

    /// Brings a place back to the dispatcher when less is unsent.
    func wait(_ place: EndpointConnection) { waiting.append(place) }

    /// Sends the request of a place; false when it could not be begun.
    func request(_ text: [UInt8], for place: EndpointConnection) -> Bool {
        guard let stream = client.request(text, token: UInt32(place.place)) else { return false }
        place.stream = stream
        return true
    }

    /// The status of the answer that has begun to come; nil when none has.
    func status(of place: EndpointConnection) -> Int? { place.stream == 0 ? nil : client.status(of: place.stream) }

    /// What has come of a place's answer whose rest never will; nil when no status has.
    func begun(_ place: EndpointConnection, now: WallTime) -> EndpointAnswer? {
        guard place.stream != 0, let exchange = client.begun(place.stream) else { return nil }
        return EndpointAnswer(exchange, to: place.delivery, now: now)
    }

    /// Takes a place away; its request, if one is under way, is cancelled.
    func release(_ place: EndpointConnection, _ shard: Shard) {
        guard place.carrier === self, places[place.place] === place else { return }
        if place.stream != 0 {
            client.cancel(place.stream, token: UInt32(place.place))
            place.stream = 0
            shard.webhooks.markDirty(self)
        }
        places[place.place] = nil
        freePlaces.append(place.place)
        count -= 1
        place.connection = nil
        if isRetired { endIfUnused(shard) }
    }

    /// Takes no more places; ends when the last has gone.
    func retire(_ shard: Shard) {
        guard !isRetired else { return }
        isRetired = true
        pool.remove(self)
        for case let place? in places where place.phase == .idle { shard.webhooks.end(place, shard) }
        endIfUnused(shard)
    }

    private func endIfUnused(_ shard: Shard) {
        guard count == 0, let connection else { return }
        client.sayGoodbye()
        flush(shard)
        connection.handler = nil
        self.connection = nil
        shard.finish(connection)
    }

    /// Sends what the client has to say, at the end of a turn.
    func flush(_ shard: Shard) {
        isDirty = false
        // A send queued this turn points at the output: nothing is appended before it is done, which brings us back.
        guard let connection, connection.phase == .open, connection.canSend,
            connection.output.count < Limits.carrierOutputBytesMax
        else { return }
        client.appendOutput(to: &shard.webhooks.carrierBytes, limit: Limits.carrierOutputBytesMax)
        if !shard.webhooks.carrierBytes.isEmpty { shard.send(shard.webhooks.carrierBytes, on: connection) }
        shard.webhooks.carrierBytes.removeAll(keepingCapacity: true)
        // A stream may also be over because of what was just said about it.
        while let exchange = client.next() { settle(exchange, shard) }
        if client.isOver { return giveUp(shard) }
        guard takesRequests, !waiting.isEmpty else { return }
        shard.webhooks.ready += waiting
        waiting.removeAll(keepingCapacity: true)
    }

    // MARK: The bytes

    func received(_ bytes: UnsafeRawBufferPointer, on connection: Connection, shard: Shard) {
        lastReceived = shard.time.monotonic
        let goesOn = unsafe client.receive(bytes)
        while let exchange = client.next() { settle(exchange, shard) }
        if client.streamsMax == 0 { retire(shard) }
        guard self.connection != nil else { return }
        shard.webhooks.wakeWaiters(of: pool)
        shard.webhooks.markDirty(self)
        if goesOn { return }
        flush(shard)
        giveUp(shard)
    }

    /// Ends the connection, and what is under way on it, once what was said about it is out.
    private func giveUp(_ shard: Shard) {
        guard let connection else { return }
        connection.handler = nil
        closed(on: connection, shard: shard)
        shard.finish(connection)
    }

    private func settle(_ exchange: HTTP2Client.Exchange, _ shard: Shard) {
        let index = Int(exchange.token)
        guard index < places.count, let place = places[index], place.stream != 0 else { return }
        place.stream = 0
        if exchange.status != nil { place.delivery?.timings.answered = shard.time.monotonic }
        switch exchange.outcome {
        case .answered:
            hasAnswered = true
            shard.webhooks.answered(place, EndpointAnswer(exchange, to: place.delivery, now: shard.time.wall), shard)
        case .unprocessed: shard.webhooks.unprocessed(place, "the endpoint refused the stream", shard)
        case .reset(let code):
            let words = "the endpoint ended the stream before the answer: \(HTTP2Client.name(ofError: code))"
            if let status = exchange.status {
                // The status line decides, even when the rest never comes.
                var answer = EndpointAnswer(exchange, to: place.delivery, now: shard.time.wall)
                answer.status = status
                shard.webhooks.answered(place, answer, shard)
            } else {
                shard.webhooks.failed(place, DeliveryProblem(failure: .closed, words: words), shard)
            }
        }
    }

    func outputDrained(on connection: Connection, shard: Shard) { shard.webhooks.markDirty(self) }

    func tlsFailed(_ error: TLSError, on connection: Connection, shard: Shard) {
        tlsError = error
        shard.abort(connection)
    }

    func inputEnded(on connection: Connection, shard: Shard) { shard.abort(connection) }

    func deadlinePassed(on connection: Connection, shard: Shard) {
        let now = shard.time.monotonic
        var next = now.advanced(byMilliseconds: Limits.endpointIdleMilliseconds)
        var isUsed = false
        for case let place? in places where place.phase != .idle {
            isUsed = true
            if place.deadline <= now, !place.hasAnswerBegun, let delivery = place.delivery, status(of: place) != nil {
                place.hasAnswerBegun = true
                place.deadline = delivery.deadline
            }
            if place.deadline <= now {
                shard.webhooks.timedOut(place, shard)
            } else {
                next = min(next, place.deadline)
            }
        }
        let isOld = connection.since.advanced(byMilliseconds: Limits.endpointConnectionAgeMilliseconds) <= now
        let isIdle = !isUsed && lastUsed.advanced(byMilliseconds: Limits.endpointIdleMilliseconds) <= now
        if isOld || isIdle || shard.draining != nil { retire(shard) }
        if self.connection != nil { shard.schedule(connection, at: next) }
    }

    func closed(on connection: Connection, shard: Shard) {
        self.connection = nil
        isRetired = true
        pool.remove(self)
        for case let place? in places {
            place.connection = nil
            place.tlsError = tlsError
            // The rule for one kept alive longer than the endpoint liked, as for HTTP/1.1.
            place.hasAnswerBegun = status(of: place) != nil
            shard.webhooks.ended(place, shard)
        }
        places = []
    }

    /// When the last answer came, or it was opened.
    var lastUsed: MonotonicTime { connection?.lastActive ?? MonotonicTime(nanoseconds: 0) }
}

/// What an endpoint answered, whatever the version of HTTP.
struct EndpointAnswer {
    /// The status line's.
    var status: Int
    /// Seconds until it wants to be asked again.
    var retryAfterSeconds: Int?
    /// The first bytes of the content.
    var body: [UInt8]
    /// The connection can take the next request.
    var canGoOn: Bool
    /// What it says of consent; nil when it was not asked.
    var consent: EndpointConsentAnswer?

    /// The answer on one stream.
    init(_ exchange: HTTP2Client.Exchange, to delivery: Delivery?, now: WallTime) {
        status = exchange.status ?? 0
        body = exchange.body
        canGoOn = true
        retryAfterSeconds = exchange.retryAfter?.withByteView { HTTPDate.retryAfterSeconds($0, now: now) }
        guard delivery?.question != nil else { return }
        consent = EndpointConsentAnswer(
            status: status, allowedOrigin: exchange.allowedOrigin.map { String(decoding: $0, as: UTF8.self) },
            allowedRate: exchange.allowedRate.map { String(decoding: $0, as: UTF8.self) })
    }

    /// The answer on a connection of its own.
    init(_ response: HTTPResponse, to delivery: Delivery?, canGoOn: Bool, now: WallTime) {
        status = response.status
        retryAfterSeconds = response.headers[.retryAfter].flatMap { HTTPDate.retryAfterSeconds($0, now: now) }
        body = response.body.isEmpty ? [] : response.body.array
        self.canGoOn = canGoOn && response.keepAlive && response.isComplete
        guard delivery?.question != nil else { return }
        func value(_ name: StaticString) -> String? {
            response.headers.first(named: name).map { String(decoding: $0.array, as: UTF8.self) }
        }
        consent = EndpointConsentAnswer(
            status: status, allowedOrigin: value("webhook-allowed-origin"), allowedRate: value("webhook-allowed-rate"))
    }
}
