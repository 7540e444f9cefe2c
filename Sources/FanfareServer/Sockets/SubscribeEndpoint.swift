import FanfareBase
import FanfareEvent
import FanfareWire

/// `GET /v1/subscribe`: a WebSocket with `Upgrade: websocket`, else Server-Sent Events.
struct SubscribeEndpoint {
    let shard: Shard
    let connection: Connection

    /// What was asked for by URL; without patterns a WebSocket subscribes by ops.
    private struct Wish {
        var patterns: [TopicPattern]
        var asked: SubscribeDefaults
        var start: StartPoint.Resolved
    }

    /// Turns the connection into a socket, or says why not.
    func subscribe(_ admitted: Router.Admitted) -> HTTPHandler.Verdict {
        if shard.service.state == .draining { return refuseWhileDraining(admitted) }
        if WebSocketHandshake.isRequested(by: admitted.request) { return upgrade(admitted) }
        guard AcceptHeader.accepts(admitted.request.headers, "text", "event-stream") else {
            return .answer(
                .problem(
                    406, "not-acceptable",
                    "Ask for a WebSocket (Upgrade: websocket) or for text/event-stream."))
        }
        return stream(admitted)
    }

    // MARK: WebSocket

    private func upgrade(_ admitted: Router.Admitted) -> HTTPHandler.Verdict {
        let request = admitted.request
        let key: ByteView
        do throws(WebSocketHandshakeError) { key = try WebSocketHandshake.check(request) } catch {
            return .answer(.webSocketRefused(error))
        }
        guard let choice = Self.choose(WebSocketHandshake.offeredProtocols(request.headers)) else {
            return .answer(
                .problem(
                    400, "subprotocol-unknown",
                    "Offer fanfare.v1.json or cloudevents.json as Sec-WebSocket-Protocol, or none."))
        }
        let wish: Wish
        if admitted.query.first("event") != nil {
            return .answer(
                .problem(400, "invalid-event", "\"event\" is for Server-Sent Events; a WebSocket has no event names."))
        }
        do throws(Shard.SubscribeError) { wish = try self.wish(admitted, resumeFrom: nil) } catch {
            return .answer(.problem(error.status, error.title, error.detail))
        }
        if choice.transport == .webSocketEvents, wish.patterns.isEmpty {
            return .answer(
                .problem(400, "topic-missing", "With cloudevents.json the URL names the topics: ?topic=PATTERN."))
        }
        let extensions = WebSocketCompression.acceptance(of: request.headers)
        let handler = SocketHandler(
            webSocket: choice.transport, principal: admitted.principal, isDeflated: extensions != nil)
        var head: [UInt8] = []
        WebSocketHandshake.appendAcceptance(key: key, subprotocol: choice.name, extensions: extensions, to: &head)
        shard.send(head, on: connection)
        begin(handler, wish)
        return .switched(handler)
    }

    /// The first offered subprotocol that is ours. A `bearer.TOKEN` among them is a credential, never answered.
    private static func choose(_ offers: [ByteView]) -> (transport: SocketHandler.Transport, name: ByteView?)? {
        let protocols = offers.filter { !$0.hasPrefix("bearer.") }
        if protocols.isEmpty { return (.webSocket, nil) }
        for offer in protocols {
            if offer.equals("fanfare.v1.json") { return (.webSocket, offer) }
            if offer.equals("cloudevents.json") { return (.webSocketEvents, offer) }
        }
        return nil
    }

    // MARK: Server-Sent Events

    private func stream(_ admitted: Router.Admitted) -> HTTPHandler.Verdict {
        let resumeFrom = admitted.request.headers[.lastEventID]?.string
        let wish: Wish
        do throws(Shard.SubscribeError) {
            wish = try self.wish(admitted, resumeFrom: resumeFrom.flatMap { $0.isEmpty ? nil : $0 })
        } catch {
            return .answer(.problem(error.status, error.title, error.detail))
        }
        guard !wish.patterns.isEmpty else {
            return .answer(.problem(400, "topic-missing", "Name the topics: ?topic=PATTERN."))
        }
        let naming = admitted.query.first("event")
        guard naming == nil || naming == "type" else {
            return .answer(
                .problem(400, "invalid-event", "\"event\" must be \"type\": each event is named by its type."))
        }
        let handler = SocketHandler(serverSentEventsFor: admitted.principal, isNamed: naming != nil)
        shard.send(streamHead(admitted.request), on: connection)
        begin(handler, wish)
        return .switched(handler)
    }

    private func streamHead(
        _ request: HTTPRequest, retryMilliseconds: Int = Limits.reconnectMilliseconds
    ) -> [UInt8] {
        var head: [UInt8] = []
        let crossOrigin = Router(shard: shard, connection: connection).crossOriginHeaders(for: request)
        ServerSentEvents.appendHead(to: &head)
        head += shard.dateLine
        for (name, value) in crossOrigin { head += Array("\(name): \(value)\r\n".utf8) }
        HTTPWriter.endHead(&head)
        ServerSentEvents.appendRetry(milliseconds: retryMilliseconds, to: &head)
        return head
    }

    /// EventSource gives up for good on anything but 200: it is asked to come back, and let go.
    private func refuseWhileDraining(_ admitted: Router.Admitted) -> HTTPHandler.Verdict {
        guard !WebSocketHandshake.isRequested(by: admitted.request) else {
            return .answer(
                .problem(
                    503, "draining", "The service is about to restart.",
                    headers: [("retry-after", String((shard.retryAfterDrain() + 999) / 1_000))]))
        }
        return sendStreamAway(admitted.request, retryMilliseconds: shard.retryAfterDrain())
    }

    /// Answers a stream of Server-Sent Events that may not stay: 200, when to come back, and the end.
    func sendStreamAway(_ request: HTTPRequest, retryMilliseconds: Int) -> HTTPHandler.Verdict {
        shard.send(streamHead(request, retryMilliseconds: retryMilliseconds), on: connection)
        let handler = SocketHandler(serverSentEventsFor: .anonymous, isNamed: false)
        connection.handler = handler
        handler.close(.goingAway, "", on: connection, shard: shard)
        return .switched(handler)
    }

    // MARK: Both

    /// What the URL asks for.
    private func wish(_ admitted: Router.Admitted, resumeFrom: String?) throws(Shard.SubscribeError) -> Wish {
        let topics = admitted.query.values("topic")
        let patterns = topics.isEmpty ? [] : try shard.patterns(topics, for: admitted.principal)
        let asked = try SubscribeDefaults(
            from: resumeFrom ?? admitted.query.first("from"), slow: admitted.query.first("slow"))
        return Wish(patterns: patterns, asked: asked, start: try shard.resolve(asked.start))
    }

    private func begin(_ handler: SocketHandler, _ wish: Wish) {
        // Its head may have been more than the connection may hold.
        guard connection.phase == .open else { return }
        connection.handler = handler
        handler.reschedule(connection, shard)
        guard !wish.patterns.isEmpty else {
            if !wish.asked.isUsual { handler.firstDefaults = wish.asked }
            return
        }
        let subscriber = shard.subscribe(
            connection, handler, start: wish.start, slowPolicy: wish.asked.slowPolicy)
        do throws(Shard.SubscribeError) {
            try shard.add("", wish.patterns, to: subscriber, on: connection)
        } catch {
            return handler.close(.policyViolation, error.detail, on: connection, shard: shard)
        }
    }
}
