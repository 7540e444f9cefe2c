import FanfareBase

/// When a failed delivery is tried again.
package struct RetryPolicy: Equatable, Sendable {
    /// Nanoseconds from each failure to the next attempt: the first failure waits `delays[0]`. After the last, the delivery
    /// is a dead letter.
    package var delays: [Int]
    /// The share by which a delay is made longer or shorter, 0 to 1, so that many failures do not come back at once.
    package var jitter: Double

    /// A policy; the default is the contract's.
    package init(delays: [Int] = Self.defaultDelays, jitter: Double = 0.2) {
        self.delays = delays
        self.jitter = jitter
    }

    /// 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h.
    package static let defaultDelays = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400].map {
        $0 * 1_000_000_000
    }

    /// Nanoseconds to wait after attempt `number` (from 1) failed; nil when it was the last. `random` is any 64 bits.
    package func delay(afterAttempt number: Int, random: UInt64) -> Int? {
        guard number >= 1, number <= delays.count else { return nil }
        let unit = Double(random >> 11) / Double(1 << 53)
        return Int(Double(delays[number - 1]) * (1 + jitter * (2 * unit - 1)))
    }
}
