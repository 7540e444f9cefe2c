import FanfareBase
import FanfareLog
import FanfareRing
import FanfareTLS
import Glibc
import Synchronization

/// A running Fanfare: opens the log, starts the shards, and ends in an orderly way.
package final class Service: Sendable {
    /// Why a service could not start.
    package struct StartError: Error, CustomStringConvertible {
        /// For a person.
        package var description: String
        /// As sysexits.h has it.
        package var exitCode: Int32

        init(_ description: String, exitCode: Int32) {
            self.description = description
            self.exitCode = exitCode
        }
    }

    /// What all its shards share.
    package let context: ServiceContext
    /// Where it listens.
    package let addresses: [OpenListeners.Address]
    /// What opening the log found.
    package let recovery: RecoveryReport
    private let threads: [ShardThread]
    private let rendezvous: Rendezvous

    /// Starts a service with `loaded`; it listens when this returns.
    ///
    /// - Parameters:
    ///   - path: the configuration file that was named; nil when none was. `reload` reads it again.
    ///   - isDevelopment: private webhook addresses and plain HTTP are fine, retries come soon.
    ///   - progress: called while the log is opened, on the calling thread.
    ///   - report: takes messages for the operator; called from any thread.
    package init(
        _ loaded: LoadedConfiguration, path: String? = nil, isDevelopment: Bool,
        progress: @escaping (RecoveryProgress) -> Void = { _ in }, report: @escaping @Sendable (String) -> Void
    ) throws(StartError) {
        let configuration = loaded.configuration
        try Self.checkKernel()
        let shardCount = Self.shardCount(configuration)
        try Self.checkMemory(configuration)
        DescriptorTable.reserve(configuration.limits.connections + Limits.descriptorsBesideClients)
        var opened = try OpenListeners(configuration, shards: shardCount)
        let now = Clock.turn
        let data = try OpenData(configuration, now.wall, progress: progress)
        recovery = data.report
        if configuration.listeners.contains(where: { $0.tls != nil }) {
            let file = TicketFile(directory: configuration.dataDirectory)
            opened.tickets = file.keys(now: Int(now.wall.seconds), report: report)
        }
        context = ServiceContext(
            configuration: configuration, identity: data.identity, catalog: data.catalog, shards: shardCount,
            startedAt: now.wall, isDevelopment: isDevelopment, configurationPath: path,
            inboxes: try Self.inboxes(shardCount), secrets: .system,
            peer: { SocketAddress.peer(of: $0).flatMap { IPAddress(bytes: Array($0.octets)) } },
            acknowledged: { PeerAcknowledgement(of: $0) }, report: report)
        addresses = opened.addresses
        rendezvous = Rendezvous(count: shardCount)
        var threads: [ShardThread] = []
        let seed = UInt64.random(in: .min ... .max)
        let subscriptions = Handover(loaded.subscriptions)
        for number in 0..<shardCount {
            let builder = ShardBuilder(
                number: number, context: context, seed: seed, listeners: opened,
                data: number == 0 ? data : nil, subscriptions: subscriptions, stopwatch: { Clock.monotonic })
            threads.append(
                ShardThread(
                    ShardThread.Work(
                        number: number, context: context, makeShard: { builder.make($0) }, rendezvous: rendezvous)))
        }
        self.threads = threads
        guard rendezvous.wait() != nil else {
            throw StartError(rendezvous.failure ?? "a shard could not start", exitCode: EX.unavailable)
        }
    }

    private static func shardCount(_ configuration: Configuration) -> Int {
        configuration.shards > 0 ? configuration.shards : Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))
    }

    /// Throws when `limits.memory` is too little for what its shards need on this machine.
    package static func checkMemory(_ configuration: Configuration) throws(StartError) {
        let (limits, shards) = (configuration.limits, shardCount(configuration))
        let plan = MemoryPlan(limits, shards: shards)
        guard !plan.holds else { return }
        let units = QuantityUnits.bytes
        let pools = plan.pools.map { "\($0.name) \($0.bytes >> 10) KiB" }.joined(separator: ", ")
        let needed = MemoryPlan.bytesMin(limits, shards: shards)
        throw StartError(
            "/limits/memory: found \"\(units.text(limits.memoryBytes))\", allowed with \(shards) shards is at least "
                + "\"\(units.text(needed))\" (\(pools))", exitCode: EX.configuration)
    }

    private static func checkKernel() throws(StartError) {
        do throws(RingError) { try KernelFeatures.probe().check() } catch {
            throw StartError("\(error)", exitCode: EX.unavailable)
        }
    }

    /// One inbox per shard.
    static func inboxes(_ count: Int) throws(StartError) -> [ThreadInbox] {
        var inboxes: [ThreadInbox] = []
        for _ in 0..<count {
            do throws(EventDescriptor.CreationError) {
                inboxes.append(ThreadInbox(event: try EventDescriptor()))
            } catch {
                throw StartError("no eventfd: errno \(error.number)", exitCode: EX.unavailable)
            }
        }
        return inboxes
    }

    /// Sends connections away over the configured time, then ends. Any thread; returns at once.
    package func drain() {
        guard context.state == .serving else { return }
        context.state = .draining
        for inbox in context.inboxes { inbox.post(ShardTask { $0.startDrain() }) }
    }

    /// Reads the configuration again and applies what can change while running; tells the operator what came of it. Any
    /// thread; returns at once.
    package func reload() {
        Reload(service: context).start { [context] outcome in context.report(outcome.text) }
    }

    /// Waits until the service has ended.
    package func waitForEnd() {
        rendezvous.waitForEnd()
        for thread in threads { thread.join() }
    }
}

/// Exit codes of sysexits.h.
package enum EX {
    /// Wrong command line.
    package static let usage: Int32 = 64
    /// Input that is not what it should be.
    package static let data: Int32 = 65
    /// Something needed is not there.
    package static let unavailable: Int32 = 69
    /// Something went as it never should.
    package static let software: Int32 = 70
    /// The disk failed.
    package static let io: Int32 = 74
    /// Not allowed.
    package static let permission: Int32 = 77
    /// Wrong configuration.
    package static let configuration: Int32 = 78
}
