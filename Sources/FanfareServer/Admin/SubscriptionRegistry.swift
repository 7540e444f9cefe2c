import FanfareBase
import FanfareLog

/// The definitions of all webhook subscriptions and the journal that keeps what delivery decided. On shard 0.
final class SubscriptionRegistry {
    let journal: Journal
    private let storage: FileStorage

    init(journal: Journal, storage: FileStorage) {
        self.journal = journal
        self.storage = storage
    }

    /// Brings definitions from files and journal together and starts their delivery.
    func start(files: [SubscriptionDefinition], _ shard: Shard) {}
}
