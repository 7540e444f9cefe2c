import FanfareBase

/// Whether an endpoint has been doing nothing but fail, and for how long: in wall-clock time, since it outlives the process.
package struct WebhookHealth: Equatable, Sendable {
    /// News about an endpoint, each told once.
    package enum Change: Equatable, Sendable {
        /// The first failure after a success, or of all: the time begins.
        case began(since: WallTime)
        /// A success, before `failing` was told: the time is over.
        case ended
        /// Nothing but failure for a fifth of the time after which it is disabled: announced before it happens.
        case failing(since: WallTime)
        /// It answers again, after `failing` was told.
        case recovered
        /// No more attempts.
        case disabled(WebhookDisabled)
    }

    /// Since when there has been no success; nil while there is none to speak of.
    package var failingSince: WallTime?
    /// Whether `failing` has been told.
    package var isAnnounced = false

    /// Healthy.
    package init() {}

    /// As it was when the process before ended: failing since then (nil: not at all), which has been told or not.
    package init(failingSince: WallTime?, isAnnounced: Bool) {
        self.failingSince = failingSince
        self.isAnnounced = failingSince != nil && isAnnounced
    }

    mutating func succeeded() -> Change? {
        guard failingSince != nil else { return nil }
        defer { self = WebhookHealth() }
        return isAnnounced ? .recovered : .ended
    }

    mutating func failed(now: WallTime, disableAfter nanoseconds: UInt64) -> Change? {
        guard let since = failingSince else {
            failingSince = now
            return .began(since: now)
        }
        let lasted = now.nanoseconds > since.nanoseconds ? now.nanoseconds - since.nanoseconds : 0
        if lasted >= nanoseconds, isAnnounced { return .disabled(.failing) }
        guard lasted >= nanoseconds / 5, !isAnnounced else { return nil }
        isAnnounced = true
        return .failing(since: since)
    }
}
