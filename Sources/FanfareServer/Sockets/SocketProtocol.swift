import FanfareBase
import FanfareEvent
import FanfareWire

/// What socket clients say: one JSON object a message, an op or (with `cloudevents.json`) an event.
///
/// Whatever is wrong with a message is told in an `error` op and changes nothing else.
struct SocketProtocol {
    let handler: SocketHandler
    let connection: Connection
    let shard: Shard

    /// Takes a message.
    func receive(_ bytes: [UInt8]) {
        if handler.transport == .webSocketEvents { return publish(bytes[...], topic: nil) }
        let document: JSONDocument
        do throws(JSONSyntaxError) {
            document = try JSONDocument(bytes, depthMax: EventLimits.depthMax + 2, verbatim: "event")
        } catch {
            return fail("invalid-json", "The message is not JSON: \(error).")
        }
        guard let object = document.root.object else {
            return fail("invalid-message", "A message is a JSON object with \"op\".")
        }
        guard object["specversion"] == nil else {
            return fail(
                "invalid-message",
                "An object with \"specversion\" is an event; publish it with {\"op\":\"publish\",\"event\":…}.")
        }
        guard let op = object["op"]?.string else {
            return fail("invalid-message", "The message has no \"op\".")
        }
        guard handler.principal != nil || op == "authenticate" else {
            fail("unauthorized", "The first line must be {\"op\":\"authenticate\",\"token\":\"…\"}.")
            return handler.close(.policyViolation, "", on: connection, shard: shard)
        }
        if op == "subscribe" || op == "unsubscribe", !shard.isSettled(connection) {
            return handler.wait(with: bytes, on: connection)
        }
        switch op {
        case "authenticate": authenticate(object)
        case "subscribe": subscribe(object)
        case "unsubscribe": unsubscribe(object)
        case "publish": publish(object, bytes)
        case "ping": answer(SocketMessage.pong)
        default:
            fail(
                "unknown-op",
                "There is no op \"\(op)\"; there are subscribe, unsubscribe, publish, authenticate and ping.")
        }
    }

    // MARK: Ops

    private func authenticate(_ object: JSONObject) {
        guard let token = object["token"]?.string else {
            return fail("invalid-message", "authenticate needs a \"token\".")
        }
        handler.authenticate(token, on: connection, shard: shard)
    }

    private func subscribe(_ object: JSONObject) {
        guard let principal = handler.principal else { return }
        guard connection.listener?.configuration.serves.contains(.subscribe) ?? false else {
            return fail("not-served", "This listener does not serve subscribing.")
        }
        guard let id = object["id"]?.string, !id.isEmpty, id.utf8.count <= Limits.subscriptionNameBytesMax else {
            return fail(
                "invalid-message", "subscribe needs an \"id\" of 1 to \(Limits.subscriptionNameBytesMax) bytes.")
        }
        guard let topics = object["topics"]?.array, topics.allSatisfy({ $0.string != nil }) else {
            return fail("invalid-message", "subscribe needs \"topics\", an array of patterns.")
        }
        do throws(Shard.SubscribeError) {
            let patterns = try shard.patterns(topics.compactMap(\.string), for: principal)
            let subscriber = try subscriber(for: object)
            guard !subscriber.subscriptions.contains(where: { $0.id == id }) else {
                return fail("duplicate-id", "There is a subscription \"\(id)\" already; unsubscribe it first.")
            }
            try shard.add(id, patterns, to: subscriber, on: connection)
            handler.firstDefaults = nil
            subscriber.owesAnswer = subscriber.reading?.lastSearch != nil
            if !subscriber.owesAnswer { answerSubscribed(id, subscriber) }
        } catch {
            fail(error.title, error.detail)
        }
    }

    /// The connection's subscriber, made by its first subscription: only that one may say where it begins.
    private func subscriber(for object: JSONObject) throws(Shard.SubscribeError) -> Subscriber {
        let from = object["from"]
        if let subscriber = connection.subscriber {
            guard from == nil else {
                throw Shard.SubscribeError(
                    title: "from-not-allowed",
                    detail:
                        "Only the first subscription of a connection may have \"from\": a connection has one position.")
            }
            guard object["slow"] == nil else {
                throw Shard.SubscribeError(
                    title: "slow-not-allowed",
                    detail:
                        "Only the first subscription of a connection may have \"slow\": a connection has one policy.")
            }
            shard.standAtHead(subscriber)
            return subscriber
        }
        let asked = try SubscribeDefaults(
            from: from.map { $0.string ?? "" }, slow: object["slow"].map { $0.string ?? "" },
            otherwise: handler.firstDefaults)
        let resolved = try shard.resolve(asked.start)
        return shard.subscribe(connection, handler, start: resolved, slowPolicy: asked.slowPolicy)
    }

    /// It is known where the connection's cursor is: tells who has subscribed.
    func answerSubscribed(_ id: String, _ subscriber: Subscriber) {
        answer(SocketMessage.subscribed(id, shard.position(subscriber.member.place.sequence)))
    }

    private func unsubscribe(_ object: JSONObject) {
        guard let id = object["id"]?.string, let subscriber = connection.subscriber,
            shard.remove(id, from: subscriber)
        else { return fail("unknown-subscription", "There is no subscription of this id.") }
        answer(SocketMessage.unsubscribed(id))
    }

    private func publish(_ object: JSONObject, _ bytes: [UInt8]) {
        guard let event = object["event"], event.object != nil else {
            return fail("invalid-message", "publish needs an \"event\", a CloudEvent.")
        }
        if let topic = object["topic"], topic.string == nil {
            return fail("invalid-message", "\"topic\" must be a string.")
        }
        publish(bytes[event.range], topic: object["topic"]?.string)
    }

    private func publish(_ event: ArraySlice<UInt8>, topic: String?) {
        guard let principal = handler.principal, connection.listener?.configuration.serves.contains(.publish) ?? false
        else { return fail("not-served", "This listener does not serve publishing.") }
        let request = PublishRequest(
            records: shard.stagings.take(),
            reply: ReplyAddress(
                shard: shard.number, slot: connection.slot, generation: connection.generation, ticket: 0))
        let topicBytes = topic.map { Array($0.utf8) } ?? []
        let refusal = unsafe topicBytes.withUnsafeBytes { topicBytes -> PublishEndpoint.Refusal? in
            var context = shard.publishContext
            if topic != nil { unsafe context.topic = topicBytes }
            do throws(EventError) {
                try shard.decoder.decodeStructured(event.span, context, into: request.records)
            } catch {
                return .event(error)
            }
            do throws(PublishEndpoint.Refusal) {
                try PublishEndpoint.authorise(request.records, principal)
            } catch {
                return error
            }
            return nil
        }
        if refusal != nil { shard.stagings.take(back: request) }
        switch refusal {
        case nil:
            handler.publishing()
            shard.submit(request)
        case .event(let error): fail(PublishEndpoint.code(of: error), error.description)
        case .topic(let topic): fail("forbidden", "The token may not publish on \(topic).")
        case .mediaType, .contentCoding: break
        }
    }

    // MARK: Answers

    /// What became of events the client published.
    func published(_ request: PublishRequest) {
        switch request.outcome {
        case .overloaded, .noSpace, .failed:
            fail("unavailable", "The log takes no events at present; try again shortly.")
        case .accepted:
            let first = request.first == .zero ? nil : shard.position(request.first)
            let last = request.last == .zero ? nil : shard.position(request.last)
            answer(SocketMessage.published(first: first, last: last))
        }
    }

    private func answer(_ json: [UInt8]) {
        guard handler.transport != .webSocketEvents else { return }
        shard.sendControl(handler.message(json), on: connection)
    }

    /// Tells what is wrong. With `cloudevents.json`, which has no ops, the connection is closed instead.
    private func fail(_ title: String, _ detail: String) {
        guard handler.transport != .webSocketEvents else {
            let code: WebSocketCloseCode =
                switch title {
                case "forbidden", "not-served", "reserved-topic", "reserved-type": .policyViolation
                case "unavailable": .tryAgainLater
                case "event-too-large": .messageTooBig
                default: .invalidPayload
                }
            return handler.close(code, detail, on: connection, shard: shard)
        }
        answer(SocketMessage.error(title, String(detail.prefix(Limits.errorDetailCharactersMax))))
    }
}
