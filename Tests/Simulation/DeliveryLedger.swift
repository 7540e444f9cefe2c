/// The independent model of one webhook subscription: what its endpoint was asked and answered, and what must follow.
///
/// An answer counts as *told* when all of it reached the service in time. What was told, and is old enough when the
/// process ends (`CrashRecord.keeps`), must not be asked again; an attempt's number never goes back.
final class DeliveryLedger {
    /// One request that arrived.
    private struct Attempt {
        var number: Int
        var time: UInt64
        var life: Int
        /// The status, and when the service had all of it.
        var told: (status: Int, time: UInt64)?
    }

    /// A delivery: an event under one `webhook-id`.
    private struct Delivery {
        var event: Int
        var attempts: [Attempt] = []
        /// A 2xx was sent, whether or not it arrived.
        var saidAt: UInt64?
        /// From here on it is delivered again because the operator asked for it.
        var redelivered = false
    }

    /// Which request an answer belongs to.
    struct Place {
        fileprivate var id: String
        fileprivate var index: Int
    }

    private let plan: WebhookPlan
    private let ledger: Ledger
    private var deliveries: [String: Delivery] = [:]
    /// The identifiers of an event; one, unless it was lost and published again.
    private var ids: [Int: [String]] = [:]
    /// In which order events came for the first time.
    private var firstArrivals: [(event: Int, time: UInt64, life: Int)] = []
    /// Connections were refused: attempts may have been made that nobody saw.
    var refuses = false
    private var goneAt: (time: UInt64, life: Int)?
    private var pause: (from: UInt64, until: UInt64, life: Int)?
    /// Numbers given up on at some time, as the API told.
    private(set) var everGivenUp: Set<UInt64> = []
    private(set) var attempts = 0

    init(_ plan: WebhookPlan, _ ledger: Ledger) {
        self.plan = plan
        self.ledger = ledger
    }

    private func violation(_ text: String) { ledger.violation("\(plan.id): \(text)") }

    // MARK: What happens

    /// A request arrived whose attempt was begun after `begun` (no earlier than its connection, or the answer before it).
    func arrived(_ call: WebhookCall, begunAfter begun: UInt64, at time: UInt64, in life: Int) -> Place {
        attempts += 1
        checkContent(call)
        checkPauses(call, begun, time, life)
        var delivery = deliveries[call.id] ?? Delivery(event: call.event)
        if delivery.attempts.isEmpty { firstArrivals.append((call.event, time, life)) }
        if delivery.event != call.event { violation("\(call.id) is e\(delivery.event) and e\(call.event)") }
        if !delivery.redelivered {
            for earlier in delivery.attempts { check(call, after: earlier, time, life) }
            if call.attempt > plan.attemptsMax {
                violation("e\(call.event): attempt \(call.attempt) of \(plan.attemptsMax)")
            }
        }
        delivery.attempts.append(Attempt(number: call.attempt, time: time, life: life))
        deliveries[call.id] = delivery
        return Place(id: call.id, index: delivery.attempts.count - 1)
    }

    /// A request arrived that the service had given up on.
    func arrivedLate(_ call: WebhookCall) {
        attempts += 1
        checkContent(call)
    }

    private func checkContent(_ call: WebhookCall) {
        guard call.event < ledger.eventCount else { return violation("e\(call.event) was never published") }
        let event = ledger.event(call.event)
        if event.topic != call.topic || event.padding != call.padding || !call.isWhole {
            violation("e\(call.event) is not what was published")
        }
        if !plan.wants(call.topic) { violation("of \(plan.patterns), got an event on \(call.topic)") }
        ledger.named(call.event, call.id)
        if ids[call.event, default: []].contains(call.id) { return }
        ids[call.event, default: []].append(call.id)
    }

    private func checkPauses(_ call: WebhookCall, _ begun: UInt64, _ time: UInt64, _ life: Int) {
        if let goneAt {
            let isLate =
                life == goneAt.life
                ? begun > goneAt.time + Self.slack : ledger.crashes.keeps(goneAt.time, of: goneAt.life)
            if isLate { violation("e\(call.event) came after the endpoint had said 410") }
        }
        if let pause, pause.life == life, begun > pause.from + Self.slack, time < pause.until {
            violation("e\(call.event) came \((pause.until - time) / 1_000_000) ms before Retry-After had passed")
        }
    }

    /// From an answer's arrival to when the service has acted on it, at most: turns, and receive buffers that ran out.
    private static let slack: UInt64 = 50_000_000

    private func check(_ call: WebhookCall, after earlier: Attempt, _ time: UInt64, _ life: Int) {
        let isKnown = life == earlier.life || ledger.crashes.keeps(earlier.time, of: earlier.life)
        var least = isKnown ? earlier.number : 0
        if let told = earlier.told, life == earlier.life || ledger.crashes.keeps(told.time, of: earlier.life) {
            if (200..<300).contains(told.status) {
                violation(
                    "e\(call.event) came again, attempt \(call.attempt) at \(time) in life \(life), after \(told.status) at "
                        + "\(told.time) in life \(earlier.life)")
            }
            least = earlier.number + 1
        }
        if call.attempt < least {
            violation(
                "e\(call.event): attempt \(call.attempt) in life \(life) after attempt \(earlier.number) of life \(earlier.life)"
            )
        }
    }

    /// The endpoint has answered 2xx.
    func said(_ place: Place, at time: UInt64) {
        if deliveries[place.id]?.saidAt == nil { deliveries[place.id]?.saidAt = time }
    }

    /// The service has all of an answer, in time.
    func told(_ place: Place, _ status: Int?, retryAfter: Int?, at time: UInt64) {
        guard let status, let life = deliveries[place.id]?.attempts[place.index].life else { return }
        deliveries[place.id]?.attempts[place.index].told = (status, time)
        if status == 410, goneAt == nil { goneAt = (time, life) }
        if let retryAfter {
            let until = time + UInt64(retryAfter) * 1_000_000_000
            if pause == nil || pause?.life != life || until > (pause?.until ?? 0) { pause = (time, until, life) }
        }
    }

    /// The operator asks to deliver again what was given up on, or to go on.
    func operatorActs() {
        goneAt = nil
        pause = nil
        for id in deliveries.keys { deliveries[id]?.redelivered = true }
    }

    /// What the API lists as given up on.
    func gaveUp(_ sequences: some Sequence<UInt64>) { everGivenUp.formUnion(sequences) }

    // MARK: The end

    /// Compares what the endpoint got with what the log holds, in the last life.
    func check(against log: [SeenEvent], in life: Int) {
        guard let start = start(in: log, life) else { return }
        for event in log where event.sequence > start && plan.wants(event.topic) {
            let isDelivered = (ids[event.number] ?? []).contains { deliveries[$0]?.saidAt != nil }
            if !isDelivered, !everGivenUp.contains(event.sequence) {
                violation("e\(event.number), sequence \(event.sequence), was never delivered, nor given up on")
            }
        }
        if plan.isOrdered { checkOrder(log, after: start) }
    }

    /// It began after this number; nil when that is not known. One that began with the latest event began anew after a
    /// crash that its creation did not survive.
    private func start(in log: [SeenEvent], _ life: Int) -> UInt64? {
        if plan.beginsEarliest { return 0 }
        guard let first = firstArrivals.first(where: { $0.life == life || ledger.crashes.keeps($0.time, of: $0.life) })
        else { return nil }
        let known = Set(firstArrivals.filter { $0.time >= first.time }.map(\.event))
        return log.first { known.contains($0.number) }.map { $0.sequence - 1 }
    }

    /// An event comes for the first time when all before it, back to where the subscription began, have been answered 2xx or
    /// given up on.
    private func checkOrder(_ log: [SeenEvent], after start: UInt64) {
        var places: [Int: UInt64] = [:]
        for event in log { places[event.number] = places[event.number] == nil ? event.sequence : 0 }
        var arrivals: [(sequence: UInt64, arrived: UInt64, said: UInt64)] = []
        for (event, time, _) in firstArrivals {
            guard let sequence = places[event], sequence > start, let id = ids[event]?.first, ids[event]?.count == 1
            else {
                continue
            }
            let last = deliveries[id]?.attempts.first { $0.number >= plan.attemptsMax }?.time ?? .max
            arrivals.append((sequence, time, min(last, deliveries[id]?.saidAt ?? .max)))
        }
        arrivals.sort { $0.sequence < $1.sequence }
        // The latest answer, or last attempt, so far.
        var answered: (sequence: UInt64, time: UInt64) = (0, 0)
        for arrival in arrivals {
            if arrival.arrived < answered.time {
                return violation("in order: \(arrival.sequence) came before \(answered.sequence) was answered")
            }
            if !refuses, !everGivenUp.contains(arrival.sequence), arrival.said > answered.time {
                answered = (arrival.sequence, arrival.said)
            }
        }
    }
}
