import FanfareBase
import FanfareWire

/// The management API: subscriptions, dead letters, connections, status, reload (CONTRACT, section 4).
struct AdminEndpoint {
    let shard: Shard
    let connection: Connection

    /// Does what was asked. Reading is answered here; changes are made on shard 0, which owns the registry.
    func handle(_ admitted: Router.Admitted) -> HTTPHandler.Verdict {
        let path = admitted.path.dropFirst()
        switch (path.first, path.count) {
        case ("subscriptions", 1): return reading(admitted) { listSubscriptions(admitted) }
        case ("subscriptions", 2): return subscription(admitted, admitted.path[2])
        case ("subscriptions", 3): return action(admitted, admitted.path[2], admitted.path[3])
        case ("dead-letters", 1): return reading(admitted) { listDeadLetters(admitted) }
        case ("connections", 1): return reading(admitted) { listConnections(admitted) }
        case ("status", 1): return reading(admitted) { status(admitted) }
        case ("reload", 1): return posting(admitted) { reload(admitted) }
        default: return .answer(Router.notFound(admitted.request.path.string, knownElsewhere: nil))
        }
    }

    private func subscription(_ admitted: Router.Admitted, _ id: String) -> HTTPHandler.Verdict {
        switch admitted.request.method {
        case .get, .head: show(admitted, id)
        case .put: put(admitted, id)
        case .delete: change(admitted, id, .remove)
        default: .answer(Router.notAllowed("GET, HEAD, PUT, DELETE, OPTIONS"))
        }
    }

    private func action(_ admitted: Router.Admitted, _ id: String, _ name: String) -> HTTPHandler.Verdict {
        switch name {
        case "attempts": reading(admitted) { listAttempts(admitted, id) }
        case "enable": posting(admitted) { change(admitted, id, .enable) }
        case "disable": posting(admitted) { change(admitted, id, .disable) }
        case "redeliver": posting(admitted) { redeliver(admitted, id) }
        case "rotate-secret": posting(admitted) { rotateSecret(admitted, id) }
        case "test": posting(admitted) { test(admitted, id) }
        default: .answer(Router.notFound(admitted.request.path.string, knownElsewhere: nil))
        }
    }

    // MARK: Methods

    private func reading(_ admitted: Router.Admitted, _ body: () -> HTTPHandler.Verdict) -> HTTPHandler.Verdict {
        switch admitted.request.method {
        case .get, .head: body()
        default: .answer(Router.notAllowed("GET, HEAD, OPTIONS"))
        }
    }

    private func posting(_ admitted: Router.Admitted, _ body: () -> HTTPHandler.Verdict) -> HTTPHandler.Verdict {
        admitted.request.method == .post ? body() : .answer(Router.notAllowed("POST, OPTIONS"))
    }

    // MARK: Common parts

    /// Where a later answer goes.
    func address(_ admitted: Router.Admitted) -> ReplyAddress {
        ReplyAddress(
            shard: shard.number, slot: connection.slot, generation: connection.generation, ticket: admitted.ticket)
    }

    /// The subscription `id`, if whoever asks may see it.
    func find(_ id: String, _ admitted: Router.Admitted) -> Result<SubscriptionEntry, Refused> {
        guard let entry = shard.service.subscriptions[id] else { return .failure(Refused(Self.noSubscription(id))) }
        guard entry.known.isManaged(by: admitted.principal) else {
            return .failure(Refused(Router.forbidden("The token may not manage the subscription \(id).")))
        }
        return .success(entry)
    }

    /// `limit` of a list.
    func limit(_ admitted: Router.Admitted) -> Result<Int, Refused> {
        guard let text = admitted.query.first("limit") else { return .success(Limits.listEntriesDefault) }
        guard let limit = Int(text), (1...Limits.listEntriesMax).contains(limit) else {
            return .failure(
                Refused(
                    .problem(400, "invalid-limit", "\"limit\" must be a number from 1 to \(Limits.listEntriesMax).")))
        }
        return .success(limit)
    }

    /// Nil when whoever asks may manage the service itself.
    func refusalUnlessOperator(_ admitted: Router.Admitted) -> Answer? {
        admitted.principal.mayManageEverything
            ? nil : Router.forbidden("This needs a token whose \"manage\" is \"*\": it is about the whole service.")
    }

    /// An answer that ends a request early.
    struct Refused: Error {
        let answer: Answer
        init(_ answer: Answer) { self.answer = answer }
    }

    /// Nobody is called `id`.
    static func noSubscription(_ id: String) -> Answer {
        .problem(404, "subscription-not-found", "There is no subscription \(id).")
    }

    /// Too much is asked at once.
    static let busy = Answer.problem(
        503, "busy", "Too many changes wait to be looked at.", headers: [("retry-after", "1")])
}
