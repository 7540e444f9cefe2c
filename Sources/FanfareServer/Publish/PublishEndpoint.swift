import FanfareBase
import FanfareEvent
import FanfareWire

/// `POST /v1/events` and `POST /v1/topics/TOPIC`: from a body to records on their way to the log.
struct PublishEndpoint {
    let shard: Shard
    let connection: Connection

    /// Why a body was not accepted.
    enum Refusal: Error {
        /// The event breaks a rule.
        case event(EventError)
        /// The body is of no kind this service takes.
        case mediaType
        /// The body is compressed, or coded otherwise.
        case contentCoding
        /// The token does not allow this topic.
        case topic(String)
    }

    /// Decodes the body and hands its events to the log; the answer follows when they are durable.
    func publish(_ admitted: Router.Admitted) -> HTTPHandler.Verdict {
        let address = ReplyAddress(
            shard: shard.number, slot: connection.slot, generation: connection.generation, ticket: admitted.ticket)
        let publish = PublishRequest(records: shard.stagings.take(), reply: address)
        do throws(Refusal) {
            try decode(admitted, into: publish)
            try Self.authorise(publish.records, admitted.principal)
        } catch {
            shard.stagings.take(back: publish)
            return .answer(Self.answer(to: error))
        }
        shard.submit(publish)
        return .pending
    }

    // MARK: Decoding

    private func decode(_ admitted: Router.Admitted, into publish: PublishRequest) throws(Refusal) {
        let request = admitted.request
        // What was coded would be stored coded, and nobody would be told how.
        if let coding = request.headers[.contentEncoding], !coding.equalsIgnoringCase("identity") {
            throw .contentCoding
        }
        let empty = unsafe UnsafeRawBufferPointer(start: nil, count: 0)
        var context = shard.publishContext
        // Safe: the request's views outlive the decoding below.
        unsafe context.traceParent = request.headers[.traceparent]?.unsafeBytes ?? empty
        unsafe context.traceState = request.headers[.tracestate]?.unsafeBytes ?? empty
        unsafe context.baggage = request.headers[.baggage]?.unsafeBytes ?? empty
        let isPlain = admitted.path.count == 3
        guard let topic = isPlain ? admitted.path[2] : admitted.query.first("topic") else {
            return try decode(admitted, context, into: publish)
        }
        let refusal = unsafe Array(topic.utf8).withUnsafeBytes { bytes -> Refusal? in
            unsafe context.topic = bytes
            do throws(Refusal) {
                if isPlain {
                    try decodePlain(admitted, unsafe bytes.bindMemory(to: UInt8.self).span, context, into: publish)
                } else {
                    try decode(admitted, context, into: publish)
                }
            } catch {
                return error
            }
            return nil
        }
        if let refusal { throw refusal }
    }

    private func decode(
        _ admitted: Router.Admitted, _ context: PublishContext, into publish: PublishRequest
    ) throws(Refusal) {
        let request = admitted.request
        let type = request.headers[.contentType].flatMap { FanfareWire.MediaType($0) }
        let body = request.body
        if let type, type.isType("application", "cloudevents+json") {
            try decoded { () throws(EventError) in
                try shard.decoder.decodeStructured(
                    unsafe body.unsafeBytes.bindMemory(to: UInt8.self).span, context, into: publish.records)
            }
        } else if let type, type.isType("application", "cloudevents-batch+json") {
            try decoded { () throws(EventError) in
                try shard.decoder.decodeBatch(
                    unsafe body.unsafeBytes.bindMemory(to: UInt8.self).span, context, into: publish.records)
            }
        } else if let type, type.isType("application", "x-ndjson") {
            decodeLines(body, admitted.principal, context, into: publish)
        } else if request.headers[.ceSpecversion] != nil {
            try decodeBinary(request, context, into: publish)
        } else {
            throw .mediaType
        }
    }

    private func decoded(_ body: () throws(EventError) -> Void) throws(Refusal) {
        do throws(EventError) { try body() } catch { throw .event(error) }
    }

    private func decodeBinary(
        _ request: HTTPRequest, _ context: PublishContext, into publish: PublishRequest
    ) throws(Refusal) {
        shard.decoder.beginBinary()
        for field in request.headers {
            unsafe shard.decoder.addHeader(
                field.name.unsafeBytes.bindMemory(to: UInt8.self).span,
                field.value.unsafeBytes.bindMemory(to: UInt8.self).span)
        }
        let type = request.headers[.contentType] ?? .empty
        try decoded { () throws(EventError) in
            try shard.decoder.finishBinary(
                body: unsafe request.body.unsafeBytes.bindMemory(to: UInt8.self).span,
                contentType: unsafe type.unsafeBytes.bindMemory(to: UInt8.self).span, context, into: publish.records)
        }
    }

    private func decodePlain(
        _ admitted: Router.Admitted, _ topic: Span<UInt8>, _ context: PublishContext, into publish: PublishRequest
    ) throws(Refusal) {
        let request = admitted.request
        let identifier = request.headers[.idempotencyKey]?.array ?? shard.random.uuidv7(shard.time.wall)
        let time = Array(RFC3339.text(shard.time.wall).utf8)
        let type = request.headers[.contentType] ?? .empty
        try decoded { () throws(EventError) in
            try shard.decoder.decodePlain(
                topic: topic, id: identifier.span, source: Array(admitted.principal.source.utf8).span, time: time.span,
                contentType: unsafe type.unsafeBytes.bindMemory(to: UInt8.self).span,
                body: unsafe request.body.unsafeBytes.bindMemory(to: UInt8.self).span, context, into: publish.records)
        }
    }

    /// NDJSON is accepted line by line: the lines before the first bad one count.
    private func decodeLines(
        _ body: ByteView, _ principal: Principal, _ context: PublishContext, into publish: PublishRequest
    ) {
        var rest = body
        while !rest.isEmpty {
            let end = rest.firstIndex(of: ASCII.lineFeed) ?? rest.count
            let line = rest.take(end)
            if !rest.isEmpty { rest.take(1) }
            publish.lines += 1
            do throws(EventError) {
                _ = try shard.decoder.decodeLine(
                    unsafe line.unsafeBytes.bindMemory(to: UInt8.self).span, context, into: publish.records)
            } catch {
                publish.lineError = error
                return
            }
        }
    }

    // MARK: Rights

    /// Whether the token allows the topic of every event, as resolved.
    static func authorise(_ records: RecordStaging, _ principal: Principal) throws(Refusal) {
        if principal.mayPublishEverything { return }
        try records.forEach { record throws(Refusal) in
            let topic = unsafe record.topic
            if unsafe !principal.mayPublish(topic) { throw .topic(unsafe String(decoding: topic, as: UTF8.self)) }
        }
    }

    // MARK: Answers

    static func answer(to refusal: Refusal) -> Answer {
        switch refusal {
        case .event(let error): return answer(to: error, status: error.status, members: [])
        case .topic(let topic): return Router.forbidden("The token may not publish on \(topic).")
        case .mediaType:
            return .problem(
                415, "unsupported-media-type",
                "Send application/cloudevents+json, application/cloudevents-batch+json, application/x-ndjson, or an event in ce-* headers."
            )
        case .contentCoding:
            return .problem(
                415, "unsupported-content-coding", "Send the body as it is: no Content-Encoding is understood here.",
                headers: [("accept-encoding", "identity")])
        }
    }

    /// The stable word for what is wrong with an event.
    static func code(of error: EventError) -> String {
        switch error.reason {
        case .syntax, .tooDeep: "invalid-json"
        case .reservedTopic: "reserved-topic"
        case .reservedType: "reserved-type"
        case .topic: "invalid-topic"
        case .tooLarge: "event-too-large"
        default: "invalid-event"
        }
    }

    private static func answer(to error: EventError, status: Int, members: [(name: String, json: String)]) -> Answer {
        .problem(
            status, code(of: error), error.description,
            errors: [ProblemDocument.Item(detail: error.detail, pointer: error.pointer)], members: members)
    }

    /// The answer when the log has decided.
    static func answer(to publish: PublishRequest, log: LogID) -> Answer {
        switch publish.outcome {
        case .overloaded:
            return unavailable("overloaded", "The log cannot keep up with what is published; try again shortly.")
        case .noSpace:
            return unavailable("no-space", "The disk is full; publishing resumes by itself when there is space.")
        case .failed: return unavailable("log-failed", "The log has failed and the service is stopping.")
        case .accepted: break
        }
        if let error = publish.lineError {
            var error = error
            error.detail = "Line \(publish.lines): \(error.detail)"
            return answer(
                to: error, status: error.status,
                members: [
                    ("accepted", String(publish.accepted)), ("duplicates", String(publish.duplicates)),
                ])
        }
        return .json(202, summary(of: publish, log: log))
    }

    private static func unavailable(_ code: String, _ detail: String) -> Answer {
        .problem(503, code, detail, headers: [("retry-after", "1")])
    }

    private static func summary(of publish: PublishRequest, log: LogID) -> [UInt8] {
        var json: [UInt8] = []
        json.reserveCapacity(128)
        json.append("{\"accepted\":")
        json.append(decimal: publish.accepted)
        json.append(",\"duplicates\":")
        json.append(decimal: publish.duplicates)
        json.append(",\"first\":")
        json.append(position: publish.first, log: log)
        json.append(",\"last\":")
        json.append(position: publish.last, log: log)
        json.append("}")
        return json
    }
}

extension [UInt8] {
    /// Appends a position in quotes, or `null` for none.
    mutating func append(position sequence: SequenceNumber, log: LogID) {
        guard sequence > .zero else { return append("null") }
        append(UInt8(ascii: "\""))
        let start = count
        append(contentsOf: repeatElement(0, count: Position.textBytes))
        unsafe withUnsafeMutableBytes { bytes in
            // Safe: textBytes were just appended.
            unsafe Position(log: log, sequence: sequence).write(
                to: UnsafeMutableRawBufferPointer(rebasing: bytes[start...]))
        }
        append(UInt8(ascii: "\""))
    }
}
