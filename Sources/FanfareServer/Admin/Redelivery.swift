import FanfareBase
import FanfareLog

/// What a request for redelivery says: `{"from", "to", "only"}`, both ends included.
package struct RedeliveryRange: Sendable, Hashable {
    /// Which of the events between the ends.
    package enum Selection: String, Sendable, Hashable, CaseIterable {
        /// Those that were given up on.
        case failed
        /// All that match.
        case all
    }

    /// The first; nil for the oldest.
    package var from: Position?
    /// The last; nil for the newest.
    package var to: Position?
    /// Which of them.
    package var only = Selection.failed

    /// Everything that was given up on.
    package init() {}

    /// Reads a request's body; an empty one means everything that was given up on.
    package static func parse(_ body: [UInt8]) throws(Diagnostics) -> RedeliveryRange {
        if body.isEmpty { return RedeliveryRange() }
        var reading = Reading(
            file: nil, rights: .init(secrets: Configuration.SecretAllowance(), folder: "", surroundings: .process))
        let range = reading.read(body, as: form)
        guard let range, reading.diagnostics.isEmpty else { throw Diagnostics(reading.diagnostics.inOrder) }
        return range
    }

    /// The numbers it includes, in the log `log` whose last event is `head`; nil when there are none.
    package func sequences(in log: LogID, head: SequenceNumber) throws(Diagnostics) -> ClosedRange<SequenceNumber>? {
        try check(from, "from", log, head)
        try check(to, "to", log, head)
        let low = max(from?.sequence ?? SequenceNumber(1), SequenceNumber(1))
        let high = to?.sequence ?? head
        if low <= high { return low...high }
        if from == nil || to == nil { return nil }
        throw Diagnostics([Diagnostic("found a last event before the first, allowed is one behind it", "to")])
    }

    private func check(
        _ position: Position?, _ name: String, _ log: LogID, _ head: SequenceNumber
    ) throws(Diagnostics) {
        guard let position else { return }
        if position.log != log {
            throw Diagnostics([Diagnostic("found a position of another log, allowed is one of this", name)])
        }
        if position.sequence > head {
            throw Diagnostics([Diagnostic("found a position beyond the end of the log, allowed is one in it", name)])
        }
    }

    private static let form = ObjectForm<RedeliveryRange>(
        meaning: "what is to be delivered again",
        fields: [
            Field("from", \.from, optional: .position, "The first event; without it the oldest."),
            Field("to", \.to, optional: .position, "The last event; without it the newest."),
            Field("only", \.only, .choice, "Those given up on, or all that match."),
        ],
        blank: { RedeliveryRange() })
}

extension Form where Value == Position {
    /// A place in the log.
    fileprivate static let position = Form(
        allowed: "a position such as \"6553f100-0000000000000042\"",
        schema: [.init("type", .string("string")), .init("pattern", .string("^[0-9a-f]{8}-[0-9]{16}$"))],
        convert: { value in value.string.flatMap { Position($0) } }, write: { .string($0.description) })
}

extension AdminEndpoint {
    /// `POST /v1/subscriptions/ID/redeliver`.
    func redeliver(_ admitted: Router.Admitted, _ id: String) -> HTTPHandler.Verdict {
        let entry: SubscriptionEntry
        switch find(id, admitted) {
        case .success(let found): entry = found
        case .failure(let refused): return .answer(refused.answer)
        }
        if let reason = entry.known.paused { return .answer(.problem(409, "paused", "\(id) is paused: \(reason).")) }
        guard admitted.request.body.count <= Limits.redeliveryBytesMax else {
            return .answer(
                .problem(413, "body-too-large", "The body has at most \(Limits.redeliveryBytesMax) bytes."))
        }
        do throws(Diagnostics) {
            let range = try RedeliveryRange.parse(admitted.request.body.array)
            let head = shard.service.catalog.head
            let sequences = try range.sequences(in: shard.service.logID, head: head)
            let redelivery = Redelivery(
                number: entry.number, sequences: sequences, only: range.only, reply: address(admitted))
            shard.perform(on: 0) { redelivery.start($0) }
            return .pending
        } catch {
            return .answer(error.answer("invalid-range"))
        }
    }
}

/// A request to deliver again, on its way: recorded on shard 0, worked off by the shard that delivers, answered when it is
/// durable. From then on a crash resumes it.
struct Redelivery: Sendable {
    /// Whose.
    let number: SubscriptionNumber
    /// Between which events; nil for none.
    let sequences: ClosedRange<SequenceNumber>?
    /// Which of them.
    let only: RedeliveryRange.Selection
    /// Where the answer goes.
    let reply: ReplyAddress

    /// Begins it; on shard 0.
    func start(_ shard: Shard) {
        guard let registry = shard.registry, let known = registry.journal.state.subscriptions[number] else {
            return shard.deliver(.problem(404, "subscription-not-found", "It has been removed."), to: reply)
        }
        if registry.isFull { return shard.deliver(AdminEndpoint.busy, to: reply) }
        let letters = sequences.map { range in known.deadLetters.count { range.contains($0.sequence) } } ?? 0
        guard let sequences, only == .all || letters > 0 else {
            return shard.deliver(answer(nil, 0, shard), to: reply)
        }
        guard known.redeliveries.count < Limits.redeliveriesWaitingMax else {
            return shard.deliver(
                .problem(
                    429, "too-many-redeliveries",
                    "\(known.redeliveries.count) redeliveries of this subscription are not complete yet.",
                    headers: [("retry-after", "10")]), to: reply)
        }
        let redelivery = JournalRedelivery(
            id: (known.redeliveries.last?.id ?? 0) &+ 1, from: sequences.lowerBound, through: sequences.upperBound,
            onlyFailed: only == .failed, low: SequenceNumber(sequences.lowerBound.rawValue - 1))
        let through = registry.record(.redelivery(number, redelivery), urgent: true, shard)
        shard.perform(on: Int(number.rawValue) % shard.service.shardCount) { [number] in
            $0.webhooks.redeliver(redelivery, of: number, $0)
        }
        registry.answer(reply, answer(redelivery, letters, shard), whenSynced: through)
    }

    /// `redelivering` counts dead letters; how many events match is not known before they are read.
    private func answer(_ redelivery: JournalRedelivery?, _ letters: Int, _ shard: Shard) -> Answer {
        let json = SubscriptionJSON(service: shard.service)
        return .json(
            202,
            JSONOutput.object([
                .init("redelivering", only == .failed || redelivery == nil ? .integer(letters) : .null),
                .init("redelivery", redelivery.map(json.redelivery) ?? .null),
            ]).line)
    }
}

extension Diagnostic {
    /// Something wrong with the member `name` of a body.
    fileprivate init(_ message: String, _ name: String) {
        self.init(
            kind: .notAllowed, file: nil, location: nil, pointer: JSONPointer.root.appending(name), message: message)
    }
}
