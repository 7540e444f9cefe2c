import FanfareBase
import FanfareRing
import FanfareServer
import Synchronization

/// A service of one shard on a machine without faults, where minutes pass as fast as they are stepped.
final class Booth {
    let service: SteppedService
    let kernel: SimulatedKernel
    let acknowledgements = Acknowledgements()
    let timeline = Timeline()
    private let faults = Reports()
    /// Looks at what the service asks in each turn.
    var watch: ((OperationQueue) -> Void)?
    /// What a turn takes; none, and time passes only while nothing completes.
    var turnNanoseconds: UInt64 = 0
    private var batch = CompletionBatch()
    private var due: UInt64?
    /// Links do not keep their clients.
    private var visitors: [Visitor] = []

    var violations: [String] { faults.all }
    var now: UInt64 { timeline.now }

    init(_ change: (inout Configuration) -> Void = { _ in }) throws {
        let dice = Dice(seed: 1)
        let disk = SimulatedDisk(dice: dice)
        var configuration = Configuration()
        configuration.dataDirectory = SimulatedKernel.dataDirectory
        configuration.shards = 1
        var stream = Listener.default
        stream.name = "stream"
        stream.protocol = .stream
        configuration.listeners = [.default, stream]
        change(&configuration)
        var machine = SteppedService.Machine(
            storage: SimulatedStorage(disk: disk, changesLeft: .max),
            directoryDescriptor: SimulatedKernel.directoryDescriptor,
            listenerDescriptors: [configuration.listeners.indices.map { Int32(10 + $0) }],
            random: dice.bytes(128))
        machine.acknowledged = { [acknowledgements] in acknowledgements.of($0) }
        service = try SteppedService(configuration, on: machine, time: timeline.time, seed: 1, report: { _ in })
        kernel = SimulatedKernel(
            shards: 1, dice: dice, timeline: timeline, disk: disk, faults: .none, buffersPerShard: 256,
            violation: { [faults] in faults.add($0) })
        kernel.acknowledgements = acknowledgements
        kernel.submit(service.shards[0].operations, shard: 0)
    }

    deinit { kernel.die() }

    /// Someone comes and says `hello`; to the listener of the stream protocol or to that of HTTP.
    func enter(stream: Bool = false, _ hello: String) -> (visitor: Visitor, link: Link) {
        let visitor = Visitor()
        visitors.append(visitor)
        let link = kernel.connect(visitor, listener: stream ? 11 : 10, shard: 0)
        if !hello.isEmpty { kernel.send(Array(hello.utf8), on: link) }
        return (visitor, link)
    }

    /// Lets so much time pass.
    func pass(seconds: Int) {
        let end = timeline.now + UInt64(seconds) * 1_000_000_000
        step(until: { timeline.now >= end }, noLaterThan: end)
    }

    /// Lets time pass until `isOver`; false when it is not after an hour.
    @discardableResult
    func step(until isOver: () -> Bool) -> Bool {
        let end = timeline.now + 3_600_000_000_000
        step(until: { isOver() || timeline.now >= end }, noLaterThan: end)
        return isOver()
    }

    private func step(until isOver: () -> Bool, noLaterThan end: UInt64) {
        while !isOver() {
            _ = service.prepareToSleep(0)
            service.awake(0)
            kernel.collect(0, into: &batch)
            acknowledgements.now = timeline.now
            due = service.shards[0].turn(batch, time: timeline.time)?.nanoseconds
            watch?(service.shards[0].operations)
            kernel.submit(service.shards[0].operations, shard: 0)
            if turnNanoseconds > 0 { timeline.advance(to: timeline.now + turnNanoseconds) }
            if kernel.hasCompletions(0) { continue }
            let next = min(due ?? end, timeline.nextTime ?? end, end)
            timeline.advance(to: max(next, timeline.now + 1_000))
        }
    }
}

/// A client that keeps what it is told.
final class Visitor: SimulatedClient {
    private(set) var heard: [UInt8] = []
    private(set) var isOver = false

    /// What it was told, as text.
    var text: String { String(decoding: heard, as: UTF8.self) }

    func received(_ bytes: ArraySlice<UInt8>) { heard += bytes }
    func ended() { isOver = true }
}

/// What clients' kernels have acknowledged, as the service's kernel tells of it.
final class Acknowledgements: Sendable {
    private struct State {
        var now: UInt64 = 0
        var taken: [Int32: (bytes: UInt64, at: UInt64)] = [:]
    }

    private let state = Mutex(State())

    /// The time by which it tells how long ago things were.
    var now: UInt64 {
        get { state.withLock { $0.now } }
        set { state.withLock { $0.now = newValue } }
    }

    /// A client's kernel has taken so many more bytes; none when it only answers a probe.
    func took(_ count: Int, on descriptor: Int32, at moment: UInt64) {
        state.withLock {
            let before = $0.taken[descriptor]?.bytes ?? 0
            $0.taken[descriptor] = (before + UInt64(count), moment)
        }
    }

    /// When the client of a connection last took something.
    func last(on descriptor: Int32) -> UInt64? { state.withLock { $0.taken[descriptor]?.at } }

    func of(_ descriptor: Int32) -> PeerAcknowledgement {
        state.withLock { state in
            guard let taken = state.taken[descriptor] else { return PeerAcknowledgement(bytes: 0, millisecondsAgo: 0) }
            let age = (state.now - min(state.now, taken.at)) / 1_000_000
            return PeerAcknowledgement(bytes: taken.bytes, millisecondsAgo: UInt32(age))
        }
    }
}
