import FanfareBase
import FanfareEvent

/// Events on their way into the log and, later, the answer on its way back.
///
/// Owned by one shard at a time: the one that decoded it, then the log's owner, then the first again. It is handed over
/// through a mailbox and never touched by the sender afterwards, hence `@unchecked Sendable`.
final class PublishRequest: @unchecked Sendable {
    /// What became of it.
    enum Outcome: Sendable {
        /// All events are durable at their topics' level.
        case accepted
        /// The log cannot keep up: nothing of this request was taken.
        case overloaded
        /// The disk is full: nothing of this request was taken.
        case noSpace
        /// The log has failed for good.
        case failed
    }

    private var staging: RecordStaging?
    /// Who wants to know.
    let reply: ReplyAddress
    /// For NDJSON that ended early: what is wrong with line `lines`.
    var lineError: EventError?
    /// Lines of NDJSON looked at.
    var lines = 0

    /// When the turn began in which it was complete.
    var receivedAt = MonotonicTime(nanoseconds: 0)
    /// When its events had been decoded.
    var decodedAt = MonotonicTime(nanoseconds: 0)

    /// The service itself publishes: the announcer is told, no connection.
    var isOwn = false

    /// What became of it.
    var outcome: Outcome = .accepted
    /// Events appended.
    var accepted = 0
    /// Events that were in the log already.
    var duplicates = 0
    /// The first number given; zero when none was.
    var first = SequenceNumber.zero
    /// The last number given; zero when none was.
    var last = SequenceNumber.zero
    /// Everything up to this number must be durable before the answer: the last one given, or a duplicate's original.
    var required = SequenceNumber.zero

    /// A request with `records`, answered to `reply`.
    init(records: RecordStaging, reply: ReplyAddress) {
        staging = records
        self.reply = reply
    }

    /// The decoded events, until `giveRecords`.
    var records: RecordStaging {
        guard let staging else { invariantFailure("events that are in the log are asked for there") }
        return staging
    }

    /// Gives the memory of the events away, once: they are in the log, or are not wanted there.
    func giveRecords() -> RecordStaging? {
        defer { staging = nil }
        return staging
    }
}
