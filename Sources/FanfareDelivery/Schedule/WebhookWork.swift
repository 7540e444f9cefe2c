import FanfareBase

/// What schedules of equal options share: the options, and what each of them is at rest.
package final class WebhookScheduleBasis {
    /// The definition.
    package let options: WebhookScheduleOptions
    let resting: Shared<WebhookWork>

    /// What schedules with `options` share.
    package init(_ options: WebhookScheduleOptions) {
        self.options = options
        let concurrency = options.order == .all ? 1 : options.concurrency
        resting = Shared(WebhookWork(pace: EndpointPace(concurrency: concurrency, rateLimit: options.rateLimit)))
    }
}

/// The part of a schedule that only delivering needs: what is under way, what waits, and how the endpoint has borne it.
struct WebhookWork {
    struct InFlight {
        var attempt: WebhookAttempt
        var started: MonotonicTime
    }

    /// Taken events whose first attempt is undecided, ascending; at most the window.
    var open: [SequenceNumber] = []
    /// Accounted for above `taken` when this was restored: found again, these are not taken again.
    var ahead: [ClosedRange<SequenceNumber>] = []
    /// Decided since the journal was last told: delivered first attempts, and retries that are none any more.
    var delivered: [WebhookAttempt] = []
    /// What the journal is to be told as accounted for besides, such as what was given up on unseen.
    var accounted: [ClosedRange<SequenceNumber>] = []
    var inFlight: [InFlight] = []
    var waiting = RetryQueue()
    /// Retries waiting or in flight.
    var retries = 0
    var lane = RedeliveryLane()
    var pace: EndpointPace
    /// When the next attempt may be made, of those that are spaced.
    var spacedUntil = MonotonicTime(nanoseconds: 0)

    /// Nothing is under way.
    init(pace: EndpointPace) { self.pace = pace }

    /// Whether forgetting it loses nothing but what the window has learned.
    func isOver(now: MonotonicTime) -> Bool {
        open.isEmpty && ahead.isEmpty && delivered.isEmpty && accounted.isEmpty && inFlight.isEmpty
            && waiting.entries.isEmpty && retries == 0 && lane.isForgettable && spacedUntil <= now
            && pace.isUnencumbered(now: now)
    }
}
