import FanfareBase
import FanfareLoad

/// A socket of the audience that stalls, churns or reconnects, over all of its connections.
final class BenchSocket {
    enum Phase {
        /// Its connection is being made, or waits for its turn.
        case connecting
        /// Its subscription is in effect.
        case live
        /// The same, but it does not read.
        case stalled
        /// We have cut its connection, whose end has not come.
        case leaving
        /// It has no connection.
        case away
    }

    /// Which group of the profile it is of.
    let group: Int
    var phase = Phase.connecting
    /// When it was there, if it churns.
    var attendance = Attendance()
    /// What it was told will not come.
    var gaps = AnnouncedGaps()
    /// When it began to come back; nil when it is there.
    var comingSince: MonotonicTime?
    /// Connections one after another that came to nothing.
    var failedTries = 0

    init(group: Int) { self.group = group }
}

/// What a group's sockets have done, and what the service made of it.
struct BenchConduct {
    /// Times that one stalled.
    var stalls = 0
    /// Times that one left or was cut by us.
    var departures = 0
    /// Times that one was back.
    var returns = 0
    /// Times that the service ended a connection.
    var cuts = 0
    /// Gaps that were told.
    var gaps = 0
    /// From the beginning of coming back to the subscription, in nanoseconds.
    var comingBack = Histogram()
}

/// What became of a plan's events when they were published.
final class BenchOutcomes {
    /// Events that were sent or withheld.
    var sentCount = 0
    /// Events that the service has taken.
    private(set) var acceptedCount = 0
    /// Events that it refused for overload.
    private(set) var refusedCount = 0
    /// Events that were not sent, since too many others waited for an answer.
    private(set) var withheldCount = 0
    /// The first event that is not sent, as the run was interrupted; the number of events when it was not.
    private var end: Int
    private let count: Int
    /// Where they are in the log, by number; nil when nobody needs to know.
    private var sequences: [UInt64]?
    private var unpublished: Set<Int> = []
    /// How many of `unpublished` are of each topic.
    private var unpublishedOfTopic: [Int]

    init(_ plan: BenchPlan) {
        unpublishedOfTopic = Array(repeating: 0, count: plan.profile.events.topics)
        count = plan.offsets.count
        end = plan.offsets.count
        let needsPlaces = plan.profile.subscribers.contains { $0.behaviour != nil || $0.slowPolicy != .catchUp }
        if needsPlaces { sequences = Array(repeating: 0, count: plan.offsets.count) }
    }

    /// Events of which nothing more is to be heard.
    var settledCount: Int { acceptedCount + refusedCount + withheldCount + unsentCount }

    /// Events whose time had not come when the run was interrupted.
    var unsentCount: Int { count - end }

    /// Event `number` and those after it are not sent, as the run is interrupted.
    func interrupted(before number: Int) { end = number }

    /// The service has taken event `number`; false when it does not say where it is, though somebody needs to know.
    func accepted(_ number: Int, _ sequence: () -> UInt64?) -> Bool {
        acceptedCount += 1
        guard sequences != nil else { return true }
        guard let sequence = sequence() else { return false }
        sequences?[number] = sequence
        return true
    }

    /// The service has refused it.
    func refused(_ number: Int) {
        refusedCount += 1
        isNotPublished(number)
    }

    /// It has not been sent.
    func withheld(_ number: Int) {
        withheldCount += 1
        isNotPublished(number)
    }

    private func isNotPublished(_ number: Int) {
        unpublished.insert(number)
        unpublishedOfTopic[number % unpublishedOfTopic.count] += 1
    }

    /// Events of the topic with this index that are not in the log.
    func unpublishedCount(ofTopic index: Int) -> Int {
        let topics = unpublishedOfTopic.count
        // Numbers below n that are of the topic: those of index, index + topics, and so on.
        func below(_ number: Int) -> Int { (number - index + topics - 1) / topics }
        return unpublishedOfTopic[index] + below(count) - below(end)
    }

    /// Whether it is not in the log.
    func isUnpublished(_ number: Int) -> Bool { number >= end || unpublished.contains(number) }

    /// Whether every event is in the log.
    var isWhole: Bool { unpublished.isEmpty && unsentCount == 0 }

    /// Where it is in the log.
    ///
    /// - Precondition: somebody needs to know, and it has been accepted.
    func sequence(_ number: Int) -> UInt64 { sequences![number] }
}
