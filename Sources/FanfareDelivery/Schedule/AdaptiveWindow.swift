/// How many attempts an endpoint may have in flight: grows while it answers well, shrinks when it is slow or asks for less.
///
/// Invariant: 1 ≤ size ≤ maximum.
struct AdaptiveWindow {
    private let maximum: Int
    private var limit: Double
    /// Until the first sign of overload each success adds one (the window doubles per round), afterwards one per round.
    private var isDoubling = true
    private var bestLatency: Double?
    private var smoothedLatency = 0.0
    private var answersSinceShrinking = 0

    /// A window of at most `maximum` attempts.
    init(maximum: Int) {
        self.maximum = max(1, min(maximum, WebhookLimits.concurrencyMax))
        limit = Double(min(self.maximum, WebhookLimits.windowInitial))
    }

    /// Attempts that may be in flight.
    var size: Int { Int(limit) }

    mutating func succeeded(latencyNanoseconds: UInt64) {
        let latency = Double(latencyNanoseconds)
        let best = min(bestLatency ?? latency, latency)
        bestLatency = best
        smoothedLatency = smoothedLatency == 0 ? latency : smoothedLatency + (latency - smoothedLatency) / 8
        answersSinceShrinking += 1
        let slow = max(
            best * Double(WebhookLimits.windowSlownessFactor), best + Double(WebhookLimits.windowSlackNanoseconds))
        if smoothedLatency > slow {
            // Once per round: the latencies of what is in flight were caused by the window as it was.
            if answersSinceShrinking >= size { shrink(to: 0.9) }
        } else {
            limit = min(Double(maximum), limit + (isDoubling ? 1 : 1 / limit))
        }
    }

    mutating func overloaded() { shrink(to: 0.5) }

    private mutating func shrink(to share: Double) {
        isDoubling = false
        answersSinceShrinking = 0
        limit = max(1, limit * share)
        // Forgotten slowly, so that an endpoint that has become slower for good is not held at one for ever.
        bestLatency = bestLatency.map { $0 + ($0 < smoothedLatency ? ($0 + smoothedLatency) / 32 : 0) }
    }
}
