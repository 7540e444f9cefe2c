import FanfareBase

/// A request to deliver events again.
package struct WebhookRedelivery: Equatable, Sendable {
    /// Its number within the subscription.
    package var id: UInt32
    /// The last event asked for.
    package var through: SequenceNumber
    /// Only what was given up on; else all that match.
    package var onlyFailed: Bool
    /// Everything asked for up to here is delivered, has a retry or was given up on again.
    package var low: SequenceNumber

    /// A request of which everything up to `low` is decided.
    package init(id: UInt32, through: SequenceNumber, onlyFailed: Bool, low: SequenceNumber) {
        self.id = id
        self.through = through
        self.onlyFailed = onlyFailed
        self.low = low
    }
}

/// What is delivered again, beside live delivery and with a budget of its own: requests are worked off one after the other,
/// each a second cursor.
///
/// Invariants: `open` lies within the first of `requests`, above its `low` and at most at `taken`; open and retries
/// together never exceed `WebhookLimits.redeliveriesOutstanding`, since at that number nothing more is taken.
struct RedeliveryLane {
    /// Requests, the one being worked off first.
    private(set) var requests: [WebhookRedelivery] = []
    /// Everything the first request asks for up to here has been taken.
    private(set) var taken = SequenceNumber.zero
    /// Taken, first attempt undecided; ascending.
    private var open: [SequenceNumber] = []
    /// What failed and waits for its time, or was not attempted after all.
    var waiting = RetryQueue()
    /// Retries waiting or in flight.
    private(set) var retries = 0
    /// Attempts in flight.
    private(set) var inFlight = 0
    /// Live attempts begun since the last one of this lane.
    private var liveSince = 0
    /// Progress the journal has not been told.
    private var changes: [WebhookSchedule.RedeliveryChange] = []

    /// The request being worked off.
    var current: WebhookRedelivery? { requests.first }
    /// Requests that are not complete.
    var isIdle: Bool { requests.isEmpty && retries == 0 }

    /// Whether there is nothing of it to be remembered.
    var isForgettable: Bool { isIdle && open.isEmpty && waiting.entries.isEmpty && inFlight == 0 && changes.isEmpty }
    /// Whether there is progress the journal has not been told.
    var hasChanges: Bool { !changes.isEmpty }

    /// Whether another attempt may be begun beside `window` live ones.
    func mayStart(window: Int) -> Bool { inFlight < max(1, window / WebhookLimits.redeliveryShare) }
    /// Whether it is its turn although live delivery has something to do.
    var isDue: Bool { liveSince >= WebhookLimits.redeliveryShare - 1 }
    /// Whether the next event of the request may be taken.
    var mayTake: Bool {
        guard let current else { return false }
        return taken < current.through && open.count + retries < WebhookLimits.redeliveriesOutstanding
    }

    mutating func add(_ request: WebhookRedelivery) {
        requests.append(request)
        if requests.count == 1 { begin() }
    }

    mutating func take(_ sequence: SequenceNumber) {
        taken = sequence
        open.append(sequence)
        progress()
    }

    mutating func pass(to sequence: SequenceNumber) {
        taken = max(taken, sequence)
        progress()
    }

    mutating func restoreRetry() { retries += 1 }

    mutating func started() {
        inFlight += 1
        liveSince = 0
    }

    mutating func liveStarted() { liveSince = isIdle ? 0 : liveSince + 1 }

    /// An attempt is over; it may have been one that was not made.
    mutating func ended() { inFlight -= 1 }

    /// The delivery is decided: no longer open, or no longer a retry.
    mutating func settle(_ attempt: WebhookAttempt) {
        if attempt.number > 1 {
            retries -= 1
        } else if let place = open.firstIndex(of: attempt.sequence) {
            open.remove(at: place)
            progress()
        }
    }

    /// What was decided of the first request, once its outcomes are recorded.
    mutating func takeChanges() -> [WebhookSchedule.RedeliveryChange] {
        defer { changes = [] }
        return changes
    }

    private mutating func begin() {
        taken = requests.first?.low ?? .zero
        open.removeAll(keepingCapacity: true)
    }

    private mutating func progress() {
        guard let current else { return }
        let low = open.first.map { SequenceNumber($0.rawValue - 1) } ?? taken
        if low >= current.through {
            requests.removeFirst()
            changes.removeAll { $0.request.id == current.id }
            changes.append(.init(request: current, isComplete: true))
            begin()
            if requests.first.map({ $0.low >= $0.through }) ?? false { progress() }
        } else if low > current.low {
            requests[0].low = low
            changes.removeAll { $0.request.id == current.id }
            changes.append(.init(request: requests[0], isComplete: false))
        }
    }
}
