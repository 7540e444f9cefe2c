import FanfareBase
import FanfareDelivery
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
final class SubscriptionStatus: Sendable {
    /// Whether an endpoint has agreed to get events.
    struct Consent: Equatable, Sendable {
        /// `asking`, `granted` or `refused`.
        var state: String
        /// Why not, in words.
        var reason: String?
    }

    /// At one moment.
    struct Snapshot: Sendable {
        /// `active`, `paused`, `disabled`, `failing`.
        var state = "active"
        /// Everything up to here is settled.
        var cursor = SequenceNumber.zero
        /// Nothing pends beyond the cursor: it stands where its shard stands.
        var isCaughtUp = false
        /// Attempts under way.
        var inFlight = 0
        /// Deliveries that wait for their next attempt.
        var retrying = 0
        /// Deliveries that were given up.
        var deadLetters = 0
        /// `gone`, `failing` or `requested`; nil when it is not disabled.
        var disabledBecause: String? {
            get { rest.disabledBecause }
            set { if newValue != disabledBecause { rest.disabledBecause = newValue } }
        }
        /// Since when the endpoint does nothing but fail, once that has been announced.
        var failingSince: WallTime? {
            get { rest.failingSince }
            set { if newValue != failingSince { rest.failingSince = newValue } }
        }
        /// Requests to deliver again, the one being worked off first.
        var redeliveries: [JournalRedelivery] {
            get { rest.redeliveries }
            set { if newValue != redeliveries { rest.redeliveries = newValue } }
        }
        /// What the endpoint says of getting events; nil where nobody asks.
        var consent: Consent? {
            get { rest.consent }
            set { if newValue != consent { rest.consent = newValue } }
        }
        /// What went wrong last.
        var lastError: String? {
            get { rest.lastError }
            set { if newValue != lastError { rest.lastError = newValue } }
        }
        /// The newest attempts, oldest first; `Limits.attemptsKept` at most.
        var attempts: [AttemptReport] { Array(ring[oldest...] + ring[..<oldest]) }

        /// What most subscriptions have nothing of.
        private struct Rest: Sendable {
            static let none = Shared(Rest())

            var disabledBecause: String?
            var failingSince: WallTime?
            var redeliveries: [JournalRedelivery] = []
            var consent: Consent?
            var lastError: String?
        }

        /// Shared by all who have none of it.
        @Shared private var rest: Rest

        /// Nothing has happened yet.
        init() { _rest = Rest.none }

        /// Shows that no attempts are made.
        mutating func show(_ reason: WebhookDisabled) {
            state = "disabled"
            disabledBecause = reason.word
            failingSince = nil
        }

        private var ring: [AttemptReport] = []
        private var oldest = 0

        /// Adds an attempt; the oldest goes when there are too many.
        mutating func note(_ attempt: AttemptReport) {
            guard ring.count == Limits.attemptsKept else { return ring.append(attempt) }
            ring[oldest] = attempt
            oldest = (oldest + 1) % ring.count
        }
    }

    private let snapshot = Mutex(Snapshot())

    /// Nothing has happened yet.
    init() {}

    /// What it is doing now. Any thread.
    var current: Snapshot { snapshot.withLock { $0 } }

    /// Notes what has changed. The delivering shard, or the registry before delivery begins.
    func update(_ change: (inout Snapshot) -> Void) { snapshot.withLock { change(&$0) } }
}

/// One attempt, as the API tells of it.
struct AttemptReport: Sendable {
    /// The event.
    var sequence: SequenceNumber
    /// From 1.
    var attempt: Int
    /// When it began.
    var time: WallTime
    /// How long it took, and what with.
    var timings: AttemptTimings.Split
    /// The answer's status; nil when there was none.
    var status: Int?
    /// What went wrong; nil when it succeeded.
    var error: String?
    /// The first bytes of the answer.
    var answer: [UInt8]
    /// When the next attempt is due; nil when there is none.
    var nextAttempt: WallTime?
}
