import FanfareBase
import FanfareLog

/// Everything a shard is made from, carried to its thread.
struct ShardBuilder: Sendable {
    /// Which shard.
    let number: Int
    /// What all share.
    let context: ServiceContext
    /// Seed of its random numbers.
    let seed: UInt64
    /// The listening sockets.
    let listeners: OpenListeners
    /// The log and the journal; for shard 0 only.
    let data: OpenData?
    /// The subscriptions of the configuration's files. Taken by shard 0: who made the builder holds it for long.
    let subscriptions: Handover<[SubscriptionDefinition]>
    /// Tells the time within a turn; nil where time stands still in one.
    var stopwatch: (@Sendable () -> MonotonicTime)?

    /// Builds the shard; on its thread.
    func make(_ time: TurnTime) -> Shard {
        let shard = Shard(number: number, service: context, time: time, seed: seed, stopwatch: stopwatch)
        do throws(Service.StartError) {
            shard.listeners = try listeners.make(shard: number)
        } catch {
            // The same files were read a moment ago on the main thread.
            context.report("shard \(number): \(error)")
        }
        if let data {
            let parts = data.take()
            shard.logOwner = LogOwner(
                writer: parts.writer, directory: DataDirectory(path: data.path, descriptor: data.descriptor),
                rules: DurabilityRules(context.configuration.topics))
            shard.registry = SubscriptionRegistry(journal: parts.journal, storage: parts.storage)
            shard.registry?.start(files: subscriptions.take() ?? [], shard)
        }
        return shard
    }
}
