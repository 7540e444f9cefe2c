import FanfareBase

/// Whoever stands behind a webhook subscription: answers as its mood says, and notes what it was asked.
final class Endpoint {
    /// How a connection is met.
    enum Welcome { case accepted, refused, silent }

    /// How a request is met.
    enum Manner: CaseIterable {
        case plain, pieces, slow, closing
        case failure, redirect, overload, gone
        case silence, cut, reset
    }

    let plan: WebhookPlan
    let deliveries: DeliveryLedger
    private unowned let machine: any SimulatedMachine
    /// In thousandths: how often it does what is wanted.
    private let health: Int
    private let manners: [Manner]
    private let latency: ClosedRange<Int>
    private var visits: [ObjectIdentifier: EndpointVisit] = [:]
    /// When a connection ended last that it did not say would end: what was to be sent there begins again elsewhere.
    private(set) var disturbedAt: UInt64 = 0

    init(_ plan: WebhookPlan, _ machine: any SimulatedMachine) {
        self.plan = plan
        self.machine = machine
        let dice = machine.dice
        deliveries = DeliveryLedger(plan, machine.ledger)
        health = dice.pick([1_000, 950, 700, 300, 0])
        let chosen = Manner.allCases.filter { $0 != .plain && ($0 == .gone ? dice.perMille(200) : dice.perMille(500)) }
        manners = machine.canary == .lostDisable ? [.gone] : chosen
        latency = 1_000...dice.pick([50_000, 1_000_000, 100_000_000])
    }

    private var isHealthy: Bool { machine.isSettling || machine.dice.perMille(health) }

    /// How the next connection is met.
    func welcome() -> Welcome {
        if isHealthy || machine.dice.perMille(600) { return .accepted }
        deliveries.refuses = true
        return machine.dice.perMille(800) ? .refused : .silent
    }

    /// A connection from the service.
    func visit(dialledAt: UInt64) -> EndpointVisit {
        let visit = EndpointVisit(self, dialledAt: dialledAt)
        visits[ObjectIdentifier(visit)] = visit
        return visit
    }

    func ended(_ visit: EndpointVisit) {
        visits[ObjectIdentifier(visit)] = nil
        disturbedAt = machine.timeline.now
    }

    func bytes(_ visit: EndpointVisit) {
        while true {
            switch WebhookCall.take(from: &visit.input) {
            case .incomplete: return
            case .malformed(let text): return machine.ledger.violation("not a webhook request: \(text)")
            case .call(let call): called(call, visit)
            }
        }
    }

    private func called(_ call: WebhookCall, _ visit: EndpointVisit) {
        var call = call
        let dice = machine.dice
        if machine.canary == .changedID, machine.life > 1 { call.id += "x" }
        let begun = max(visit.dialledAt, visit.answeredAt ?? 0)
        let isFirst = visit.answeredAt == nil
        let limit = UInt64(plan.timeoutMilliseconds) * 1_000_000
        // A request that finds its connection ended by the endpoint goes out again, with the time it had left.
        let isClean = !isFirst || disturbedAt + limit < visit.dialledAt
        // Under way when the service gave the attempt up: later attempts may have overtaken it.
        if visit.link?.serverEnded ?? true { return deliveries.arrivedLate(call) }
        let place = deliveries.arrived(
            call, begunAfter: isClean ? begun : 0, at: machine.timeline.now, in: machine.life)
        let manner = isHealthy || manners.isEmpty ? .plain : dice.pick(manners)
        timeToAnswer(manner, visit) { [weak self] kernel, link in
            guard let self else { return }
            let answer = answer(manner)
            let told: () -> Void = { [weak self, weak visit] in
                guard let self, let visit else { return }
                let now = machine.timeline.now
                visit.answeredAt = now
                guard isClean, now + 20_000_000 < begun + limit else { return }
                deliveries.told(place, answer.status, retryAfter: answer.retryAfter, at: now)
            }
            if let status = answer.status, (200..<300).contains(status) {
                deliveries.said(place, at: machine.timeline.now)
            }
            send(answer, manner, told, kernel, link)
        }
    }

    private func timeToAnswer(
        _ manner: Manner, _ visit: EndpointVisit, _ body: @escaping (SimulatedKernel, Link) -> Void
    ) {
        guard let kernel = machine.kernel else { return }
        let limit = plan.timeoutMilliseconds * 1_000_000
        let time = manner == .slow ? machine.dice.number(0...limit * 3 / 2) : machine.dice.delay(latency)
        machine.timeline.after(machine.isSettling ? min(time, 1_000_000) : time) { [weak kernel, weak visit] in
            guard let kernel, kernel.isAlive, let link = visit?.link else { return }
            body(kernel, link)
        }
    }

    private struct Answer {
        /// Nil when there is none.
        var status: Int?
        var retryAfter: Int?
        var bytes: [UInt8] = []
    }

    private func answer(_ manner: Manner) -> Answer {
        let dice = machine.dice
        var status: Int?
        var headers = ""
        var retryAfter: Int?
        switch manner {
        case .plain, .pieces, .slow: status = dice.pick([200, 200, 204, 201])
        case .closing:
            status = 200
            headers = "connection: close\r\n"
        case .failure: status = dice.pick([500, 400, 404, 502, 504])
        case .redirect:
            status = 302
            headers = "location: http://127.0.0.1:7999/\r\n"
        case .overload:
            status = dice.pick([429, 503])
            retryAfter = dice.number(1...3)
            if machine.canary != .ignoredRetryAfter { headers = "retry-after: \(retryAfter ?? 0)\r\n" }
        case .gone: status = 410
        case .cut: status = dice.pick([200, 500])
        case .silence, .reset: return Answer()
        }
        let body = status == 204 ? "" : "content-length: 2\r\n\r\nok"
        let text = "HTTP/1.1 \(status ?? 0) X\r\n\(headers)\(body.isEmpty ? "\r\n" : body)"
        return Answer(status: status, retryAfter: retryAfter, bytes: Array(text.utf8))
    }

    private func send(
        _ answer: Answer, _ manner: Manner, _ told: @escaping () -> Void, _ kernel: SimulatedKernel, _ link: Link
    ) {
        let bytes = answer.bytes
        switch manner {
        case .silence: break
        case .reset: kernel.reset(link)
        case .cut:
            // Some of the answer, and then nothing: whether the status line has been seen is open.
            kernel.send(Array(bytes[..<machine.dice.number(1...bytes.count - 1)]), on: link)
            if machine.dice.perMille(500) { kernel.end(link) } else { kernel.reset(link) }
        case .pieces:
            let middle = machine.dice.number(1...bytes.count - 1)
            kernel.send(Array(bytes[..<middle]), on: link)
            machine.timeline.after(machine.dice.delay(1_000...5_000_000)) { [weak kernel] in
                kernel?.send(Array(bytes[middle...]), on: link, arrived: told)
            }
        default:
            kernel.send(bytes, on: link, arrived: told)
            if machine.dice.perMille(100), manner != .plain { kernel.end(link) }
        }
    }
}

/// One connection of the service to an endpoint.
final class EndpointVisit: SimulatedClient {
    let endpoint: Endpoint
    /// When the service asked for it.
    let dialledAt: UInt64
    /// When the last answer had arrived; nil before the first.
    var answeredAt: UInt64?
    weak var link: Link?
    var input: [UInt8] = []

    init(_ endpoint: Endpoint, dialledAt: UInt64) {
        self.endpoint = endpoint
        self.dialledAt = dialledAt
    }

    func received(_ bytes: ArraySlice<UInt8>) {
        input += bytes
        endpoint.bytes(self)
    }

    func ended() { endpoint.ended(self) }
}
