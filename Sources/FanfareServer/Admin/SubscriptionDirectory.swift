import FanfareBase
import FanfareLog
import Synchronization

/// One webhook subscription as the registry knows it.
struct SubscriptionEntry: Sendable {
    /// Its number in the journal.
    let number: SubscriptionNumber
    /// What decisions about it depend on.
    var known: KnownSubscription
    /// Counts replacements.
    var revision: UInt64
    /// What it is doing.
    let status: SubscriptionStatus

    /// Its name.
    var id: String { known.id }
    /// What it is, as written; nil when that is not known.
    var definition: SubscriptionDefinition? { known.definition }
    /// `active`, `failing`, `disabled` or `paused`.
    var state: String { known.paused == nil ? status.current.state : "paused" }

    /// Everything up to here is settled, given its `status`: of one that is caught up, what its shard has looked at.
    func cursor(_ status: SubscriptionStatus.Snapshot, _ service: ServiceContext) -> SequenceNumber {
        guard status.isCaughtUp else { return status.cursor }
        let shard = service.metrics[Int(number.rawValue) % service.shardCount]
        return max(status.cursor, SequenceNumber(shard.webhooksSettled.current))
    }

    /// How many events the log is ahead of `cursor`, matching or not.
    static func lag(of cursor: SequenceNumber, _ service: ServiceContext) -> UInt64 {
        let head = service.catalog.head.rawValue
        return head - min(head, cursor.rawValue)
    }
}

/// The table of all webhook subscriptions: the registry on shard 0 changes it, whoever answers the API reads it.
final class SubscriptionDirectory: Sendable {
    /// In boxes: a third of a table's places and more are empty.
    private let entries = Mutex<[String: Shared<SubscriptionEntry>]>([:])

    /// No subscriptions.
    init() {}

    /// All of them, in no order. Any thread.
    var all: [SubscriptionEntry] { entries.withLock { $0.values.map(\.wrappedValue) } }

    /// How many there are. Any thread.
    var count: Int { entries.withLock { $0.count } }

    /// The one called `id`. Any thread.
    subscript(_ id: String) -> SubscriptionEntry? { entries.withLock { $0[id]?.wrappedValue } }

    /// Adds or replaces one. The registry only.
    func set(_ entry: SubscriptionEntry) { entries.withLock { $0[entry.id] = Shared(entry) } }

    /// Removes one. The registry only.
    func remove(_ id: String) { entries.withLock { $0[id] = nil } }
}
