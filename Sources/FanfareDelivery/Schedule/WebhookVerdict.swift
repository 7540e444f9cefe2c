import FanfareBase

/// What an attempt's outcome means: what the shard is to journal and to tell.
///
/// Order in the journal: the record of a retry or a dead letter precedes the cursor that passes its event
/// (`WebhookSchedule.takeCursorChange`, which also tells of retries that were delivered).
package struct WebhookVerdict: Equatable, Sendable {
    /// What becomes of the delivery.
    package enum Result: Equatable, Sendable {
        /// Done.
        case delivered
        /// To be tried again.
        case retry(WebhookRetry)
        /// Given up on.
        case deadLetter(WebhookFailure)
        /// Given up on without a dead letter: the event is the service's own.
        case dropped(WebhookFailure)
        /// The attempt was not made; it is due again at once.
        case notMade
    }

    /// The attempt that this is about.
    package var attempt: WebhookAttempt
    /// What becomes of the delivery.
    package var result: Result
    /// What this says of the endpoint, when that is news.
    package var health: WebhookHealth.Change?
}

/// Why a subscription makes no attempts.
package enum WebhookDisabled: UInt8, Sendable {
    /// The endpoint answered 410.
    case gone = 1
    /// Nothing but failure for too long.
    case failing = 2
    /// Someone asked for it.
    case requested = 3
}
