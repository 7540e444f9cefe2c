import FanfareBase
import FanfareLog
import FanfareRing
import Synchronization

/// What all shards of a service share: settled at start, read from every thread.
package final class ServiceContext: Sendable {
    /// What the service may be asked for at present.
    package enum State: Int, Sendable {
        /// Everything.
        case serving = 0
        /// Connections are being sent away.
        case draining = 1
        /// Over: the threads end.
        case stopped = 2
    }

    /// As read at start.
    package let configuration: Configuration
    /// The log's identity and keys.
    let identity: LogIdentity
    /// The log's segments.
    let catalog: SegmentCatalog
    /// The last committed number when the service started.
    let headAtStart: SequenceNumber
    /// Per shard.
    let metrics: [ShardMetrics]
    /// Between shards.
    let mail: Mail
    /// From other threads, per shard.
    let inboxes: [ThreadInbox]
    /// The webhook subscriptions and what they are doing.
    let subscriptions = SubscriptionDirectory()
    /// Where administration may block.
    let worker = AdminWorker(jobsMax: Limits.adminJobsMax)
    /// Where JSON Web Tokens are verified.
    package let tokenWorker = AdminWorker(jobsMax: Limits.tokensWaitingMax)
    /// The configuration file that was named; nil when none was. A reload reads it again.
    let configurationPath: String?
    /// How many clients there are.
    let admission: Admission
    /// How memory is shared out.
    let memory: MemoryPlan
    /// Where the other end of an accepted socket is; nil for a Unix socket.
    let peer: @Sendable (Int32) -> IPAddress?
    /// What the other end of a socket says that it took; nil where that cannot be asked.
    let acknowledged: @Sendable (Int32) -> PeerAcknowledgement?
    /// Makes signing secrets.
    let secrets: SecretSource
    /// Turns names of endpoints into addresses.
    let resolver = Resolver()
    /// When the service started.
    let startedAt: WallTime
    /// Private webhook addresses, plain HTTP and short retries are fine.
    let isDevelopment: Bool

    private let stateValue = Atomic<Int>(State.serving.rawValue)
    private let acceptingValue = Atomic<Bool>(true)
    private let shardsDrained = Atomic<Int>(0)
    private let journalFullValue = Atomic<Bool>(false)
    private let failureValue = Mutex<LogFailure?>(nil)
    private let reports: @Sendable (String) -> Void

    init(
        configuration: Configuration, identity: LogIdentity, catalog: SegmentCatalog, shards: Int, startedAt: WallTime,
        isDevelopment: Bool, configurationPath: String?, inboxes: [ThreadInbox],
        secrets: SecretSource, peer: @escaping @Sendable (Int32) -> IPAddress? = { _ in nil },
        acknowledged: @escaping @Sendable (Int32) -> PeerAcknowledgement? = { _ in nil },
        report: @escaping @Sendable (String) -> Void
    ) {
        self.configuration = configuration
        self.identity = identity
        self.catalog = catalog
        headAtStart = catalog.head
        metrics = (0..<shards).map { _ in ShardMetrics() }
        mail = Mail(shards: shards)
        self.inboxes = inboxes
        self.secrets = secrets
        self.peer = peer
        self.acknowledged = acknowledged
        admission = Admission(
            connectionsMax: configuration.limits.connections,
            perAddressMax: configuration.limits.connectionsPerAddress)
        memory = MemoryPlan(configuration.limits, shards: shards)
        self.startedAt = startedAt
        self.isDevelopment = isDevelopment
        self.configurationPath = configurationPath
        reports = report
    }

    /// How many shards there are.
    var shardCount: Int { metrics.count }
    /// Connections a shard's table has room for: each may hold all clients, since the kernel spreads them unevenly, and
    /// some that are turned away, and those to endpoints.
    var connectionsPerShard: Int {
        configuration.limits.connections + Limits.turnedAwayMax + Limits.endpointConnectionsTotalMax
    }
    /// The log's identity as positions show it.
    package var logID: LogID { identity.log }
    /// The secret of deduplication keys.
    var hashKey: HashKey { identity.deduplicationKey }
    /// The secret of webhook ids.
    var identifierKey: HashKey { identity.webhookKey }

    /// What the service may be asked for at present.
    package var state: State {
        get { State(rawValue: stateValue.load(ordering: .acquiring)) ?? .stopped }
        set { stateValue.store(newValue.rawValue, ordering: .releasing) }
    }

    /// A shard has nothing left to send away.
    func shardHasDrained() {
        shardsDrained.wrappingAdd(1, ordering: .acquiringAndReleasing)
        inboxes[0].post(ShardTask { _ in })
    }
    /// Whether all shards but the log's owner have nothing left to send away.
    var othersHaveDrained: Bool { shardsDrained.load(ordering: .acquiring) >= shardCount - 1 }

    /// Why the service stops, if the disk made it.
    package var failure: LogFailure? { failureValue.withLock { $0 } }

    /// Stops the service because the disk has failed under the log: nothing more may be acknowledged.
    func fail(_ failure: LogFailure) {
        let isFirst = failureValue.withLock { value in
            defer { value = value ?? failure }
            return value == nil
        }
        if isFirst {
            report("stopping: the disk failed under the log: \(failure)")
            stop()
        }
    }

    /// Bytes of the largest body: a batch may hold many events.
    var bodyBytesMax: Int { max(Limits.bodyBytesMax, configuration.limits.eventBytes) }

    /// Whether events can be published: not while the disk is full.
    var isAccepting: Bool {
        get { acceptingValue.load(ordering: .relaxed) }
        set { acceptingValue.store(newValue, ordering: .relaxed) }
    }

    /// Whether the journal waits for the disk: no attempts are begun meanwhile.
    var isJournalFull: Bool {
        get { journalFullValue.load(ordering: .relaxed) }
        set { journalFullValue.store(newValue, ordering: .relaxed) }
    }

    /// Everything is over: the threads end, also those that sleep.
    func stop() {
        state = .stopped
        for inbox in inboxes { inbox.post(ShardTask { _ in }) }
    }

    /// Tells the operator.
    func report(_ message: String) { reports(message) }
}

extension LogIdentity {
    /// The secret of deduplication keys: the first half of the key material.
    var deduplicationKey: HashKey { key(at: 0) }
    /// The secret of webhook ids.
    var webhookKey: HashKey { key(at: 16) }

    private func key(at offset: Int) -> HashKey {
        func word(_ start: Int) -> UInt64 {
            (0..<8).reduce(0) { $0 | UInt64(keyMaterial[start + $1]) << UInt64(8 * $1) }
        }
        return HashKey(low: word(offset), high: word(offset + 8))
    }
}
