import FanfareBase
import FanfareWire

/// HTTP/1.1 on an accepted connection: requests in, answers out in order, until it ends or becomes a socket.
final class HTTPHandler: ConnectionHandler {
    /// What is done with a request.
    enum Verdict {
        /// Answered at once.
        case answer(Answer)
        /// The answer comes later, to the request's ticket.
        case pending
        /// The request's token is being verified: routed again when it is, and nothing after it before.
        case awaitingToken
        /// The same, and it may be large: no further request is read before.
        case pendingPage
        /// The connection is no longer HTTP: the handler goes on with what has not been read.
        case switched(any ConnectionHandler)
    }

    private var decoder: HTTPRequestDecoder
    private var responses = ResponseQueue()
    /// The request whose token is being verified.
    private var held: (request: HTTPRequestCopy, ticket: UInt64)?
    /// A request that may make the connection a socket, behind answers that are owed; nothing after it is read.
    private var behindAnswers: HTTPRequestCopy?
    /// The request whose answer may be large; nothing further is read before it is there.
    private var pageTicket: UInt64?
    /// The peer has ended its side; what it had asked for before is answered.
    private var inputHasEnded = false
    /// Requests are being decoded: an answer that is ready at once must not begin to decode as well.
    private var isDecoding = false
    /// A request asked for the end behind its answer, or could not be read: nothing after it counts.
    private var isLast = false
    /// The deadline counts from the first byte of a head: bytes that trickle in do not move it.
    private var isTimingHead = true
    /// The same for a body, which may take its time once, not once a byte.
    private var isTimingBody = false

    /// A handler of a new connection that takes bodies of `bodyBytesMax`.
    init(bodyBytesMax: Int) {
        decoder = HTTPRequestDecoder(limits: HTTPLimits(bodyBytesMax: bodyBytesMax))
    }

    func received(_ bytes: UnsafeRawBufferPointer, on connection: Connection, shard: Shard) {
        var input = unsafe ByteView(bytes)
        decode(&input, on: connection, shard: shard)
    }

    private func decode(_ input: inout ByteView, on connection: Connection, shard: Shard) {
        isDecoding = true
        while !isLast, mayRead(from: connection, shard: shard) {
            guard let event = decoder.decode(&input) else { break }
            switch event {
            case .request(let request):
                if let next = take(request, on: connection, shard: shard) {
                    isDecoding = false
                    return switchOver(to: next, input, on: connection, shard: shard)
                }
            case .continueExpected: expectContinue(on: connection, shard: shard)
            case .failure(let error): fail(error, shard)
            }
        }
        isDecoding = false
        decoder.releaseGiven()
        if !input.isEmpty, !isLast || held != nil || behindAnswers != nil { shard.hold(input, on: connection) }
        reschedule(connection, shard)
        flush(on: connection, shard: shard)
    }

    /// Whether another request may be looked at: not too many answers are owed, or wait for the peer.
    func mayRead(from connection: Connection, shard: Shard) -> Bool {
        connection.phase == .open && held == nil && behindAnswers == nil && !responses.isFull && pageTicket == nil
            && connection.output.count <= Limits.answersWaitingBytesMax
    }

    /// - Returns: the handler that goes on, when the request made the connection something else.
    private func take(_ request: HTTPRequest, on connection: Connection, shard: Shard) -> (any ConnectionHandler)? {
        if request.path.equals("/v1/subscribe") || WebSocketHandshake.isRequested(by: request) {
            // The connection may change hands: not while answers are owed.
            sendReady(on: connection, shard: shard)
            // What was sent may have been more than it may hold.
            guard connection.phase == .open else { return nil }
            if !responses.isEmpty {
                behindAnswers = HTTPRequestCopy(request)
                return nil
            }
        }
        shard.metrics.requests.add(1)
        let keepAlive = request.keepAlive && shard.draining == nil
        if !keepAlive { isLast = true }
        let router = Router(shard: shard, connection: connection)
        let ticket = responses.take(
            ResponseQueue.Framing(
                keepAlive: keepAlive, minorVersion: request.minorVersion, isHead: request.method == .head,
                crossOrigin: router.crossOriginHeaders(for: request)))
        return settle(router.route(request, ticket: ticket), of: request, ticket, shard)
    }

    private func settle(
        _ verdict: Verdict, of request: HTTPRequest, _ ticket: UInt64, _ shard: Shard
    ) -> (any ConnectionHandler)? {
        switch verdict {
        case .answer(let answer):
            if answer.closes { isLast = true }
            if answer.status >= 400 { shard.metrics.requestsRefused.add(1) }
            responses.fill(ticket, answer, date: shard.dateLine)
        case .pending: break
        case .awaitingToken: held = (HTTPRequestCopy(request), ticket)
        case .pendingPage: if responses.isOwed(ticket) { pageTicket = ticket }
        case .switched(let handler): return handler
        }
        return nil
    }

    /// Goes on with the request whose token was verified, and then with what came behind it.
    func tokenVerified(_ outcome: AccessControl.Outcome, on connection: Connection, shard: Shard) {
        guard let (request, ticket) = held else { return }
        held = nil
        let next = request.withRequest { request in
            let router = Router(shard: shard, connection: connection)
            return settle(router.route(request, ticket: ticket, verified: outcome), of: request, ticket, shard)
        }
        goOn(with: next, on: connection, shard: shard)
    }

    /// Goes on after a request that had to wait, and then with what came behind it.
    private func goOn(with next: (any ConnectionHandler)?, on connection: Connection, shard: Shard) {
        shard.countInput(of: connection)
        if let next {
            switchOver(to: next, .empty, on: connection, shard: shard)
        } else {
            flush(on: connection, shard: shard)
        }
        shard.readOn(connection)
        if let next, inputHasEnded, connection.heldInput.isEmpty { next.inputEnded(on: connection, shard: shard) }
    }

    /// An answer that took its time.
    func answer(_ ticket: UInt64, _ answer: Answer, on connection: Connection, shard: Shard) {
        if ticket == pageTicket { pageTicket = nil }
        responses.fill(ticket, answer, date: shard.dateLine)
        flush(on: connection, shard: shard)
        if !isDecoding { shard.readOn(connection) }
    }

    /// The peer has taken all answers so far: goes on with requests that had to wait for that.
    func outputDrained(on connection: Connection, shard: Shard) { shard.readOn(connection) }

    private func sendReady(on connection: Connection, shard: Shard) {
        while let bytes = responses.next() { shard.send(bytes, on: connection) }
    }

    private func flush(on connection: Connection, shard: Shard) {
        sendReady(on: connection, shard: shard)
        guard responses.isEmpty, !isDecoding else { return }
        if let waiting = behindAnswers {
            behindAnswers = nil
            guard connection.phase == .open else { return }
            let next = waiting.withRequest { take($0, on: connection, shard: shard) }
            return goOn(with: next, on: connection, shard: shard)
        }
        if isLast || inputHasEnded && connection.heldInput.isEmpty { shard.finish(connection) }
    }

    var retainedBytes: Int {
        decoder.retainedBytes + (held?.request.byteCount ?? 0) + (behindAnswers?.byteCount ?? 0)
    }

    /// Refuses the request under way, whether it waits for the rest of itself or for its token.
    func outOfMemory(on connection: Connection, shard: Shard) {
        guard held != nil || behindAnswers != nil || !decoder.isIdle && !isLast else { return }
        shard.metrics.requestsRefused.add(1)
        isLast = true
        let ticket = held?.ticket ?? responses.take(ResponseQueue.Framing(keepAlive: false, minorVersion: 1))
        held = nil
        behindAnswers = nil
        responses.fill(ticket, .outOfMemory, date: shard.dateLine)
        connection.heldInput = HeldBytes()
        decoder = HTTPRequestDecoder(limits: HTTPLimits())
        flush(on: connection, shard: shard)
    }

    private func switchOver(
        to next: any ConnectionHandler, _ rest: ByteView, on connection: Connection, shard: Shard
    ) {
        connection.handler = next
        if !rest.isEmpty { unsafe next.received(rest.unsafeBytes, on: connection, shard: shard) }
    }

    /// An interim answer may not overtake an answer owed before it (RFC 9110, 10.1.1); the client then waits a little
    /// and sends its body anyway.
    private func expectContinue(on connection: Connection, shard: Shard) {
        if responses.isEmpty { shard.send(Array(HTTPWriter.continueResponse.description.utf8), on: connection) }
    }

    private func fail(_ error: HTTPDecodeError, _ shard: Shard) {
        shard.metrics.requestsRefused.add(1)
        isLast = true
        let ticket = responses.take(ResponseQueue.Framing(keepAlive: false, minorVersion: 1))
        responses.fill(
            ticket, .problem(error.status, error.code, error.detail.description), date: shard.dateLine)
    }

    private func reschedule(_ connection: Connection, _ shard: Shard) {
        let milliseconds: Int
        if decoder.isReadingHead {
            if isTimingHead { return }
            isTimingHead = true
            milliseconds = Limits.headTimeoutMilliseconds
        } else {
            isTimingHead = false
            if !decoder.isIdle, isTimingBody { return }
            isTimingBody = !decoder.isIdle
            milliseconds = isTimingBody ? Limits.bodyTimeoutMilliseconds : Limits.idleTimeoutMilliseconds
        }
        shard.schedule(connection, at: shard.time.monotonic.advanced(byMilliseconds: milliseconds))
    }

    func inputEnded(on connection: Connection, shard: Shard) {
        inputHasEnded = true
        flush(on: connection, shard: shard)
    }

    func deadlinePassed(on connection: Connection, shard: Shard) {
        guard responses.isEmpty else {
            let later = shard.time.monotonic.advanced(byMilliseconds: Limits.idleTimeoutMilliseconds)
            return shard.schedule(connection, at: later)
        }
        isLast = true
        let ticket = responses.take(ResponseQueue.Framing(keepAlive: false, minorVersion: 1))
        responses.fill(
            ticket,
            .problem(408, "request-timeout", "No complete request arrived in time; send it in one go."),
            date: shard.dateLine)
        flush(on: connection, shard: shard)
    }

    /// The service is ending: what is under way is answered, nothing further is taken.
    func drain(on connection: Connection, shard: Shard) {
        guard decoder.isIdle, behindAnswers == nil else { return }
        isLast = true
        if responses.isEmpty { shard.finish(connection) }
    }

    func closed(on connection: Connection, shard: Shard) {}
}
