import FanfareBase

/// Keeps attempts away from an endpoint that only fails, and lets one through from time to time.
///
/// Closed, it counts failures in a row. Open, it permits nothing until its pause is over; then the next attempt is a probe
/// and nothing else is permitted until that is decided: success closes, failure opens for twice as long.
struct Breaker {
    private enum State: Equatable {
        case closed(failures: Int)
        case open(until: MonotonicTime)
        case probing
    }

    private var state = State.closed(failures: 0)
    private var pause = WebhookLimits.breakerPauseNanoseconds

    /// Whether it holds back deliveries.
    var isOpen: Bool {
        if case .closed = state { return false }
        return true
    }

    /// Whether the last attempt succeeded, or there has been none.
    var isUnencumbered: Bool { state == .closed(failures: 0) }

    /// When it permits the next attempt: in the past for now, nil while a probe is under way.
    var permitsFrom: MonotonicTime? {
        switch state {
        case .closed: MonotonicTime(nanoseconds: 0)
        case .open(let until): until
        case .probing: nil
        }
    }

    mutating func started() {
        if case .open = state { state = .probing }
    }

    mutating func succeeded() { self = Breaker() }

    mutating func failed(now: MonotonicTime) {
        switch state {
        case .closed(let failures) where failures + 1 < WebhookLimits.breakerFailures:
            state = .closed(failures: failures + 1)
        case .closed: open(now)
        case .probing:
            pause = min(2 * pause, WebhookLimits.breakerPauseNanosecondsMax)
            open(now)
        case .open: break  // An attempt begun before it opened: known already.
        }
    }

    /// An attempt was not made: a probe is still to be made.
    mutating func returned(now: MonotonicTime) {
        if state == .probing { state = .open(until: now) }
    }

    private mutating func open(_ now: MonotonicTime) {
        state = .open(until: now.advanced(byNanoseconds: pause))
    }
}
