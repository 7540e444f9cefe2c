import FanfareBase
import FanfareEvent
import FanfareLog

/// An event the service itself publishes (CONTRACT, section 6): what it tells of, without its id.
struct OwnEvent {
    /// Its CloudEvents type, `dev.fanfare.…`.
    var type: String
    /// Where it is published: a topic under `fanfare.`.
    var topic: String
    /// The subscription it is about: its source and subject.
    var subscription: String
    /// When what it tells of happened; nil for now.
    var time: WallTime?
    /// The members of its data besides `subscription`.
    var data: [JSONOutput.Member]

    /// The whole event as JSON.
    func json(id: String, now: WallTime) -> [UInt8] {
        JSONOutput.object([
            .init("specversion", .string("1.0")), .init("id", .string(id)),
            .init("source", .string("/subscriptions/\(subscription)")), .init("type", .string(type)),
            .init("subject", .string(subscription)), .init("time", .string(RFC3339.text(time ?? now))),
            .init("fanfaretopic", .string(topic)), .init("datacontenttype", .string("application/json")),
            .init("data", .object([.init("subscription", .string(subscription))] + data)),
        ]).line
    }

    /// Appends its record to `records`; false, and the operator told, when that is not possible.
    func decode(id: String, _ shard: Shard, into records: RecordStaging) -> Bool {
        Self.decode(json(id: id, now: shard.time.wall), shard, into: records)
    }

    /// The same for an event that was made before.
    static func decode(_ json: [UInt8], _ shard: Shard, into records: RecordStaging) -> Bool {
        var context = shard.publishContext
        context.mayUseReservedNames = true
        // The operator's limit is for publishers; ours are small.
        context.eventBytesMax = LogLimits.journalValueBytesMax
        do throws(EventError) {
            try shard.decoder.decodeStructured(json.span, context, into: records)
            return true
        } catch {
            shard.service.report("an event of the service's own is not one: \(error)")
            return false
        }
    }
}

extension OwnEvent {
    /// What a journal's entry is told as; nil for most.
    init?(_ entry: JournalEntry, _ registry: SubscriptionRegistry, _ shard: Shard) {
        switch entry {
        case .deadLetter(let number, let letter):
            guard let id = registry.name(of: number) else { return nil }
            self.init(letter, of: id, shard)
        case .disable(let number, let reason, let time):
            guard let id = registry.name(of: number) else { return nil }
            self.init(
                .disabled, of: id, shard,
                [.init("reason", .string(reason)), .init("last_error", Self.lastError(id, shard))])
            self.time = time
        case .failing(let number, let since?):
            guard let id = registry.name(of: number) else { return nil }
            let end = shard.service.configuration.webhooks.disabledAt(failingSince: since)
            self.init(
                .failing, of: id, shard,
                [
                    .init("since", .string(RFC3339.text(since))), .init("disables_at", .string(RFC3339.text(end))),
                    .init("last_error", Self.lastError(id, shard)),
                ])
        case .failing(let number, nil):
            guard let id = registry.name(of: number) else { return nil }
            self.init(.recovered, of: id, shard, [])
        default: return nil
        }
    }

    /// What can be told of a subscription, as the last token of its topic.
    private enum News: String {
        case disabled, failing, recovered
    }

    private init(_ news: News, of id: String, _ shard: Shard, _ data: [JSONOutput.Member]) {
        self.init(
            type: "dev.fanfare.subscription.\(news.rawValue)", topic: "fanfare.subscription.\(news.rawValue)",
            subscription: id, data: [Self.tenant(id, shard)] + data)
    }

    private init(_ letter: JournalDeadLetter, of id: String, _ shard: Shard) {
        let position = Position(log: shard.service.logID, sequence: letter.sequence)
        self.init(
            type: "dev.fanfare.deadletter", topic: "fanfare.deadletter.\(id)", subscription: id, time: letter.time,
            data: [Self.tenant(id, shard), .init("position", .string(position.description))] + letter.members)
    }

    private static func tenant(_ id: String, _ shard: Shard) -> JSONOutput.Member {
        let tenant = shard.service.subscriptions[id]?.definition?.tenant
        return .init("tenant", tenant.map { .string($0) } ?? .null)
    }

    private static func lastError(_ id: String, _ shard: Shard) -> JSONOutput {
        shard.service.subscriptions[id]?.status.current.lastError.map { .string($0) } ?? .null
    }
}

extension JournalDeadLetter {
    /// Why it was given up on, for people and programs.
    var members: [JSONOutput.Member] {
        [
            .init("kind", .string(kind == DeadLetterKind.expired.rawValue ? "expired" : "exhausted")),
            .init("time", .string(RFC3339.text(time))),
            .init("attempts", .integer(Int(attempts))),
            .init("status", status == 0 ? .null : .integer(Int(status))),
            .init("error", .string(error)),
        ]
    }
}

extension Configuration.WebhookSettings {
    /// When a subscription that has done nothing but fail since `since` is disabled.
    func disabledAt(failingSince since: WallTime) -> WallTime {
        WallTime(nanoseconds: since.nanoseconds + UInt64(disableAfterMilliseconds) * 1_000_000)
    }
}
