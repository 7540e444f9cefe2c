import FanfareBase
import FanfareLog

/// How the API shows subscriptions. Secrets are never shown, but for the one made for a new subscription, once.
struct SubscriptionJSON {
    let service: ServiceContext

    /// All of one subscription.
    func shown(_ entry: SubscriptionEntry, signingSecret: String? = nil) -> JSONOutput {
        var members = summary(entry)
        if let signingSecret { members.append(.init("signing_secret", .string(signingSecret))) }
        members.append(.init("definition", entry.definition?.shown ?? .null))
        return .object(members)
    }

    /// What a subscription is and is doing, without its definition.
    func summary(_ entry: SubscriptionEntry) -> [JSONOutput.Member] {
        let status = entry.status.current
        let cursor = entry.cursor(status, service)
        var members: [JSONOutput.Member] = [
            .init("id", .string(entry.id)),
            .init("tenant", entry.definition.map { .string($0.tenant) } ?? .null),
            .init("state", .string(entry.known.paused == nil ? status.state : "paused")),
        ]
        if let paused = entry.known.paused { members.append(.init("paused_because", .string(paused))) }
        if let reason = status.disabledBecause { members.append(.init("disabled_because", .string(reason))) }
        if let since = status.failingSince {
            let end = service.configuration.webhooks.disabledAt(failingSince: since)
            members.append(.init("failing_since", .string(RFC3339.text(since))))
            members.append(.init("disables_at", .string(RFC3339.text(end))))
        }
        if let consent = status.consent {
            let reason: [JSONOutput.Member] = consent.reason.map { [.init("reason", .string($0))] } ?? []
            members.append(.init("consent", .object([.init("state", .string(consent.state))] + reason)))
        }
        switch entry.known.origin {
        case .api: members.append(.init("origin", .string("api")))
        case .file(let path):
            members.append(.init("origin", .string("file")))
            members.append(.init("file", path.map { .string($0) } ?? .null))
        }
        return members + [
            .init("revision", .integer(Int(entry.revision))),
            .init("cursor", .string(Position(log: service.logID, sequence: cursor).description)),
            .init("lag", .integer(Int(SubscriptionEntry.lag(of: cursor, service)))),
            .init("in_flight", .integer(status.inFlight)),
            .init("retrying", .integer(status.retrying)),
            .init("dead_letters", .integer(status.deadLetters)),
            .init("redeliveries", .array(status.redeliveries.map(redelivery))),
            .init("last_error", status.lastError.map { .string($0) } ?? .null),
        ]
    }

    /// A request to deliver again; everything it asks for up to `position` is decided.
    func redelivery(_ redelivery: JournalRedelivery) -> JSONOutput {
        func position(_ sequence: SequenceNumber) -> JSONOutput {
            .string(Position(log: service.logID, sequence: sequence).description)
        }
        return .object([
            .init("from", position(redelivery.from)), .init("to", position(redelivery.through)),
            .init("only", .string(redelivery.onlyFailed ? "failed" : "all")),
            .init("position", position(redelivery.low)),
        ])
    }

    /// One attempt.
    func attempt(_ report: AttemptReport) -> JSONOutput {
        .object([
            .init("position", .string(Position(log: service.logID, sequence: report.sequence).description)),
            .init("attempt", .integer(report.attempt)),
            .init("time", .string(RFC3339.text(report.time))),
            .init("duration_ms", .integer(report.timings.total / 1_000_000)),
            .init("timings_ms", report.timings.json),
            .init("status", report.status.map { .integer($0) } ?? .null),
            .init("error", report.error.map { .string($0) } ?? .null),
            .init("answer", .string(String(decoding: report.answer, as: UTF8.self))),
            .init("next_attempt", report.nextAttempt.map { .string(RFC3339.text($0)) } ?? .null),
        ])
    }
}
