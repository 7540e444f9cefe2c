import FanfareBase

/// What became of one attempt.
package enum WebhookOutcome: Equatable, Sendable {
    /// The status line said 2xx.
    case delivered
    /// Anything else. `retryAfterSeconds` is a lower bound for the whole endpoint.
    case failed(WebhookFailure, retryAfterSeconds: UInt64?)
    /// 410: the endpoint wants no more; the subscription is disabled.
    case gone
    /// The attempt was not made (the service drains, or no connection was free): no step of the schedule is used.
    case notMade

    /// The outcome of an answer with `status`. A redirect is a failure and is not followed.
    package init(status: Int, retryAfterSeconds: UInt64?) {
        switch status {
        case 200..<300: self = .delivered
        case 410: self = .gone
        default: self = .failed(.status(status), retryAfterSeconds: retryAfterSeconds)
        }
    }
}

/// Why an attempt failed.
package enum WebhookFailure: Equatable, Sendable {
    /// The answer's status.
    case status(Int)
    /// The name has no address.
    case resolve
    /// The address is one that webhooks may not reach.
    case refusedAddress
    /// No connection.
    case connect
    /// No TLS session: certificate, name or protocol.
    case tls
    /// The connection ended before the answer did.
    case closed
    /// The answer is not HTTP.
    case malformedAnswer
    /// A deadline passed.
    case timeout
    /// The request could not be made from this event.
    case unrepresentable
    /// Retention has removed the event.
    case expired

    /// Whether it says nothing of the endpoint, and another attempt would not help.
    var isOfTheEvent: Bool { self == .unrepresentable || self == .expired }

    /// Whether the endpoint asks for less.
    var isThrottle: Bool {
        switch self {
        case .status(429), .status(502), .status(503), .status(504): true
        default: false
        }
    }

    /// Whether fewer attempts at once might have helped.
    var isOverload: Bool { isThrottle || self == .timeout }
}
