import FanfareBase
import FanfareLog
import Synchronization

/// One webhook subscription as the registry knows it.
struct SubscriptionEntry: Sendable {
    /// Where its definition is kept.
    enum Origin: Sendable, Hashable {
        /// The journal; the API changes it.
        case api
        /// A file; nil when the file has gone.
        case file(String?)
    }

    /// Its number in the journal.
    let number: SubscriptionNumber
    /// Its name.
    let id: String
    /// Where its definition is kept.
    var origin: Origin
    /// Counts replacements.
    var revision: UInt64
    /// What it is, as written; nil when that is not known: its file has gone or its document cannot be read any more.
    var definition: SubscriptionDefinition?
    /// Why nothing is delivered though nobody disabled it; nil when something is.
    var paused: String?
    /// A shard has been given it.
    var isInstalled = false
    /// What it is doing.
    let status: SubscriptionStatus

    /// `active`, `failing`, `disabled` or `paused`.
    var state: String { paused == nil ? status.current.state : "paused" }

    /// Whether `principal` may see and change it. What nobody knows the tenant of is for those who may everything.
    func isManaged(by principal: Principal) -> Bool {
        guard let definition else { return principal.mayManageEverything }
        return principal.mayManage(definition.tenant)
    }
}

/// The table of all webhook subscriptions: the registry on shard 0 changes it, whoever answers the API reads it.
final class SubscriptionDirectory: Sendable {
    private let entries = Mutex<[String: SubscriptionEntry]>([:])

    /// No subscriptions.
    init() {}

    /// All of them, in no order. Any thread.
    var all: [SubscriptionEntry] { entries.withLock { Array($0.values) } }

    /// How many there are. Any thread.
    var count: Int { entries.withLock { $0.count } }

    /// The one called `id`. Any thread.
    subscript(_ id: String) -> SubscriptionEntry? { entries.withLock { $0[id] } }

    /// Adds or replaces one. The registry only.
    func set(_ entry: SubscriptionEntry) { entries.withLock { $0[entry.id] = entry } }

    /// Removes one. The registry only.
    func remove(_ id: String) { entries.withLock { $0[id] = nil } }
}
