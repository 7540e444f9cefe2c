import FanfareBase

/// One socket, as the API tells of it.
struct SocketReport: Sendable {
    /// The shard that holds it.
    let shard: Int
    /// `websocket`, `sse` or `stream`.
    let transport: String
    /// The token's name; nil when it has none.
    let token: String?
    /// The listener it came in by.
    let listener: String
    /// What it asked for.
    let topics: [String]
    /// Everything up to here was sent.
    let cursor: SequenceNumber
    /// Events the log is ahead, matching or not; 0 when nothing pends for it.
    let lag: UInt64
    /// It reads the log, being too far behind for memory.
    let isCatchingUp: Bool
    /// Bytes that wait for it.
    let pendingBytes: Int
    /// Seconds since it was accepted.
    let ageSeconds: Int

    /// The `limit` sockets of `shard` that are most behind. Costs a walk over its connections.
    static func mostBehind(_ limit: Int, on shard: Shard) -> [SocketReport] {
        var lags: [(lag: UInt64, connection: Connection, subscriber: Subscriber)] = []
        shard.connections.forEach { _, connection in
            guard let subscriber = connection.subscriber else { return }
            lags.append((shard.lag(of: subscriber), connection, subscriber))
        }
        lags.sort { $0.lag > $1.lag }
        return lags.prefix(limit).map { SocketReport($0.connection, $0.subscriber, lag: $0.lag, shard) }
    }

    private init(_ connection: Connection, _ subscriber: Subscriber, lag: UInt64, _ shard: Shard) {
        let handler = connection.handler as? SocketHandler
        self.shard = shard.number
        transport = handler?.transport.name ?? ""
        token = handler?.principal?.name
        listener = connection.listener?.configuration.name ?? ""
        topics = shard.patterns(of: subscriber).map(\.text)
        cursor = subscriber.member.place.sequence
        self.lag = lag
        isCatchingUp = subscriber.isCatchingUp
        pendingBytes = connection.output.count
        ageSeconds = Int(shard.time.monotonic.nanoseconds(since: connection.since) / 1_000_000_000)
    }

    /// As the API gives it.
    func json(_ service: ServiceContext) -> JSONOutput {
        .object([
            .init("transport", .string(transport)),
            .init("listener", .string(listener)),
            .init("token", token.map { .string($0) } ?? .null),
            .init("topics", .array(topics.map { .string($0) })),
            .init("cursor", .string(Position(log: service.logID, sequence: cursor).description)),
            .init("lag", .integer(Int(lag))),
            .init("catching_up", .boolean(isCatchingUp)),
            .init("pending_bytes", .integer(pendingBytes)),
            .init("age_seconds", .integer(ageSeconds)),
            .init("shard", .integer(shard)),
        ])
    }
}

extension Shard {
    /// Events the log is ahead of a subscriber, matching or not; 0 when nothing pends for it.
    func lag(of subscriber: Subscriber) -> UInt64 {
        let head = fanout.head.rawValue
        let place = subscriber.member.place.sequence.rawValue
        if place >= head { return 0 }
        let isLive = !subscriber.isCatchingUp && subscriber.member.place.isBetweenFrames
        return isLive && fanout.next(subscriber.member) == .nothing ? 0 : head - place
    }
}

/// How far the sockets of a shard, or of all, are behind: what `/metrics` shows.
struct SocketLags: Sendable {
    /// Upper bounds of the classes; there is one more without.
    static let bounds: [UInt64] = [0, 10, 100, 1_000, 10_000, 100_000, 1_000_000]

    /// Sockets in each class.
    private(set) var counts = [UInt64](repeating: 0, count: bounds.count + 1)
    /// Events the one most behind has yet to get.
    private(set) var most: UInt64 = 0
    /// Those that read the log.
    private(set) var catchingUp: UInt64 = 0

    /// Those of `shard`. Costs a walk over its connections.
    init(of shard: Shard) {
        shard.connections.forEach { _, connection in
            guard let subscriber = connection.subscriber else { return }
            let lag = shard.lag(of: subscriber)
            counts[Self.bounds.firstIndex { lag <= $0 } ?? Self.bounds.count] += 1
            most = max(most, lag)
            if subscriber.isCatchingUp { catchingUp += 1 }
        }
    }

    /// Those of several shards together.
    init(_ parts: [SocketLags]) {
        for part in parts {
            for index in counts.indices { counts[index] += part.counts[index] }
            most = max(most, part.most)
            catchingUp += part.catchingUp
        }
    }
}

/// How many connections there are of each kind.
struct ConnectionCounts: Sendable {
    private var counts: [String: Int] = [:]

    /// None.
    init() {}

    /// Those of `shard`.
    init(of shard: Shard) {
        shard.connections.forEach { _, connection in
            switch connection.handler {
            case let socket as SocketHandler: counts[socket.transport.name, default: 0] += 1
            case is HTTPHandler: counts["http", default: 0] += 1
            case is EchoHandler: counts["websocket", default: 0] += 1
            default: counts["webhook", default: 0] += 1
            }
        }
    }

    /// Adds those of another shard.
    mutating func add(_ other: ConnectionCounts) { counts.merge(other.counts, uniquingKeysWith: +) }

    /// Every kind, also those without any.
    var json: JSONOutput {
        .object(["http", "websocket", "sse", "stream", "webhook"].map { .init($0, .integer(counts[$0] ?? 0)) })
    }
}
