import FanfareBase
import FanfareLog
import FanfareRing

/// A service without threads, rings, sockets or files of its own: the same shards, stepped one turn at a time by whoever
/// made it, who also carries out their operations. What the simulator runs.
///
/// One thread. Everything a shard sees comes in through `turn`, so the same steps give the same run.
package final class SteppedService {
    /// What the machine has for the service.
    package struct Machine {
        /// The data directory, for opening the log; operations name its files by the configuration's path.
        package var storage: any LogStorage
        /// What operations call the data directory when they sync it.
        package var directoryDescriptor: Int32
        /// The listening sockets, by shard and by listener of the configuration; as many rows as there are shards.
        package var listenerDescriptors: [[Int32]]
        /// The keys of a new log are made of these: `LogIdentity.keyMaterialBytes + 4` at least.
        package var random: [UInt8]
        /// The webhook subscriptions of the configuration's files.
        package var subscriptions: [SubscriptionDefinition]
        /// What the other end of a connection says that it took; nil where that cannot be asked.
        package var acknowledged: @Sendable (Int32) -> PeerAcknowledgement? = { _ in nil }

        /// A machine with these parts.
        package init(
            storage: any LogStorage, directoryDescriptor: Int32, listenerDescriptors: [[Int32]], random: [UInt8],
            subscriptions: [SubscriptionDefinition] = []
        ) {
            self.storage = storage
            self.directoryDescriptor = directoryDescriptor
            self.listenerDescriptors = listenerDescriptors
            self.random = random
            self.subscriptions = subscriptions
        }
    }

    /// What all its shards share.
    package let context: ServiceContext
    /// Its shards; the first owns the log.
    package let shards: [Shard]
    /// What opening the log found.
    package let recovery: RecoveryReport

    /// Opens the log and builds the shards; their first operations are queued when this returns.
    package init(
        _ configuration: Configuration, on machine: Machine, time: TurnTime, seed: UInt64,
        report: @escaping @Sendable (String) -> Void
    ) throws(Service.StartError) {
        let count = machine.listenerDescriptors.count
        let data = try OpenData(
            configuration, storage: machine.storage, descriptor: machine.directoryDescriptor, time.wall,
            random: machine.random)
        recovery = data.report
        context = ServiceContext(
            configuration: configuration, identity: data.identity, catalog: data.catalog, shards: count,
            startedAt: time.wall, isDevelopment: true, configurationPath: nil, inboxes: try Service.inboxes(count),
            secrets: SecretSource(SeededRandom(seed: ~seed)), acknowledged: machine.acknowledged, report: report)
        let listeners = OpenListeners(configuration, descriptors: machine.listenerDescriptors)
        shards = (0..<count).map { [context] number in
            let builder = ShardBuilder(
                number: number, context: context, seed: seed, listeners: listeners, data: number == 0 ? data : nil,
                subscriptions: Handover(machine.subscriptions))
            return builder.make(time)
        }
        for shard in shards { shard.start() }
    }

    /// The log's writer: for those who break it on purpose.
    package var logWriter: LogWriter? { shards.first?.logOwner?.writer }

    /// The journal: for those who break it on purpose.
    package var journal: Journal? { shards.first?.registry?.journal }

    /// Whether `shard`, before it sleeps, has mail to look at. From here on others wake it.
    package func prepareToSleep(_ shard: Int) -> Bool {
        context.mail.flag(of: shard).prepareToSleep()
        return context.mail.hasMail(for: shard)
    }

    /// `shard` does not sleep any more.
    package func awake(_ shard: Int) { context.mail.flag(of: shard).awake() }

    /// Sends connections away and ends in an orderly way.
    package func drain() {
        context.state = .draining
        for inbox in context.inboxes { inbox.post(ShardTask { $0.startDrain() }) }
    }
}
