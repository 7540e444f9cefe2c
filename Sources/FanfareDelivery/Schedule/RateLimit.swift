import FanfareBase

/// A subscription's `rate_limit`.
package struct RateLimit: Equatable, Sendable {
    /// Attempts a second, at least 1.
    package var perSecond: Int
    /// Attempts that may be made at once after a rest, at least 1.
    package var burst: Int

    /// A limit.
    package init(perSecond: Int, burst: Int) {
        self.perSecond = max(1, perSecond)
        self.burst = max(1, burst)
    }
}

/// A token bucket, kept as the time at which it would be full again (the generic cell rate algorithm): one number, exact.
struct TokenBucket {
    private let intervalNanoseconds: Int
    private let burstNanoseconds: Int
    private var fullAt = MonotonicTime(nanoseconds: 0)

    init(_ limit: RateLimit) {
        intervalNanoseconds = max(1, 1_000_000_000 / limit.perSecond)
        burstNanoseconds = intervalNanoseconds * (limit.burst - 1)
    }

    /// When the next attempt may be made; in the past for now.
    var permitsFrom: MonotonicTime { fullAt.advanced(byNanoseconds: -burstNanoseconds) }

    /// Whether all of its burst is there.
    func isFull(now: MonotonicTime) -> Bool { fullAt <= now }

    mutating func started(now: MonotonicTime) {
        fullAt = max(fullAt, now).advanced(byNanoseconds: intervalNanoseconds)
    }
}
