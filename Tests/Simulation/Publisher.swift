import FanfareBase

/// Where clients find the service, and whether it is there.
protocol SimulatedMachine: AnyObject {
    var dice: Dice { get }
    var timeline: Timeline { get }
    var ledger: Ledger { get }
    var canary: Canary? { get }
    /// Nil while no process runs.
    var kernel: SimulatedKernel? { get }
    var shardCount: Int { get }
    /// Which life of the process this is, from 1.
    var life: Int { get }
    /// Publishers have stopped, clients hang on: the run is being brought to its end.
    var isSettling: Bool { get }
    /// Reads of the log may fail, or find a flipped bit, in this life.
    var mayMisread: Bool { get }
}

extension SimulatedMachine {
    static func listener(_ shard: Int, stream: Bool) -> Int32 { Int32(10 + shard * 2 + (stream ? 1 : 0)) }

    func connect(_ client: any SimulatedClient, stream: Bool = false) -> Link? {
        let shard = dice.number(0...shardCount - 1)
        return kernel?.connect(client, listener: Self.listener(shard, stream: stream), shard: shard)
    }
}

/// A whole HTTP answer.
struct HTTPReply {
    var status: Int
    var body: String

    /// Takes one from the front of `bytes`; nil when it is not all there yet.
    static func take(from bytes: inout [UInt8]) -> HTTPReply? {
        guard let head = headEnd(bytes) else { return nil }
        let lines = String(decoding: bytes[..<head], as: UTF8.self).split(separator: "\r\n")
        let status = lines.first.flatMap { Int($0.dropFirst(9).prefix(3)) } ?? 0
        let length =
            lines.first { $0.lowercased().hasPrefix("content-length:") }
            .flatMap { Int($0.dropFirst(15).filter(\.isNumber)) } ?? 0
        guard bytes.count >= head + length else { return nil }
        let body = String(decoding: bytes[head..<head + length], as: UTF8.self)
        bytes.removeFirst(head + length)
        return HTTPReply(status: status, body: body)
    }

    /// Where the empty line ends.
    static func headEnd(_ bytes: [UInt8]) -> Int? {
        guard bytes.count >= 4 else { return nil }
        for end in 4...bytes.count
        where bytes[end - 1] == 10 && bytes[end - 2] == 13 && bytes[end - 3] == 10 && bytes[end - 4] == 13 {
            return end
        }
        return nil
    }
}

/// Publishes over one connection after another, pipelined, and tries again what was left open.
final class Publisher: SimulatedClient {
    /// More events than these show nothing new and take long.
    private static let eventsMax = 12_000

    private unowned let machine: any SimulatedMachine
    private var link: Link?
    private var input: [UInt8] = []
    private var outstanding: [[Int]] = []
    private var again: [[Int]] = []
    private let depth: Int
    private let pause: Int
    private var isStopped = false

    init(_ machine: any SimulatedMachine) {
        self.machine = machine
        depth = machine.dice.perMille(100) ? 300 : machine.dice.pick([1, 2, 4])
        pause = machine.dice.pick([2_000_000, 10_000_000, 50_000_000])
        plan()
    }

    private func plan() {
        machine.timeline.after(machine.dice.delay(1_000...pause)) { [weak self] in
            guard let self, !isStopped else { return }
            step()
            plan()
        }
    }

    /// Publishes no more; what is left open stays open.
    func stop() { isStopped = true }

    private func step() {
        guard let kernel = machine.kernel, !machine.isSettling else { return }
        if link == nil { link = machine.connect(self) }
        guard let link else { return }
        let count = depth > 100 && machine.dice.perMille(100) ? 150 : 1
        if machine.ledger.eventCount > Self.eventsMax { return }
        for _ in 0..<count where outstanding.count < depth {
            let numbers = again.popLast() ?? makeEvents()
            outstanding.append(numbers)
            kernel.send(request(numbers), on: link)
        }
    }

    private func makeEvents() -> [Int] {
        let first = machine.ledger.make(machine.dice)
        guard machine.dice.perMille(200) else { return [first.number] }
        let others = (0..<machine.dice.number(1...4)).map { _ in
            machine.ledger.make(machine.dice, topic: first.topic).number
        }
        return [first.number] + others
    }

    private func request(_ numbers: [Int]) -> [UInt8] {
        let events = numbers.map { machine.ledger.event($0) }
        let isBatch = events.count > 1
        let body = isBatch ? "[\(events.map(\.json).joined(separator: ","))]" : events[0].json
        let head =
            "POST /v1/events?topic=\(events[0].topic) HTTP/1.1\r\nhost: localhost\r\n"
            + "content-type: application/cloudevents\(isBatch ? "-batch" : "")+json\r\ncontent-length: \(body.utf8.count)\r\n\r\n"
        return Array((head + body).utf8)
    }

    func received(_ bytes: ArraySlice<UInt8>) {
        input += bytes
        while let reply = HTTPReply.take(from: &input) {
            // A service that drains says so to idle connections, too; what was under way is left open.
            if reply.status == 408 { return ended() }
            guard !outstanding.isEmpty else {
                return machine.ledger.violation(
                    "an answer nobody asked for on \(link?.descriptor ?? -1), depth \(depth), at \(machine.timeline.now): \(reply)"
                )
            }
            answered(outstanding.removeFirst(), reply)
        }
    }

    private func answered(_ numbers: [Int], _ reply: HTTPReply) {
        let isRefused = reply.status == 503 && !reply.body.contains("log-failed")
        switch reply.status {
        case 202: accepted(numbers, reply.body)
        case 503 where machine.canary == .falseAcceptance: numbers.forEach { answer($0, .accepted(sequence: nil)) }
        case 503:
            numbers.forEach { answer($0, isRefused ? .refused : .unknown) }
            if machine.dice.perMille(700) { again.append(numbers) }
        default: machine.ledger.violation("publishing was answered \(reply.status) \(reply.body)")
        }
    }

    private func accepted(_ numbers: [Int], _ body: String) {
        if body.contains("\"duplicates\":0") {
            guard let text = SeenEvent.value("first", in: body), let first = Position(text) else {
                return machine.ledger.violation("an acceptance without a position: \(body)")
            }
            for (index, number) in numbers.enumerated() {
                answer(number, .accepted(sequence: first.sequence.rawValue + UInt64(index)))
            }
        } else {
            numbers.forEach { answer($0, .accepted(sequence: nil)) }
        }
    }

    private func answer(_ number: Int, _ answer: Ledger.Answer) { machine.ledger.answered(number, answer) }

    func ended() {
        link = nil
        input = []
        for numbers in outstanding {
            numbers.forEach { answer($0, .unknown) }
            if machine.dice.perMille(700) { again.append(numbers) }
        }
        outstanding = []
    }
}
