import FanfareBase

/// What an endpoint bears: its window, breaker, rate limit and the pauses it asked for. One per subscription, so a failing
/// endpoint spends nothing but its own.
struct EndpointPace {
    private var window: AdaptiveWindow
    private var breaker = Breaker()
    private var bucket: TokenBucket?
    private var pausedUntil = MonotonicTime(nanoseconds: 0)
    private var throttlesInARow = 0

    init(concurrency: Int, rateLimit: RateLimit?) {
        window = AdaptiveWindow(maximum: concurrency)
        bucket = rateLimit.map(TokenBucket.init)
    }

    /// Whether the breaker holds back deliveries.
    var isBreakerOpen: Bool { breaker.isOpen }

    /// Attempts that may be in flight.
    var windowSize: Int { window.size }

    /// The earliest time for whatever is next, from what the endpoint asked for.
    var notBefore: MonotonicTime { pausedUntil }

    /// When the next attempt may be made (in the past for now), nil when an answer has to come first.
    func permitsFrom(inFlight: Int) -> MonotonicTime? {
        guard inFlight < window.size, let breaker = breaker.permitsFrom else { return nil }
        return max(breaker, max(pausedUntil, bucket?.permitsFrom ?? breaker))
    }

    /// Whether the endpoint is held against nothing at `now`: neither failures nor a pause, and all of its rate is there.
    func isUnencumbered(now: MonotonicTime) -> Bool {
        breaker.isUnencumbered && throttlesInARow == 0 && pausedUntil <= now && (bucket?.isFull(now: now) ?? true)
    }

    mutating func started(now: MonotonicTime) {
        breaker.started()
        bucket?.started(now: now)
    }

    mutating func succeeded(latencyNanoseconds: UInt64) {
        breaker.succeeded()
        throttlesInARow = 0
        window.succeeded(latencyNanoseconds: latencyNanoseconds)
    }

    mutating func failed(_ failure: WebhookFailure, retryAfterSeconds: UInt64?, now: MonotonicTime) {
        breaker.failed(now: now)
        if failure.isOverload { window.overloaded() }
        if let retryAfterSeconds {
            pause(now, Int(min(retryAfterSeconds, WebhookLimits.retryAfterSeconds)) * 1_000_000_000)
        } else if failure.isThrottle, now >= pausedUntil {
            // Answers to what was in flight together count as one.
            throttlesInARow += 1
            let doubled = WebhookLimits.throttlePauseNanoseconds << min(throttlesInARow - 1, 10)
            pause(now, min(doubled, WebhookLimits.throttlePauseNanosecondsMax))
        }
    }

    mutating func returned(now: MonotonicTime) { breaker.returned(now: now) }

    private mutating func pause(_ now: MonotonicTime, _ nanoseconds: Int) {
        pausedUntil = max(pausedUntil, now.advanced(byNanoseconds: nanoseconds))
    }
}
