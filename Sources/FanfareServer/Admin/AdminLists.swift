import FanfareBase
import FanfareLog

/// The rows of the API that tell what the service is doing.
extension AdminEndpoint {
    /// `GET /v1/dead-letters?subscription=ID&limit=N`: what was given up on, the newest first.
    func listDeadLetters(_ admitted: Router.Admitted) -> HTTPHandler.Verdict {
        let limit: Int
        switch self.limit(admitted) {
        case .success(let value): limit = value
        case .failure(let refused): return .answer(refused.answer)
        }
        var entries = shard.service.subscriptions.all.filter { $0.known.isManaged(by: admitted.principal) }
        if let id = admitted.query.first("subscription") {
            switch find(id, admitted) {
            case .success(let entry): entries = [entry]
            case .failure(let refused): return .answer(refused.answer)
            }
        }
        let reply = address(admitted)
        shard.perform(on: 0) { [entries] shard in
            shard.deliver(DeadLetterList(entries: entries, limit: limit, shard).answer, to: reply)
        }
        return .pending
    }

    /// `GET /v1/connections?limit=N`: the sockets of all shards, most behind first.
    func listConnections(_ admitted: Router.Admitted) -> HTTPHandler.Verdict {
        if let refusal = refusalUnlessOperator(admitted) { return .answer(refusal) }
        let limit: Int
        switch self.limit(admitted) {
        case .success(let value): limit = value
        case .failure(let refused): return .answer(refused.answer)
        }
        let reply = address(admitted)
        shard.gather(
            { SocketReport.mostBehind(limit, on: $0) },
            then: { parts, shard in
                let rows = parts.flatMap { $0 }.sorted { $0.lag > $1.lag }.prefix(limit)
                let total = shard.service.metrics.reduce(0) { $0 + $1.socketsOpen }
                let json = JSONOutput.object([
                    .init("total", .integer(total)), .init("connections", .array(rows.map { $0.json(shard.service) })),
                ])
                shard.answer(reply, .json(200, json.line))
            })
        return .pending
    }

    /// `GET /v1/status`: the whole service at a glance.
    func status(_ admitted: Router.Admitted) -> HTTPHandler.Verdict {
        let reply = address(admitted)
        let principal = admitted.principal
        let mostBehind = principal.mayManageEverything ? Limits.statusSocketsMax : 0
        shard.gather(
            { (ConnectionCounts(of: $0), SocketReport.mostBehind(mostBehind, on: $0)) },
            then: { parts, shard in
                let counts = parts.reduce(into: ConnectionCounts()) { $0.add($1.0) }
                let sockets = parts.flatMap(\.1).sorted { $0.lag > $1.lag }.prefix(mostBehind)
                let page = StatusPage(
                    service: shard.service, connections: counts, sockets: Array(sockets), principal: principal,
                    now: shard.time.wall)
                shard.answer(reply, .json(200, page.json.line))
            })
        return .pending
    }

    /// `POST /v1/reload`.
    func reload(_ admitted: Router.Admitted) -> HTTPHandler.Verdict {
        if let refusal = refusalUnlessOperator(admitted) { return .answer(refusal) }
        let reply = address(admitted)
        let service = shard.service
        let isTaken = Reload(service: service).start { outcome in
            service.report(outcome.text)
            let answer = outcome.answer
            service.inboxes[reply.shard].post(ShardTask { $0.answer(reply, answer) })
        }
        return isTaken ? .pending : .answer(Self.busy)
    }
}

/// What was given up on.
struct DeadLetterList {
    private let letters: [(id: String, letter: JournalDeadLetter)]
    private let log: LogID

    /// The newest of `entries`; on shard 0.
    init(entries: [SubscriptionEntry], limit: Int, _ shard: Shard) {
        var letters: [(id: String, letter: JournalDeadLetter)] = []
        for entry in entries {
            let kept = shard.registry?.journal.state.subscriptions[entry.number]?.deadLetters ?? []
            letters += Self.newest(limit, of: kept).map { (entry.id, $0) }
        }
        self.letters = Array(
            letters.sorted { ($0.letter.time, $0.letter.sequence) > ($1.letter.time, $1.letter.sequence) }.prefix(limit)
        )
        log = shard.service.logID
    }

    /// The last `limit` letters, and those of the same time as the first of them: which of them are shown is decided by
    /// number, at every limit alike.
    private static func newest(_ limit: Int, of kept: [JournalDeadLetter]) -> ArraySlice<JournalDeadLetter> {
        guard kept.count > limit else { return kept[...] }
        let time = kept[kept.count - limit].time
        let older = kept[..<(kept.count - limit)].lastIndex { $0.time != time }
        return kept[(older.map { $0 + 1 } ?? 0)...]
    }

    /// As the API gives it.
    var answer: Answer {
        let rows = letters.map { id, letter in
            JSONOutput.object(
                [
                    .init("subscription", .string(id)),
                    .init("position", .string(Position(log: log, sequence: letter.sequence).description)),
                ] + letter.members)
        }
        return .json(200, JSONOutput.object([.init("dead_letters", .array(rows))]).line)
    }
}
