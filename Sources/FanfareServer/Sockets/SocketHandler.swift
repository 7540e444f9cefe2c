import FanfareBase
import FanfareDelivery
import FanfareWire

/// A subscriber's connection: WebSocket, Server-Sent Events or the stream protocol. One vocabulary on three transports
/// (CONTRACT, section 5): the transport only says how a message is wrapped and where one ends.
final class SocketHandler: ConnectionHandler {
    /// How messages travel.
    enum Transport: Sendable {
        /// WebSocket with ops and events (`fanfare.v1.json`).
        case webSocket
        /// WebSocket with events only (`cloudevents.json`).
        case webSocketEvents
        /// Server-Sent Events; nothing comes from the client.
        case serverSentEvents
        /// Newline-delimited JSON both ways.
        case stream

        /// It has ping and close frames.
        var isWebSocket: Bool { self == .webSocket || self == .webSocketEvents }
        /// As `/v1/connections` and `/metrics` call it.
        var name: String {
            switch self {
            case .webSocket, .webSocketEvents: "websocket"
            case .serverSentEvents: "sse"
            case .stream: "stream"
            }
        }
    }

    /// How messages travel.
    let transport: Transport
    /// How events are framed.
    let wire: WireFormat
    /// Whether a close frame or a last error has been sent.
    private(set) var isClosing = false
    /// Why it ends; the client's end unless something else was first.
    private var end = SocketEnd.client
    /// A token is being verified: what comes meanwhile waits.
    private var isHeld = false
    /// The peer has ended its side.
    private var inputHasEnded = false
    /// Publishes that await their answer.
    private var publishesInFlight: UInt16 = 0
    /// Who it is; nil on the stream protocol until it has authenticated where it must.
    private(set) var principal: Principal?
    /// What the transport has to do at a time: on a WebSocket the next ping is due (0 until the deadline is first set), on
    /// the stream protocol the client must have said who it is, if it has not.
    private var transportDueAt = MonotonicTime(nanoseconds: 0)
    /// When the next heartbeat is due; set when the deadline is first.
    private var heartbeatAt = MonotonicTime(nanoseconds: 0)
    /// What its client has said that is not dealt with yet; nil when that is nothing, as it nearly always is.
    private var unfinished: SocketInput?

    /// A WebSocket on a connection that was HTTP; `isDeflated` where permessage-deflate was agreed.
    init(webSocket transport: Transport, principal: Principal, isDeflated: Bool) {
        self.transport = transport
        self.principal = principal
        wire = isDeflated ? .deflatedWebSocket : .webSocket
    }

    /// Server-Sent Events on a connection that was HTTP, each with its type as `event` when it `isNamed`.
    init(serverSentEventsFor principal: Principal, isNamed: Bool) {
        transport = .serverSentEvents
        self.principal = principal
        wire = isNamed ? .namedServerSentEvents : .serverSentEvents
    }

    /// A new connection of the stream protocol; without a principal it has to authenticate, from `now` on.
    init(streamFor principal: Principal?, now: MonotonicTime) {
        transportDueAt = now.advanced(byMilliseconds: Limits.authenticationTimeoutMilliseconds)
        heartbeatAt = now.advanced(byMilliseconds: Limits.heartbeatMilliseconds)
        transport = .stream
        self.principal = principal
        wire = .stream
    }

    /// From now on the client is `principal`, who may send whole messages.
    func admit(_ principal: Principal, _ shard: Shard) {
        self.principal = principal
        unfinished?.allow(lineBytesMax: shard.socketMessageBytesMax)
    }

    /// What its URL says of where a subscriber begins, for the first `subscribe`.
    var firstDefaults: SubscribeDefaults? {
        get { unfinished?.firstDefaults }
        set { change { $0.firstDefaults = newValue } }
    }

    /// Changes what is not dealt with yet.
    private func change(_ body: (SocketInput) -> Void) {
        let changed = unfinished ?? SocketInput()
        body(changed)
        unfinished = changed.isEmpty ? nil : changed
    }

    // MARK: Input

    func received(_ bytes: UnsafeRawBufferPointer, on connection: Connection, shard: Shard) {
        guard transport != .serverSentEvents else { return }
        var input = unsafe ByteView(bytes)
        while mayRead(from: connection, shard: shard), takeNext(of: &input, on: connection, shard: shard) {}
        // What was complete has been taken: only the rest of the input counts as kept.
        if let unfinished {
            unfinished.releaseGiven()
            if unfinished.isEmpty { self.unfinished = nil }
        }
        guard !input.isEmpty, connection.phase == .open, !isClosing else { return }
        connection.awaitsDrain = true
        shard.hold(input, on: connection)
    }

    /// - Returns: whether there was a message.
    private func takeNext(of input: inout ByteView, on connection: Connection, shard: Shard) -> Bool {
        let unfinished = unfinished ?? SocketInput()
        self.unfinished = unfinished
        if !unfinished.hasCodec { beginDecoding(unfinished, shard) }
        if transport.isWebSocket {
            guard let event = unfinished.nextFrame(&input) else { return false }
            receive(event, on: connection, shard: shard)
        } else {
            guard let event = unfinished.nextLine(&input) else { return false }
            receive(event, on: connection, shard: shard)
        }
        return true
    }

    private func beginDecoding(_ unfinished: SocketInput, _ shard: Shard) {
        let bytesMax = shard.socketMessageBytesMax
        if transport.isWebSocket {
            unfinished.decode(webSocketBytesMax: bytesMax, inflater: inflates ? shard.inflater : nil)
        } else {
            unfinished.decode(
                lineBytesMax: principal == nil ? min(bytesMax, Limits.unauthenticatedLineBytesMax) : bytesMax)
        }
    }

    var retainedBytes: Int { unfinished?.retainedBytes ?? 0 }

    func outOfMemory(on connection: Connection, shard: Shard) {
        let detail = "Messages and answers under way have used up their share of memory; try again shortly."
        if transport == .stream {
            shard.sendControl(message(SocketMessage.error("out-of-memory", detail)), on: connection)
        }
        close(.tryAgainLater, "out of memory", on: connection, shard: shard)
        unfinished = nil
        connection.heldInput = HeldBytes()
    }

    var inflates: Bool { wire == .deflatedWebSocket }

    /// Whether another message of the peer may be looked at: it has taken what we had to say so far, and the turn has not
    /// inflated too much.
    func mayRead(from connection: Connection, shard: Shard) -> Bool {
        let waiting = connection.output.count + (connection.subscriber?.control.count ?? 0)
        return connection.phase == .open && !isClosing && !isHeld && !awaitsPlace(connection)
            && waiting <= Limits.socketWaitingBytesMax && publishesInFlight < Limits.socketPublishesMax
            && shard.mayInflate(for: self)
    }

    /// Goes on with input that had to wait, and with the pong that is owed.
    func outputDrained(on connection: Connection, shard: Shard) {
        sendOwedPong(on: connection, shard: shard)
        takeWaitingOp(on: connection, shard: shard)
        readOn(on: connection, shard: shard)
    }

    /// Whether an op waits, or its answer does, until it is clear where the cursor is.
    private func awaitsPlace(_ connection: Connection) -> Bool {
        !(unfinished?.waitingOp.isEmpty ?? true) || connection.subscriber?.owesAnswer ?? false
    }

    /// Keeps an op until it is clear where the cursor is, so that answers keep their order and tell the truth. A frame under
    /// way is the last before it.
    func wait(with op: [UInt8], on connection: Connection) {
        change { $0.waitingOp = op }
        connection.awaitsDrain = true
        if let subscriber = connection.subscriber, subscriber.afterFrame == .goOn { subscriber.afterFrame = .takeOp }
    }

    private func takeWaitingOp(on connection: Connection, shard: Shard) {
        guard let op = unfinished?.waitingOp, !op.isEmpty else { return }
        guard shard.isSettled(connection) else { return connection.awaitsDrain = true }
        change { $0.waitingOp = [] }
        shard.countInput(of: connection)
        protocolHandler(connection, shard).receive(op)
    }

    /// The last so many events have been found: tells who asked for them where they begin, and goes on with what was said
    /// meanwhile.
    func searchEnded(on connection: Connection, shard: Shard) {
        if let subscriber = connection.subscriber, subscriber.owesAnswer, let asked = subscriber.subscriptions.first {
            subscriber.owesAnswer = false
            protocolHandler(connection, shard).answerSubscribed(asked.id, subscriber)
        }
        takeWaitingOp(on: connection, shard: shard)
        readOn(on: connection, shard: shard)
    }

    private func readOn(on connection: Connection, shard: Shard) {
        shard.readOn(connection)
        if inputHasEnded { endOfInput(on: connection, shard: shard) }
    }

    /// Takes no further messages until `goOn`: who sends them is being found out.
    func holdInput(on connection: Connection, shard: Shard) {
        isHeld = true
        shard.pauseReceive(connection)
    }

    /// Nobody knows who it is yet, and no token of it is being verified.
    private var awaitsAuthentication: Bool { principal == nil && !isHeld }

    /// Its TLS handshake, which may have waited for its turn, is over: the time to authenticate begins now.
    func secured(on connection: Connection, shard: Shard) {
        guard principal == nil else { return }
        transportDueAt = shard.time.monotonic.advanced(byMilliseconds: Limits.authenticationTimeoutMilliseconds)
        reschedule(connection, shard)
    }

    /// Takes the messages that waited, and further ones.
    func goOn(on connection: Connection, shard: Shard) {
        isHeld = false
        readOn(on: connection, shard: shard)
    }

    private func receive(_ event: WebSocketEvent, on connection: Connection, shard: Shard) {
        switch event {
        case .text(let text): protocolHandler(connection, shard).receive(text.array)
        case .binary:
            close(.unsupportedData, "messages are text", on: connection, shard: shard)
        case .ping(let payload):
            let owed = payload.array
            change { $0.owedPong = owed }
            sendOwedPong(on: connection, shard: shard)
        case .pong: break
        case .close(let code, _):
            close(code == .noStatus ? .normal : code, "", on: connection, shard: shard)
            end = .client
        case .failure(let error):
            close(error.closeCode, "\(error.detail)", on: connection, shard: shard)
        }
    }

    private func receive(_ event: LineEvent, on connection: Connection, shard: Shard) {
        switch event {
        case .line(let line):
            if !line.trimmed.isEmpty { protocolHandler(connection, shard).receive(line.array) }
        case .tooLong:
            let detail = "A line is longer than this service accepts."
            shard.sendControl(message(SocketMessage.error("message-too-big", detail)), on: connection)
            close(.messageTooBig, detail, on: connection, shard: shard)
        }
    }

    /// Answers the latest ping, once what was said before is out: pings that came meanwhile need no answer (RFC 6455, 5.5.3).
    private func sendOwedPong(on connection: Connection, shard: Shard) {
        guard let payload = unfinished?.owedPong else { return }
        let isFree = connection.subscriber.map { shard.mayInterject(connection, $0) } ?? true
        guard isFree, connection.output.isEmpty else {
            connection.awaitsDrain = true
            return
        }
        change { $0.owedPong = nil }
        var frame: [UInt8] = []
        payload.withByteView { WebSocketFrame.append(.pong, $0, to: &frame) }
        shard.sendControl(frame, on: connection)
    }

    private func protocolHandler(_ connection: Connection, _ shard: Shard) -> SocketProtocol {
        SocketProtocol(handler: self, connection: connection, shard: shard)
    }

    // MARK: Output

    /// Wraps one of our messages for the transport.
    func message(_ json: [UInt8]) -> [UInt8] {
        var output: [UInt8] = []
        switch transport {
        case .webSocket, .webSocketEvents: json.withByteView { WebSocketFrame.append(.text, $0, to: &output) }
        case .stream: output = json + [ASCII.lineFeed]
        case .serverSentEvents: output = []
        }
        return output
    }

    /// What became of events it published.
    func published(_ request: PublishRequest, on connection: Connection, shard: Shard) {
        publishesInFlight -= 1
        protocolHandler(connection, shard).published(request)
        if connection.receivePaused { outputDrained(on: connection, shard: shard) }
        if inputHasEnded { endOfInput(on: connection, shard: shard) }
    }

    /// An event was handed to the log; `published` follows.
    func publishing() { publishesInFlight += 1 }

    /// Tells of numbers that will not come: `after` is the last one before, `next` the first one that may come.
    func tellGap(after: Position, next: Position, on connection: Connection, shard: Shard) {
        switch transport {
        case .webSocket, .stream:
            shard.sendControl(message(SocketMessage.gap(after: after, next: next)), on: connection)
        case .webSocketEvents:
            shard.sendControl(message(SocketMessage.gapEvent(after: after, next: next)), on: connection)
        case .serverSentEvents:
            var output: [UInt8] = []
            Array(next.before.description.utf8).withByteView { id in
                Array("fanfare.gap".utf8).withByteView { name in
                    SocketMessage.gap(after: after, next: next).withByteView { data in
                        ServerSentEvents.appendEvent(id: id, event: name, data: data, to: &output)
                    }
                }
            }
            shard.sendControl(output, on: connection)
        }
    }

    /// Ends the connection, saying why as far as the transport can.
    func close(_ code: WebSocketCloseCode, _ reason: String, on connection: Connection, shard: Shard) {
        guard !isClosing else { return }
        isClosing = true
        end = SocketEnd(code)
        if transport.isWebSocket {
            var frame: [UInt8] = []
            WebSocketFrame.appendClose(code, reason: reason, to: &frame)
            shard.sendControl(frame, on: connection)
        }
        shard.finishAfterFrame(connection)
    }

    /// Ends a subscriber that is slow beyond its policy; `last` is where to resume.
    func closeSlow(after last: Position, on connection: Connection, shard: Shard) {
        guard !isClosing else { return }
        if transport == .stream {
            sayClosing("slow", retryAfterMilliseconds: Limits.reconnectMilliseconds, on: connection, shard: shard)
        }
        close(.slow, last.description, on: connection, shard: shard)
    }

    /// Ends the connection and says when to come back: in a message of its own, or as the close frame's reason where there
    /// are events only.
    func sendAway(
        _ code: WebSocketCloseCode, _ reason: String, retryAfterMilliseconds: Int, on connection: Connection,
        shard: Shard
    ) {
        sayClosing(reason, retryAfterMilliseconds: retryAfterMilliseconds, on: connection, shard: shard)
        let closing = SocketMessage.closing(reason, retryAfterMilliseconds: retryAfterMilliseconds)
        let text = transport == .webSocketEvents ? String(decoding: closing, as: UTF8.self) : reason
        close(code, text, on: connection, shard: shard)
    }

    /// Says that the end is near and when to come back, where there are messages for it.
    func sayClosing(_ reason: String, retryAfterMilliseconds: Int, on connection: Connection, shard: Shard) {
        switch transport {
        case .webSocket, .stream:
            let json = SocketMessage.closing(reason, retryAfterMilliseconds: retryAfterMilliseconds)
            shard.sendControl(message(json), on: connection)
        case .webSocketEvents: break
        case .serverSentEvents:
            var output: [UInt8] = []
            ServerSentEvents.appendRetry(milliseconds: retryAfterMilliseconds, to: &output)
            shard.sendControl(output, on: connection)
        }
    }

    // MARK: Time and end

    func deadlinePassed(on connection: Connection, shard: Shard) {
        let now = shard.time.monotonic
        if isClosing { return awaitFrameEnd(on: connection, now, shard) }
        if shard.draining != nil { return shard.sendAway(connection, self) }
        shard.lookForLife(of: connection)
        if connection.liveness.deadline <= now {
            end = .dead
            return shard.abort(connection)
        }
        if awaitsAuthentication, transportDueAt <= now { return authenticationTimedOut(on: connection, shard: shard) }
        if principal?.isExpired(at: shard.time.wall) ?? false { return tokenExpired(on: connection, shard: shard) }
        if transport.isWebSocket, transportDueAt <= now {
            transportDueAt = now.advanced(byMilliseconds: Limits.pingMilliseconds)
            // One that has not taken what was said before would not take a ping either.
            if connection.output.isEmpty { shard.sendControl(SocketMessage.pingFrame, on: connection) }
        }
        if heartbeatAt <= now {
            heartbeatAt = now.advanced(byMilliseconds: Limits.heartbeatMilliseconds)
            if principal != nil { heartbeat(on: connection, shard: shard) }
        }
        reschedule(connection, shard)
    }

    /// The connection ends with the frame under way: as long as the peer takes bytes it is given time.
    private func awaitFrameEnd(on connection: Connection, _ now: MonotonicTime, _ shard: Shard) {
        let deadline = connection.lastActive.advanced(byMilliseconds: Limits.finishTimeoutMilliseconds)
        if deadline <= now { shard.abort(connection) } else { shard.schedule(connection, at: deadline) }
    }

    /// Tells a quiet client how far it has come, so that it can resume from there: one without subscriptions, the head.
    private func heartbeat(on connection: Connection, shard: Shard) {
        guard connection.sendBytes == 0, connection.output.isEmpty, shard.isSettled(connection) else { return }
        if let subscriber = connection.subscriber, !subscriber.isCatchingUp {
            shard.standAtHead(subscriber)
            shard.fanout.moveToHeadIfNothingPends(&subscriber.member)
        }
        let position = shard.position(connection.subscriber?.member.place.sequence ?? shard.reader.head)
        switch transport {
        case .webSocket, .stream: shard.sendControl(message(SocketMessage.heartbeat(position)), on: connection)
        case .webSocketEvents: break
        case .serverSentEvents:
            var output: [UInt8] = []
            Array(position.description.utf8).withByteView { ServerSentEvents.appendHeartbeat(id: $0, to: &output) }
            shard.sendControl(output, on: connection)
        }
    }

    /// Sets the deadline to whatever is due next.
    func reschedule(_ connection: Connection, _ shard: Shard) {
        if heartbeatAt.nanoseconds == 0 {
            heartbeatAt = shard.time.monotonic.advanced(byMilliseconds: Limits.heartbeatMilliseconds)
        }
        var deadline = min(connection.liveness.deadline, heartbeatAt)
        if awaitsAuthentication { deadline = min(deadline, transportDueAt) }
        if let expires = principal?.expires {
            let left = expires.nanoseconds - min(expires.nanoseconds, shard.time.wall.nanoseconds)
            deadline = min(deadline, shard.time.monotonic.advanced(byNanoseconds: Int(left)))
        }
        if transport.isWebSocket {
            if transportDueAt.nanoseconds == 0 {
                transportDueAt = shard.time.monotonic.advanced(byMilliseconds: Limits.pingMilliseconds)
            }
            deadline = min(deadline, transportDueAt)
        }
        shard.schedule(connection, at: deadline)
    }

    func inputEnded(on connection: Connection, shard: Shard) {
        guard transport == .stream else { return shard.finish(connection) }
        inputHasEnded = true
        endOfInput(on: connection, shard: shard)
    }

    /// A stream client that has said all it had to say may go on listening (`nc`, `socat`), and gets the answers it is owed;
    /// browsers and WebSocket clients that end their side are gone.
    private func endOfInput(on connection: Connection, shard: Shard) {
        guard connection.heldInput.isEmpty, !isHeld, !awaitsPlace(connection), !isClosing, connection.phase == .open
        else { return }
        if let last = unfinished?.lastLine() { receive(last, on: connection, shard: shard) }
        if connection.subscriber == nil, publishesInFlight == 0 { shard.finish(connection) }
    }

    func closed(on connection: Connection, shard: Shard) {
        shard.metrics.socketEnds[end.rawValue].add(1)
        if let subscriber = connection.subscriber { shard.forget(subscriber) }
        connection.subscriber = nil
    }
}
