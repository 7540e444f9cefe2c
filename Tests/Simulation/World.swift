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
    private var lives = 0

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
        configuration.limits.connections = 64
        configuration.limits.memoryBytes = 64 << 20
        self.configuration = configuration
    }

    /// Runs to the end and checks everything.
    func run() -> Outcome {
        let turns = dice.number(1...4)
        for life in 0...turns where ledger.violations.isEmpty {
            if life > 0 { disk.noteForRollBack() }
            guard start() else { break }
            if life == 0 { populate() }
            if life == turns { settle() } else { live() }
        }
        if ledger.violations.isEmpty { check() }
        // Sends that the last turn asked for point at the service's memory: nothing may outlive it.
        kernel?.die()
        return Outcome(
            seed: seed, violations: ledger.violations, digest: timeline.digest, lives: lives,
            acknowledged: ledger.acknowledged, delivered: ledger.delivered)
    }

    // MARK: Start and end

    /// Starts the service on what the disk holds; the power may go while it recovers.
    private func start() -> Bool {
        disk.isFull = false
        disk.nextSyncFails = false
        for attempt in 0...3 {
            let changes = attempt < 3 && lives > 0 && dice.perMille(400) ? dice.number(0...40) : .max
            let machine = SteppedService.Machine(
                storage: SimulatedStorage(disk: disk, changesLeft: changes),
                directoryDescriptor: SimulatedKernel.directoryDescriptor,
                listenerDescriptors: (0..<shardCount).map {
                    [Self.listener($0, stream: false), Self.listener($0, stream: true)]
                }, random: dice.bytes(LogIdentity.keyMaterialBytes + 4))
            timeline.wallOffset += UInt64(dice.number(0...2_000_000_000))
            do throws(Service.StartError) {
                let service = try SteppedService(
                    configuration, on: machine, time: timeline.time, seed: dice.next(), report: { _ in })
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

    private func begin(_ service: SteppedService) {
        lives += 1
        self.service = service
        let kernel = SimulatedKernel(
            shards: shardCount, dice: dice, timeline: timeline, disk: disk,
            faults: isSettling ? .none : .chosen(by: dice), violation: { [ledger] in ledger.violation($0) })
        kernel.canary = canary
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
        kernel?.die()
        kernel = nil
        service = nil
        if losingPower {
            disk.losePower()
            ledger.lostPower()
        }
        ledger.crashed()
        timeline.note(losingPower ? 1 : 0)
    }

    // MARK: A life

    private func live() {
        let end = timeline.now + UInt64(dice.delay(10_000_000...1_500_000_000))
        planDiskFaults(until: end)
        if dice.perMille(150) {
            timeline.at(timeline.now + (end - timeline.now) / 2) { [weak service] in service?.drain() }
        }
        run(until: end) { [self] in service?.context.state == .stopped }
        // A process that found the disk broken ends by itself; the machine goes on, or not.
        crash(losingPower: dice.perMille(canary == nil ? 600 : 1_000))
    }

    private func planDiskFaults(until end: UInt64) {
        guard let faults = kernel?.faults else { return }
        let life = Int(end - timeline.now)
        if dice.perMille(faults.fullDisk) {
            timeline.after(dice.number(0...life)) { [disk, weak kernel] in
                disk.isFull = kernel?.isAlive ?? false
            }
            timeline.after(dice.number(0...life)) { [disk] in disk.isFull = false }
        }
        if dice.perMille(faults.failedSync) {
            timeline.after(dice.number(0...life)) { [disk, weak kernel] in
                if kernel?.isAlive ?? false { disk.nextSyncFails = true }
            }
        }
    }

    /// The last life: no faults, no new events; everyone comes to the end of the log.
    private func settle() {
        isSettling = true
        disk.nextSyncFails = false
        kernel?.faults = .none
        for publisher in publishers { publisher.stop() }
        run(until: timeline.now + 40_000_000_000) { false }
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
        kernel.collect(number, into: &batch)
        let deadline = service.shards[number].turn(batch, time: timeline.time)
        deadlines[number] = deadline?.nanoseconds ?? .max
        kernel.submit(service.shards[number].operations, shard: number)
    }

    // MARK: The verdict

    private func check() {
        let reader = LogReaderClient(self)
        run(until: timeline.now + 60_000_000_000) { reader.isDone }
        guard ledger.violations.isEmpty else { return }
        guard reader.isDone else { return ledger.violation("the log cannot be read to its end") }
        ledger.check(against: reader.events)
        for subscriber in subscribers { subscriber.check(against: reader.events, ledger) }
    }
}
