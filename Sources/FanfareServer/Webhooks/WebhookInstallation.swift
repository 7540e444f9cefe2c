import FanfareBase
import FanfareLog
import Synchronization

/// A webhook subscription on its way from the registry (shard 0) to the shard that delivers it.
struct WebhookInstallation: Sendable {
    /// Its number in the journal.
    let number: SubscriptionNumber
    /// What it is.
    let definition: SubscriptionDefinition
    /// Its cursor: everything up to here is settled, or passed over by its `start`.
    let start: SequenceNumber
    /// What the journal knows of it besides: acknowledged, retries, why it is disabled.
    let restored: JournalState.Subscription?
    /// What it is doing, for whoever asks.
    let status: SubscriptionStatus
}

/// What a webhook subscription is doing: written by the shard that delivers it, read by whoever answers the API.
package final class SubscriptionStatus: Sendable {
    /// At one moment.
    package struct Snapshot: Sendable {
        /// `active`, `paused`, `disabled`, `failing`.
        package var state = "active"
        /// Everything up to here is settled.
        package var cursor = SequenceNumber.zero
        /// Nothing pends beyond the cursor: it stands where its shard stands.
        package var isCaughtUp = false
        /// Attempts under way.
        package var inFlight = 0
        /// Deliveries that wait for their next attempt.
        package var retrying = 0
        /// Deliveries that were given up.
        package var deadLetters = 0
        /// What went wrong last.
        package var lastError: String?
        /// The newest attempts, oldest first; `Limits.attemptsKept` at most.
        package var attempts: [AttemptReport] { Array(ring[oldest...] + ring[..<oldest]) }

        private var ring: [AttemptReport] = []
        private var oldest = 0

        /// Adds an attempt; the oldest goes when there are too many.
        package mutating func note(_ attempt: AttemptReport) {
            guard ring.count == Limits.attemptsKept else { return ring.append(attempt) }
            ring[oldest] = attempt
            oldest = (oldest + 1) % ring.count
        }
    }

    private let snapshot = Mutex(Snapshot())

    /// Nothing has happened yet.
    package init() {}

    /// What it is doing now. Any thread.
    package var current: Snapshot { snapshot.withLock { $0 } }

    /// Notes what has changed. The delivering shard, or the registry before delivery begins.
    package func update(_ change: (inout Snapshot) -> Void) { snapshot.withLock { change(&$0) } }
}

/// One attempt, as the API tells of it.
package struct AttemptReport: Sendable {
    /// The event.
    package var sequence: SequenceNumber
    /// From 1.
    package var attempt: Int
    /// When it began.
    package var time: WallTime
    /// How long it took.
    package var milliseconds: Int
    /// The answer's status; nil when there was none.
    package var status: Int?
    /// What went wrong; nil when it succeeded.
    package var error: String?
    /// The first bytes of the answer.
    package var answer: [UInt8]
    /// When the next attempt is due; nil when there is none.
    package var nextAttempt: WallTime?

    /// One attempt.
    package init(
        sequence: SequenceNumber, attempt: Int, time: WallTime, milliseconds: Int, status: Int?, error: String?,
        answer: [UInt8], nextAttempt: WallTime?
    ) {
        self.sequence = sequence
        self.attempt = attempt
        self.time = time
        self.milliseconds = milliseconds
        self.status = status
        self.error = error
        self.answer = answer
        self.nextAttempt = nextAttempt
    }
}
