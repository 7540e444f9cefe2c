import FanfareBase
import FanfareEvent
import FanfareWire

/// From a request to what is done with it: may it come in at all, who asks, and which of the table's rows it is
/// (CONTRACT, section 4).
struct Router {
    let shard: Shard
    let connection: Connection

    /// A request that was let in.
    struct Admitted {
        /// As it came.
        let request: HTTPRequest
        /// Its path, percent-decoded, cut at the slashes.
        let path: [String]
        /// Its query.
        let query: QueryParameters
        /// Who asks.
        let principal: Principal
        /// Where a later answer goes.
        let ticket: UInt64
    }

    /// Does what `request` asks. `verified` is what became of its token, once that was verified.
    func route(
        _ request: HTTPRequest, ticket: UInt64, verified: AccessControl.Outcome? = nil
    ) -> HTTPHandler.Verdict {
        guard let listener = connection.listener else { return .answer(.empty(500)) }
        if case .turnedAway(let verdict) = connection.admission, let answer = verdict.answer {
            return sendAway(request, answer, retrySeconds: Limits.turnedAwayRetrySeconds)
        }
        if listener.configuration.echoesWebSockets {
            return EchoEndpoint(shard: shard, connection: connection).open(request)
        }
        if let refusal = refusal(of: request, listener) { return .answer(refusal) }
        if request.method == .options { return .answer(preflight(request, listener)) }
        let pathText = request.path.string
        let service = Self.service(of: pathText, method: request.method)
        guard let service, listener.configuration.serves.contains(service) else {
            return .answer(Self.notFound(pathText, knownElsewhere: service))
        }
        if service == .probe {
            return Probes(shard: shard, connection: connection, ticket: ticket).route(pathText, request)
        }
        // Two Authorization headers are none of the one form there is.
        let token = BearerToken(
            authorization: request.headers.isRepeated(.authorization)
                ? "" : request.headers[.authorization]?.string, query: request.query.string,
            subprotocols: request.headers[.secWebSocketProtocol]?.string)
        switch verified ?? shard.authenticate(token, on: listener.configuration) {
        case .missing: return .answer(Self.unauthorized("Send Authorization: Bearer TOKEN.", error: nil))
        case .invalid: return .answer(Self.unauthorized("The token is not known here.", error: "invalid_token"))
        case .refused(let refusal): return .answer(Self.unauthorized("\(refusal)", error: "invalid_token"))
        case .unverified(let text):
            return shard.verify(text, for: connection)
                ? .awaitingToken : sendAway(request, Self.tooManyTokens, retrySeconds: Limits.tokensRetrySeconds)
        case .principal(let principal):
            // Whatever is wrong with the query, the answer is the same.
            guard let path = Self.segments(request.path) else {
                return .answer(.problem(400, "invalid-target", "The path holds an invalid percent-encoding."))
            }
            let query: QueryParameters
            do throws(QueryError) { query = try QueryParameters(request.query) } catch {
                return .answer(.problem(400, "invalid-target", "The query \(error)."))
            }
            return dispatch(
                Admitted(request: request, path: path, query: query, principal: principal, ticket: ticket), service)
        }
    }

    private func dispatch(_ admitted: Admitted, _ service: Listener.Service) -> HTTPHandler.Verdict {
        switch service {
        case _ where service != .manage && admitted.path.count > 3:
            return .answer(Self.notFound(admitted.request.path.string, knownElsewhere: nil))
        case .publish:
            guard admitted.request.method == .post else {
                let isReadable = admitted.path == ["v1", "events"]
                return .answer(Self.notAllowed(isReadable ? "GET, POST, OPTIONS" : "POST, OPTIONS"))
            }
            return PublishEndpoint(shard: shard, connection: connection).publish(admitted)
        case .subscribe:
            guard admitted.request.method == .get else {
                return .answer(
                    Self.notAllowed(admitted.path == ["v1", "events"] ? "GET, POST, OPTIONS" : "GET, OPTIONS"))
            }
            return admitted.path == ["v1", "subscribe"]
                ? SubscribeEndpoint(shard: shard, connection: connection).subscribe(admitted)
                : ReadEndpoint(shard: shard, connection: connection).read(admitted)
        case .manage: return AdminEndpoint(shard: shard, connection: connection).handle(admitted)
        case .probe: return .answer(.empty(500))
        }
    }

    // MARK: May it come in

    /// Host and Origin rules: against DNS rebinding and cross-site requests, which browsers let through without asking
    /// (WebSocket upgrades, simple POSTs).
    private func refusal(of request: HTTPRequest, _ listener: ListenerState) -> Answer? {
        let host = request.host.string
        if host != listener.hostAllowedLast {
            // Only HTTP/1.0 comes here without one.
            guard !host.isEmpty else { return .hostMissing }
            guard listener.hostRule.allows(host) else {
                return .problem(
                    403, "host-not-allowed",
                    "This service is not known as \(host); add the name to the listener's \"hosts\".")
            }
            listener.hostAllowedLast = host
        }
        guard let origin = request.headers[.origin]?.string else { return nil }
        guard !request.headers.isRepeated(.origin) else {
            return .problem(403, "origin-not-allowed", "Origin must not be given more than once.")
        }
        switch listener.originRule.verdict(origin: origin, host: host, overTLS: connection.tls != nil) {
        case .sameOrigin, .listed: return nil
        case .refused:
            return .problem(
                403, "origin-not-allowed",
                "Pages of \(origin) may not use this service; add the origin to the listener's \"origins\".")
        }
    }

    private func preflight(_ request: HTTPRequest, _ listener: ListenerState) -> Answer {
        var answer = Answer.empty(204)
        guard let origin = request.headers[.origin]?.string else {
            answer.headers = [("allow", "GET, HEAD, POST, PUT, DELETE, OPTIONS")]
            return answer
        }
        answer.headers = CrossOriginHeaders.preflight(
            of: origin, requested: request.headers[.accessControlRequestHeaders]?.string)
        return answer
    }

    /// What lets a listed origin's page read the answer; and, where origins are listed, what keeps a cache from giving one
    /// origin's answer to another.
    func crossOriginHeaders(for request: HTTPRequest) -> [(name: String, value: String)] {
        guard let listener = connection.listener, !listener.configuration.origins.isEmpty, request.method != .options
        else { return [] }
        guard let origin = request.headers[.origin]?.string,
            case .listed = listener.originRule.verdict(
                origin: origin, host: request.host.string, overTLS: connection.tls != nil)
        else { return [("vary", "origin")] }
        return CrossOriginHeaders.answer(to: origin)
    }

    // MARK: Which row

    /// What a listener has to serve for this path; nil for a path that does not exist.
    static func service(of path: String, method: HTTPMethod) -> Listener.Service? {
        switch path {
        case "/metrics", "/healthz", "/readyz": return .probe
        case "/v1/subscribe": return .subscribe
        case "/v1/events": return method == .get || method == .head ? .subscribe : .publish
        case "/v1/dead-letters", "/v1/connections", "/v1/reload", "/v1/status", "/v1/subscriptions": return .manage
        default: break
        }
        if path.hasPrefix("/v1/topics/") { return .publish }
        if path.hasPrefix("/v1/events/") { return .subscribe }
        if path.hasPrefix("/v1/subscriptions/") { return .manage }
        return nil
    }

    private static let events = ["v1", "events"]

    private static func segments(_ path: ByteView) -> [String]? {
        if path.equals("/v1/events") { return events }
        var segments: [String] = []
        // As many as most paths have, in one piece of memory: this is done for every event that is published.
        segments.reserveCapacity(4)
        var rest = path.slice(from: min(1, path.count))
        while true {
            let end = rest.firstIndex(of: UInt8(ascii: "/")) ?? rest.count
            let part = rest.slice(0..<end)
            if part.firstIndex(of: UInt8(ascii: "%")) == nil {
                segments.append(part.string)
            } else {
                guard let decoded = PercentCoding.decode(part) else { return nil }
                segments.append(String(decoding: decoded, as: UTF8.self))
            }
            guard end < rest.count else { return segments }
            rest = rest.slice(from: end + 1)
        }
    }

    // MARK: Refusals

    /// Refuses for now: with `answer`, or where that would make an EventSource give up for good with 200, when to come back,
    /// and the end (CONTRACT, section 5).
    private func sendAway(_ request: HTTPRequest, _ answer: Answer, retrySeconds: Int) -> HTTPHandler.Verdict {
        let isStream = request.path.equals("/v1/subscribe") && !WebSocketHandshake.isRequested(by: request)
        guard isStream, request.method == .get else { return .answer(answer) }
        return SubscribeEndpoint(shard: shard, connection: connection).sendStreamAway(
            request, retryMilliseconds: retrySeconds * 1_000)
    }

    static func notFound(_ path: String, knownElsewhere service: Listener.Service?) -> Answer {
        let detail = service.map { "This listener does not serve \($0.rawValue); its \"serves\" says what it does." }
        return .problem(404, "not-found", detail ?? "There is nothing at \(path).")
    }

    static func notAllowed(_ methods: String) -> Answer {
        .problem(
            405, "method-not-allowed", "Allowed here: \(methods).", headers: [("allow", methods)])
    }

    static func unauthorized(_ detail: String, error: String?) -> Answer {
        let challenge = error.map { "Bearer realm=\"fanfare\", error=\"\($0)\"" } ?? "Bearer realm=\"fanfare\""
        return .problem(
            401, "unauthorized", detail, headers: [("www-authenticate", challenge)])
    }

    static let tooManyTokens = Answer.problem(
        503, "tokens-waiting", "Too many tokens wait to be verified; try again shortly.",
        headers: [("retry-after", String(Limits.tokensRetrySeconds))])

    static func forbidden(_ detail: String) -> Answer { .problem(403, "forbidden", detail) }
}
