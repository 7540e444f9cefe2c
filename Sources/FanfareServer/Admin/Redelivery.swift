import FanfareBase
import FanfareLog

/// What a request for redelivery says: `{"from", "to", "only"}`, both ends included.
package struct RedeliveryRange: Sendable, Hashable {
    /// Which of the events between the ends.
    package enum Selection: String, Sendable, Hashable, CaseIterable {
        /// Those that were given up on.
        case failed
        /// All that match; a later version brings it.
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

    /// Whether it includes the event `sequence` of the log `log`.
    package func contains(_ sequence: SequenceNumber, in log: LogID) -> Bool {
        if let from, from.log != log || sequence < from.sequence { return false }
        if let to, to.log != log || sequence > to.sequence { return false }
        return true
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
            guard range.only == .failed else {
                return .answer(.problem(501, "not-yet", "A later version brings \"only\": \"all\"."))
            }
            let redelivery = Redelivery(number: entry.number, range: range, reply: address(admitted))
            shard.perform(on: 0) { redelivery.start($0) }
            return .pending
        } catch {
            return .answer(error.answer("invalid-range"))
        }
    }
}

/// Dead letters on their way to be delivered again: chosen on shard 0, taken up by the shard that delivers, recorded on
/// shard 0, answered when that is durable.
struct Redelivery: Sendable {
    /// Whose.
    let number: SubscriptionNumber
    /// Which.
    let range: RedeliveryRange
    /// Where the answer goes.
    let reply: ReplyAddress

    /// Chooses the dead letters; on shard 0.
    func start(_ shard: Shard) {
        let letters = shard.registry?.journal.state.subscriptions[number]?.deadLetters ?? []
        let chosen = letters.map(\.sequence).filter { range.contains($0, in: shard.service.logID) }
        let batch = Array(chosen.prefix(Limits.redeliveriesMax))
        shard.perform(on: Int(number.rawValue) % shard.service.shardCount) { owner in
            let taken = owner.webhooks.redeliver(batch, of: number, owner)
            owner.perform(on: 0) { finish(taken, left: chosen.count - taken.count, $0) }
        }
    }

    /// A retry is recorded before its dead letter goes, so that a crash between them loses neither.
    private func finish(_ taken: [SequenceNumber], left: Int, _ shard: Shard) {
        guard let registry = shard.registry else { return }
        var through = registry.journal.synced
        for sequence in taken {
            let retry = JournalRetry(
                sequence: sequence, attempts: 1, due: shard.time.wall, status: 0, error: "redelivered")
            registry.journal.record(.retry(number, retry))
            through = registry.journal.record(.deadLetterRemoved(number, sequence), urgent: true)
        }
        let json = JSONOutput.object([.init("redelivering", .integer(taken.count)), .init("left", .integer(left))])
        registry.answer(reply, .json(202, json.line), whenSynced: through)
    }
}
