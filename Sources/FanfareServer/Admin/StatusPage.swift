import FanfareBase

/// The whole service at a glance: what `fanfare status` shows.
struct StatusPage {
    let service: ServiceContext
    let connections: ConnectionCounts
    /// The sockets most behind, for those who manage everything.
    let sockets: [SocketReport]
    let principal: Principal
    let now: WallTime

    /// As the API gives it.
    var json: JSONOutput {
        let summary = SubscriptionJSON(service: service)
        let entries = service.subscriptions.all.filter { $0.known.isManaged(by: principal) }.sorted { $0.id < $1.id }
        let log = service.logID
        return .object([
            .init("version", .string(ServiceVersion.text)),
            .init("state", .string(state)),
            .init("uptime_seconds", .integer(Int(now.seconds - min(now.seconds, service.startedAt.seconds)))),
            .init("shards", .integer(service.shardCount)),
            .init(
                "log",
                .object([
                    .init("id", .string(String(Position(log: log, sequence: .zero).description.prefix(8)))),
                    .init("head", .string(Position(log: log, sequence: service.catalog.head).description)),
                    .init(
                        "first_retained",
                        .string(Position(log: log, sequence: service.catalog.firstRetained).description)),
                ])),
            .init("connections", connections.json),
            .init("sockets", .array(sockets.map { $0.json(service) })),
            .init("subscriptions_total", .integer(entries.count)),
            .init("subscriptions", .array(entries.prefix(Limits.listEntriesMax).map { .object(summary.summary($0)) })),
        ])
    }

    private var state: String {
        switch service.state {
        case .serving: service.isAccepting ? "serving" : "full"
        case .draining: "draining"
        case .stopped: "stopped"
        }
    }
}
