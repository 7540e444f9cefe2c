import FanfareBase
import FanfareLoad
import FanfareServer
import FanfareWire
import Glibc

/// The course of a run on its loop: subscriptions, sockets, then events at their times, then the wait for the last delivery.
final class BenchRun {
    /// Milliseconds without a new socket after which the audience counts as not to be had.
    private static let connectMillisecondsMax: UInt64 = 10_000
    /// Milliseconds without a new delivery after which what is missing counts as lost: longer than a webhook's first retries.
    private static let silenceMillisecondsMax: UInt64 = 10_000
    /// Milliseconds for what may come twice.
    private static let afterMilliseconds = 500
    private static let tickMilliseconds = 5
    /// Sockets from which on it is told what one takes: of fewer it is mostly the service's own first pages.
    private static let weighedSocketsMin = 100
    private static let progressMilliseconds = 200
    /// Milliseconds between the last preparation and the first event.
    private static let leadMilliseconds = 100
    /// Events of one connection without an answer beyond which an overload withholds more: the service takes no more.
    private static let overloadOutstandingMax = 1024
    /// The same in bytes: far less than a connection may have waiting.
    private static let overloadBytesMax = 16 << 20

    /// What a run measured besides deliveries.
    struct Measures {
        /// From the intended send to the acknowledgement, in nanoseconds.
        var acknowledged = Histogram()
        /// From the intended send to the real one: how late the load itself was.
        var sendDelay = Histogram()
        /// Seconds from the first intended send to the last delivery.
        var seconds = 0.0
        /// Seconds from the first intended send until nothing more was waited for.
        var watchedSeconds = 0.0
        /// Seconds of CPU that the service used meanwhile; nil when it is not ours.
        var serviceCPU: Double?
        /// Seconds of CPU that the load used meanwhile.
        var loadCPU = 0.0
        /// Seconds of CPU that everything on the machine used meanwhile, and that its host took; nil when it does not tell.
        var machineCPU: Double?
        /// Cores that others on the machine used on average; 0 when that is not known, since it is one of them that is measured.
        var foreignCores: Double {
            guard let machineCPU, let serviceCPU, watchedSeconds > 0 else { return 0 }
            return max(0, machineCPU - serviceCPU - loadCPU) / watchedSeconds
        }
        /// Resident bytes that each socket added to the service; nil when it is not ours or has no sockets.
        var bytesPerSocket: Int?
        /// Where the service spent the time, all events together; nil when it does not tell.
        var stages: StageTimes?
    }

    private let loop: ClientLoop
    private let plan: BenchPlan
    private let audience: BenchAudience
    private let targets: BenchTargets
    private let service: BenchService?
    private let progress = ProgressLine(tellsFiles: true)
    private var clients: [HTTPClient] = []
    /// Clients whose connection was refused, and no other answered since.
    private var refusedClients: Set<Int> = []
    private var request: BenchRequest
    private var next = 0
    private var outcomes: BenchOutcomes { audience.outcomes }
    private var lastChange: (count: Int, at: MonotonicTime) = (0, MonotonicTime(nanoseconds: 0))
    private var failure: CommandFailure?
    private var isPublishing = false
    private var isOver = false
    /// What it measured.
    private(set) var measures = Measures()

    init(
        _ loop: ClientLoop, _ plan: BenchPlan, _ audience: BenchAudience, _ targets: BenchTargets,
        _ service: BenchService?
    ) {
        self.loop = loop
        self.plan = plan
        self.audience = audience
        self.targets = targets
        self.service = service
        request = BenchRequest(plan, targets.publish)
        clients = (0..<plan.profile.publish.connections).map { _ in
            HTTPClient(loop, targets.publish) { [weak self] tag, outcome in self?.answered(Int(tag), outcome) }
        }
    }

    /// Runs from the first socket to the last delivery.
    func run() throws(CommandFailure) {
        // Weak, as all below: when the run ends early, the loop is still used for others.
        loop.onInterrupt = { [weak self] in self?.interrupted() }
        let before = service?.usage
        lastChange = (0, Clock.monotonic)
        // In the loop: without sockets it stops the loop at once, which must be running.
        loop.after(milliseconds: 0) { [weak self] in self?.awaitAudience() }
        loop.run()
        if failure == nil {
            if let before, let after = service?.usage, audience.socketCount >= Self.weighedSocketsMin {
                measures.bytesPerSocket = (after.residentBytes - before.residentBytes) / audience.socketCount
            }
            publishEverything()
        }
        progress.finish()
        if let failure { throw failure }
    }

    /// What has been sent is still waited for and reported, unless nothing has been, or it is the second time.
    private func interrupted() {
        guard isPublishing, next > 0, outcomes.unsentCount == 0, next < plan.offsets.count else {
            return end(.interrupted)
        }
        outcomes.interrupted(before: next)
        audience.settle()
    }

    private func awaitAudience() {
        if let words = audience.failure { return end(.unavailable(words)) }
        if audience.connectSome() { return end(nil) }
        progress.show("\(audience.begunCount) of \(audience.socketCount) sockets are subscribed")
        guard !isSilent(audience.begunCount, Self.connectMillisecondsMax) else {
            return end(.unavailable("only \(audience.begunCount) of \(audience.socketCount) sockets could subscribe"))
        }
        loop.after(milliseconds: Self.tickMilliseconds) { [weak self] in self?.awaitAudience() }
    }

    private func publishEverything() {
        let serviceBefore = service?.usage
        let loadBefore = Self.processCPU
        let machineBefore = BenchMachine.busySeconds
        plan.startedAt = Clock.monotonic.advanced(byMilliseconds: Self.leadMilliseconds)
        lastChange = (0, plan.startedAt)
        loop.exactly(at: plan.startedAt) { [weak self] in
            self?.audience.start()
            self?.publish()
        }
        noteCPU(atEndOf: 0)
        isPublishing = true
        watch()
        loop.run()
        isPublishing = false
        isOver = true
        measures.loadCPU = Self.processCPU - loadBefore
        if let machineBefore, let after = BenchMachine.busySeconds { measures.machineCPU = after - machineBefore }
        if let serviceBefore, let after = service?.usage {
            measures.serviceCPU = after.cpuSeconds - serviceBefore.cpuSeconds
        }
        // What comes after the last event's time and the last delivery is waiting for what may come twice.
        let published = outcomes.unsentCount > 0 ? plan.offsets[max(0, next - 1)] : plan.publishNanoseconds
        let delivered = audience.lastDeliveryAt?.nanoseconds(since: plan.startedAt) ?? 0
        audience.series.ended(at: max(published, delivered))
        measures.watchedSeconds = Double(elapsed) / 1e9
    }

    /// Nanoseconds since the beginning.
    private var elapsed: UInt64 { Clock.monotonic.nanoseconds(since: plan.startedAt) }

    /// Notes what the service has used until the end of so many intervals, and goes on with the next.
    private func noteCPU(atEndOf count: Int) {
        guard service != nil, count <= audience.series.countMax else { return }
        let offset = UInt64(count) * audience.series.intervalNanoseconds
        loop.at(plan.startedAt.advanced(byNanoseconds: Int(offset))) { [weak self] in
            guard let self, !isOver, let usage = service?.usage else { return }
            audience.series.noteCPU(total: usage.cpuSeconds, at: elapsed)
            noteCPU(atEndOf: count + 1)
        }
    }

    /// Sends every event whose time has come.
    private func publish() {
        guard outcomes.unsentCount == 0 else { return }
        let now = Clock.monotonic
        while next < plan.offsets.count, plan.intended(next) <= now {
            if next >= plan.measuredFrom { measures.sendDelay.record(now.nanoseconds(since: plan.intended(next))) }
            audience.series.published(at: now.nanoseconds(since: plan.startedAt))
            let client = clients[next % clients.count]
            if plan.profile.publish.isOverload, client.outstandingCount >= overloadOutstanding {
                outcomes.withheld(next)
            } else if !client.send(request.bytes(next), tag: UInt64(next)) {
                let limit = LoadLimits.requestsOutstandingMax
                return end(.unavailable("the service is overloaded: \(limit) requests of one connection wait"))
            }
            next += 1
            outcomes.sentCount = next
        }
        guard next < plan.offsets.count else { return audience.settle() }
        loop.exactly(at: plan.intended(next)) { [weak self] in self?.publish() }
    }

    /// Events of one connection without an answer beyond which an overload withholds more.
    private var overloadOutstanding: Int {
        max(1, min(Self.overloadOutstandingMax, Self.overloadBytesMax / plan.profile.events.bytes))
    }

    private func answered(_ number: Int, _ outcome: HTTPClient.Outcome) {
        if plan.profile.publish.isOverload, isRefusal(outcome, client: number % clients.count) {
            return outcomes.refused(number)
        }
        if let failure = outcome.publishFailure { return end(failure) }
        guard case .response(let response) = outcome,
            outcomes.accepted(number, { AcceptedEvent.sequence(in: response.body) })
        else { return end(.unavailable("the service does not say where an event is in the log")) }
        guard number >= plan.measuredFrom else { return }
        measures.acknowledged.record(Clock.monotonic.nanoseconds(since: plan.intended(number)))
    }

    /// Whether the service takes no more for now: it says so, or has said so and ended the connection with requests unread.
    /// One that does not even take connections is not there.
    private func isRefusal(_ outcome: HTTPClient.Outcome, client: Int) -> Bool {
        if case .unreachable = outcome { return false }
        guard case .response(let response) = outcome else { return refusedClients.contains(client) }
        guard [429, 503].contains(response.status) else {
            refusedClients.remove(client)
            return false
        }
        if !response.keepAlive { refusedClients.insert(client) }
        return true
    }

    /// Shows how it goes, and ends when everything has come or nothing comes any more.
    private func watch() {
        if let words = audience.failure ?? service?.endWords { return end(.unavailable(words)) }
        progress.show(
            "published \(next) of \(plan.offsets.count), delivered \(audience.delivered) of \(audience.expected)")
        let isSilent = isSilent(audience.delivered + outcomes.settledCount, Self.silenceMillisecondsMax)
        let isPublished = outcomes.settledCount == plan.offsets.count
        let lastAt = audience.lastDeliveryAt ?? lastChange.at
        measures.seconds = Double(lastAt.nanoseconds(since: plan.startedAt)) / 1e9
        if isPublished, audience.isComplete {
            // Of the interval in which it ends.
            if let service { audience.series.noteCPU(total: service.usage.cpuSeconds, at: elapsed) }
            isOver = true
            loop.after(milliseconds: Self.afterMilliseconds) { [weak self] in self?.end(nil) }
        } else if isSilent {
            end(isPublished ? nil : .unavailable("the service no longer acknowledges events"))
        } else {
            loop.after(milliseconds: Self.progressMilliseconds) { [weak self] in self?.watch() }
        }
    }

    /// Whether `count` has been the same for so many milliseconds.
    private func isSilent(_ count: Int, _ milliseconds: UInt64) -> Bool {
        let now = Clock.monotonic
        if count != lastChange.count { lastChange = (count, now) }
        return now.nanoseconds(since: lastChange.at) >= milliseconds * 1_000_000
    }

    private func end(_ failure: CommandFailure?) {
        if self.failure == nil { self.failure = failure }
        loop.stop()
    }

    private static var processCPU: Double {
        var time = timespec()
        unsafe clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}
