import FanfareBase
import FanfareDelivery
import FanfareEvent

/// One socket's part in the fan-out: a cursor into the log, and what it asked for.
///
/// One for each client, however idle: what only some need, or at times, is an object of its own, made when it is needed.
///
/// Invariant: while `isCatchingUp` there is `reading`, and the member is in the catch-up queue, waits for a block, or waits for
/// its connection to take bytes; otherwise the fan-out visits it.
final class Subscriber {
    /// What to do with one that falls behind what memory holds (CONTRACT, section 5).
    enum SlowPolicy: String, Sendable {
        /// Read the log from its place on.
        case catchUp = "catch_up"
        /// Jump to the newest event, with a gap.
        case skip
        /// Close the connection.
        case close
    }

    /// What a subscriber does between two frames.
    enum AfterFrame {
        /// Takes the next one.
        case goOn
        /// Jumps to the newest event, with a gap: it has fallen behind and would rather skip.
        case skip
        /// Lets its handler take the op that waits for it.
        case takeOp
        /// Ends its connection, after the control messages that wait.
        case end
    }

    /// One `subscribe`: its name and what it asked for.
    struct Subscription {
        /// As the client called it; empty when it subscribed by URL.
        var id: String
        /// The numbers of its patterns in the shard's table, which are the interests; the table has the patterns.
        var interests: Few<InterestID>
    }

    /// Where it is, and its interests.
    var member: MemberCursor
    /// What it asked for; 64 at most.
    var subscriptions = Few<Subscription>()
    /// How it reads the log; nil when it has no need to.
    var reading: LogReading?
    /// Control messages that wait for the end of the frame under way.
    var control: [UInt8] = []
    /// Bytes of events in its next send: more from one large send to the next as long as all is taken.
    private(set) var sendBytesMax = Int32(Limits.eventSendBytesFirst)
    /// What to do when it falls behind.
    let slowPolicy: SlowPolicy
    /// It reads the log.
    var isCatchingUp = false
    /// Its first subscription came by an op, which is answered when the search has shown where it begins.
    var owesAnswer = false
    /// What happens as soon as the frame under way is complete, before anything else is sent.
    var afterFrame = AfterFrame.goOn

    /// A subscriber that stands after `sequence`.
    init(after sequence: SequenceNumber, wire: WireFormat, slowPolicy: SlowPolicy) {
        member = MemberCursor(after: sequence, wire: wire)
        self.slowPolicy = slowPolicy
    }

    /// What looking at it costs, where one with few interests costs 1.
    var cost: Int { 1 + member.interestCount / Limits.interestsPerVisit }

    /// A send of so many bytes has been queued: if it was large, the next one may carry twice as much, up to `limit`,
    /// unless this one turns out short.
    func growSends(after bytes: Int, to limit: Int) {
        if 2 * bytes >= sendBytesMax { sendBytesMax = max(sendBytesMax, min(2 * sendBytesMax, Int32(limit))) }
    }

    /// A send came short: the next ones are small again.
    func sendSmall() { sendBytesMax = Int32(Limits.eventSendBytesFirst) }

    /// Memory holds everything after its place, or it passes over what lies before: nothing of the log is read any more.
    func endCatchUp() {
        isCatchingUp = false
        reading = nil
    }
}
