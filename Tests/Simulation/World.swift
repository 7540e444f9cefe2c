import FanfareBase
import FanfareLog
import FanfareRing
import FanfareServer

/// What became of a run.
struct Outcome {
    var seed: UInt64
    var violations: [String]
    var digest: UInt64
    var lives: Int
    var acknowledged: Int
    var delivered: Int
    /// Requests that endpoints got.
    var attempts: Int
    /// WebSockets that ended because the log could not be read.
    var sentAway: Int

    /// What to print: the violations, and the line that shows them again.
    var description: String {
        violations.joined(separator: "\n") + "\nseed \(seed); to see it again: make simulate SEEDS=1 FIRST=\(seed)"
    }
}

/// One run: a machine, a service that starts, crashes and comes back on it, and clients that hang on; all from one seed.
@safe final class World: SimulatedMachine {
    let dice: Dice
    let timeline = Timeline()
    let ledger = Ledger()
    let canary: Canary?
    let shardCount: Int
    private(set) var kernel: SimulatedKernel?
    private(set) var isSettling = false
    private let seed: UInt64
    private let disk: SimulatedDisk
    private let configuration: Configuration
    private var service: SteppedService?
    private var deadlines: [UInt64] = []
    private var publishers: [Publisher] = []
    private var subscribers: [Subscriber] = []
    private(set) var life = 0
    private var endpoints: [Endpoint] = []
    private var helper: Operator?
    /// The disk was full or failed in this life.
    private var diskWasBroken = false
    /// A bit of the log reads wrong in this life.
    private var bitIsFlipped = false
    /// What the service told the operator in this life.
    private let reports = Reports()

    init(seed: UInt64, canary: Canary? = nil) {
        self.seed = seed
        self.canary = canary
        dice = Dice(seed: seed)
        disk = SimulatedDisk(dice: dice)
        disk.canary = canary
        shardCount = dice.pick([1, 1, 2, 3])
        var configuration = Configuration()
        configuration.dataDirectory = SimulatedKernel.dataDirectory
        configuration.shards = shardCount
        var stream = Listener.default
        stream.name = "stream"
        stream.protocol = .stream
        configuration.listeners = [.default, stream]
        configuration.topics = [Configuration.TopicRule(match: "written.>", durability: .written)]
        configuration.log.segmentBytes = dice.pick([64 << 10, 128 << 10, 1 << 20])
        if dice.perMille(350) {
            configuration.log.retention.sizeBytes = configuration.log.segmentBytes * dice.pick([1, 2, 4])
            ledger.hasRetention = true
        }
        if dice.perMille(200) {
            configuration.log.retention.ageMilliseconds = dice.pick([1_000, 10_000, 100_000])
            ledger.hasRetention = true
        }
        configuration.limits.connections = 64
        configuration.limits.memoryBytes = 2 << 30
        configuration.webhooks.plainHTTP = true
        configuration.webhooks.privateAddresses = true
        self.configuration = configuration
    }

    /// Runs to the end and checks everything.
    func run() -> Outcome {
        let turns = dice.number(1...4)
        for number in 0...turns where ledger.violations.isEmpty {
            if number > 0 { disk.noteForRollBack() }
            guard start() else { break }
            if number == 0 { populate() }
            if number == turns { settle() } else { live() }
        }
        if ledger.violations.isEmpty { check() }
        // Sends that the last turn asked for point at the service's memory: nothing may outlive it.
        kernel?.die()
        return Outcome(
            seed: seed, violations: ledger.violations, digest: timeline.digest, lives: life,
            acknowledged: ledger.acknowledged, delivered: ledger.delivered,
            attempts: attempts, sentAway: ledger.readersSentAway)
    }

    // MARK: Start and end

    /// Starts the service on what the disk holds; the power may go while it recovers.
    private func start() -> Bool {
        disk.isFull = false
        disk.nextSyncFails = false
        reports.removeAll()
        if life > 0 { checkAtRest() }
        for attempt in 0...3 {
            let changes = attempt < 3 && life > 0 && dice.perMille(400) ? dice.number(0...40) : .max
            let machine = SteppedService.Machine(
                storage: SimulatedStorage(disk: disk, changesLeft: changes),
                directoryDescriptor: SimulatedKernel.directoryDescriptor,
                listenerDescriptors: (0..<shardCount).map {
                    [Self.listener($0, stream: false), Self.listener($0, stream: true)]
                }, random: dice.bytes(LogIdentity.keyMaterialBytes + 4), subscriptions: definitions())
            timeline.wallOffset += UInt64(dice.number(0...2_000_000_000))
            do throws(Service.StartError) {
                let service = try SteppedService(
                    configuration, on: machine, time: timeline.time, seed: dice.next(),
                    report: { [reports, canary] in if canary != .untoldSyncFailure { reports.add($0) } })
                begin(service)
                return true
            } catch {
                guard changes < .max else {
                    ledger.violation("the service does not start: \(error)")
                    return false
                }
                crash(losingPower: dice.perMille(500))
            }
        }
        return false
    }

    /// Checks the directory as `fanfare log verify` does: healthy as any crash leaves it, and damaged at the place where a bit
    /// has flipped.
    private func checkAtRest() {
        guard dice.perMille(300) else { return }
        if canary == nil || canary == .skippedChecksum {
            let report = LogVerifier.verify(SimulatedStorage(disk: disk, changesLeft: .max))
            if !report.isHealthy {
                ledger.violation("verify finds \(report.damage) \(report.errors) where nothing is wrong")
            }
        }
        guard let flip = disk.chooseFlip() else { return }
        disk.apply(flip)
        let report = LogVerifier.verify(SimulatedStorage(disk: disk, changesLeft: .max))
        if !report.damage.contains(where: { $0.file == flip.file && $0.offset == UInt64(flip.batch) }) {
            ledger.violation(
                "verify overlooks a bit flipped at \(flip.offset) of \(flip.file), batch at \(flip.batch): \(report)")
        }
        disk.unflip()
    }

    /// In this life a bit of the log reads wrong: whoever comes to it is sent away, the others do not notice.
    private func flipBit() {
        guard !isSettling, dice.perMille(250), let flip = disk.chooseFlip() else { return }
        disk.apply(flip)
        bitIsFlipped = true
    }

    var mayMisread: Bool { bitIsFlipped || (kernel?.faults.failedRead ?? 0) > 0 }

    private func definitions() -> [SubscriptionDefinition] {
        if endpoints.isEmpty {
            endpoints = (0..<dice.number(0...3)).map { Endpoint(WebhookPlan($0, dice), self) }
        }
        return endpoints.compactMap {
            do { return try $0.plan.definition(canary) } catch {
                ledger.violation("a definition is refused: \(error)")
                return nil
            }
        }
    }

    private func begin(_ service: SteppedService) {
        life += 1
        diskWasBroken = false
        if let sabotage = JournalSabotage(canary) { service.journal?.sabotage = { sabotage.record($0) } }
        self.service = service
        let kernel = SimulatedKernel(
            shards: shardCount, dice: dice, timeline: timeline, disk: disk,
            faults: isSettling ? .none : .chosen(by: dice), violation: { [ledger] in ledger.violation($0) })
        kernel.canary = canary
        for endpoint in endpoints { kernel.endpoints[endpoint.plan.port] = endpoint }
        self.kernel = kernel
        deadlines = Array(repeating: 0, count: shardCount)
        for (number, shard) in service.shards.enumerated() { kernel.submit(shard.operations, shard: number) }
    }

    private func populate() {
        guard let service else { return }
        publishers = (0..<dice.number(1...3)).map { _ in Publisher(self) }
        subscribers = (0..<dice.number(1...6)).map { _ in Subscriber(self, log: service.context.logID) }
    }

    private func crash(losingPower: Bool) {
        if let kernel {
            ledger.crashes.ended(
                life: life, at: timeline.now, losesPower: losingPower,
                diskNanoseconds: kernel.faults.diskNanoseconds.upperBound, wasBroken: diskWasBroken)
        } else if losingPower {
            ledger.crashes.lostPower(after: life)
        }
        kernel?.die()
        kernel = nil
        service = nil
        disk.unflip()
        bitIsFlipped = false
        if losingPower {
            disk.losePower()
            ledger.lostPower()
        }
        ledger.crashed()
        timeline.note(losingPower ? 1 : 0)
    }

    // MARK: A life

    private func live() {
        let longest = endpoints.isEmpty ? 1_500_000_000 : dice.pick([1_500_000_000, 6_000_000_000])
        let end = timeline.now + UInt64(dice.delay(10_000_000...longest))
        planDiskFaults(until: end)
        planClockJumps(until: end)
        flipBit()
        if dice.perMille(150) {
            timeline.at(timeline.now + (end - timeline.now) / 2) { [weak service] in service?.drain() }
        }
        run(until: end) { [self] in service?.context.state == .stopped }
        // A process that found the disk broken ends by itself; the machine goes on, or not.
        crash(losingPower: dice.perMille(canary?.powerLosses ?? 600))
    }

    private func planDiskFaults(until end: UInt64) {
        guard let faults = kernel?.faults else { return }
        let life = Int(end - timeline.now)
        if dice.perMille(faults.fullDisk) {
            diskWasBroken = true
            timeline.after(dice.number(0...life)) { [disk, weak kernel] in
                disk.isFull = kernel?.isAlive ?? false
            }
            timeline.after(dice.number(0...life)) { [disk] in disk.isFull = false }
        }
        if dice.perMille(faults.failedSync) {
            diskWasBroken = true
            timeline.after(dice.number(0...life)) { [disk, weak kernel] in
                if kernel?.isAlive ?? false { disk.nextSyncFails = true }
            }
        }
    }

    /// Somebody sets the clock, forwards or backwards.
    private func planClockJumps(until end: UInt64) {
        guard dice.perMille(300) else { return }
        for _ in 0..<dice.number(1...3) {
            timeline.after(dice.number(0...Int(end - timeline.now))) { [timeline, dice] in
                let jump = UInt64(dice.delay(1_000_000...20_000_000_000))
                if dice.perMille(500) { timeline.wallOffset += jump } else { timeline.wallOffset -= jump }
            }
        }
    }

    /// The last life: no faults, no new events; everyone comes to the end of the log.
    private func settle() {
        isSettling = true
        disk.nextSyncFails = false
        kernel?.faults = .none
        for publisher in publishers { publisher.stop() }
        settleDown()
        let helper = Operator(self)
        self.helper = helper
        // Whoever was sent away by its endpoint goes on, and what was given up on is delivered after all.
        for endpoint in endpoints { enable(endpoint, helper) }
        settleDown()
        for _ in 0..<3 where ledger.violations.isEmpty {
            for endpoint in endpoints { listDeadLetters(endpoint, helper) }
            settleDown()
        }
    }

    /// Until nothing has been delivered for as long as the longest pause of a subscription.
    private func settleDown() {
        var seen = -1
        while ledger.violations.isEmpty, ledger.delivered + attempts != seen {
            seen = ledger.delivered + attempts
            run(until: timeline.now + 320_000_000_000) { false }
        }
    }

    private var attempts: Int { endpoints.reduce(0) { $0 + $1.deliveries.attempts } }

    private func enable(_ endpoint: Endpoint, _ helper: Operator) {
        endpoint.deliveries.operatorActs()
        helper.ask("POST", "/v1/subscriptions/\(endpoint.plan.id)/enable") { [ledger] reply in
            if reply.status != 200 { ledger.violation("enabling was answered \(reply.status) \(reply.body)") }
        }
    }

    private func listDeadLetters(_ endpoint: Endpoint, _ helper: Operator) {
        let id = endpoint.plan.id
        helper.ask("GET", "/v1/dead-letters?subscription=\(id)&limit=1000") { [ledger] reply in
            guard reply.status == 200 else {
                return ledger.violation("dead letters were answered \(reply.status) \(reply.body)")
            }
            let letters = reply.body.split(separator: "{").compactMap { row -> UInt64? in
                SeenEvent.value("position", in: String(row)).flatMap { Position($0)?.sequence.rawValue }
            }
            endpoint.deliveries.gaveUp(letters)
        }
        helper.ask("POST", "/v1/subscriptions/\(id)/redeliver") { [ledger] reply in
            endpoint.deliveries.operatorActs()
            if reply.status != 202 { ledger.violation("redelivery was answered \(reply.status) \(reply.body)") }
        }
    }

    /// Lets shards have their turns, in an order that the dice choose, and time pass.
    private func run(until end: UInt64, orWhen isOver: () -> Bool) {
        guard let kernel, let service else { return }
        var batch = CompletionBatch()
        var turns = 0
        while timeline.now < end, ledger.violations.isEmpty, !isOver() {
            let first = dice.number(0...shardCount - 1)
            var worked = false
            for index in 0..<shardCount {
                let number = (first + index) % shardCount
                let hasMail = service.prepareToSleep(number)
                guard hasMail || kernel.hasCompletions(number) || deadlines[number] <= timeline.now else { continue }
                worked = true
                turn(service, number, kernel, &batch)
            }
            turns += worked ? 1 : 0
            if turns > 3_000_000 { ledger.violation("no end: \(turns) turns in one life") }
            let next = min(timeline.nextTime ?? end, deadlines.min() ?? end, end)
            timeline.advance(to: worked ? timeline.now + UInt64(dice.number(500...30_000)) : max(next, timeline.now))
        }
    }

    private func turn(
        _ service: SteppedService, _ number: Int, _ kernel: SimulatedKernel, _ batch: inout CompletionBatch
    ) {
        service.awake(number)
        let due = kernel.endIsDueAt
        kernel.collect(number, into: &batch)
        let deadline = service.shards[number].turn(batch, time: timeline.time)
        deadlines[number] = deadline?.nanoseconds ?? .max
        kernel.submit(service.shards[number].operations, shard: number)
        if number == 0, let due, timeline.now >= due { checkFailure(service) }
    }

    /// The shard that owns the log knows that a sync has failed: the process ends and says why.
    private func checkFailure(_ service: SteppedService) {
        let isTold = reports.contains("the disk failed under the log")
        if service.context.state != .stopped || service.context.failure == nil || !isTold {
            ledger.violation("a sync failed and the service does not end and say so: it is \(service.context.state)")
        }
    }

    // MARK: The verdict

    private func check() {
        let reader = LogReaderClient(self)
        run(until: timeline.now + 1_200_000_000_000) { reader.isDone }
        guard ledger.violations.isEmpty else { return }
        guard reader.isDone else { return ledger.violation("the log cannot be read to its end") }
        if ledger.hasRetention { ledger.removedThrough = reader.firstGapEnd }
        ledger.check(against: reader.events)
        for subscriber in subscribers { subscriber.check(against: reader.events, ledger) }
        for endpoint in endpoints { endpoint.deliveries.check(against: reader.events, in: life) }
    }
}
