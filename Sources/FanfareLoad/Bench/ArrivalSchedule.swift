import FanfareBase
import Glibc

/// When each event of a run is meant to be sent, decided before the run begins: what a slow service delays is counted from
/// here, so that it cannot hide by slowing its publishers down (coordinated omission).
package enum ArrivalSchedule: Sendable, Hashable {
    /// Evenly, `rate` a second.
    case constant(rate: Double)
    /// Independently of one another, `rate` a second on average: exponentially distributed gaps.
    case poisson(rate: Double, seed: UInt64)
    /// `size` at once, as often as makes `rate` a second.
    case burst(rate: Double, size: Int)
    /// From `rate` a second at the beginning to `peak` at the end, growing evenly.
    case ramp(rate: Double, peak: Double)

    /// Nanoseconds from the beginning, never falling, all below `duration` nanoseconds; at most `countMax`.
    package func offsets(duration: UInt64, countMax: Int) -> [UInt64] {
        let seconds = Double(duration) / 1e9
        switch self {
        case .constant(let rate): return evenly(seconds, countMax) { Double($0) / rate }
        case .burst(let rate, let size): return evenly(seconds, countMax) { Double($0 / size * size) / rate }
        case .ramp(let rate, let peak):
            let growth = (peak - rate) / seconds
            guard growth != 0 else { return Self.constant(rate: rate).offsets(duration: duration, countMax: countMax) }
            // Event i is due when the integral of the rate, `rate * t + growth * t² / 2`, reaches i.
            return evenly(seconds, countMax) { (sqrt(max(0, rate * rate + 2 * growth * Double($0))) - rate) / growth }
        case .poisson(let rate, let seed): return independently(rate, seed, seconds, countMax)
        }
    }

    private func evenly(_ seconds: Double, _ countMax: Int, _ due: (Int) -> Double) -> [UInt64] {
        var offsets: [UInt64] = []
        for index in 0..<countMax {
            let offset = due(index)
            // Where a falling ramp has reached its end, no time is right any more: the root repeats itself.
            guard offset.isFinite, offset < seconds, UInt64(offset * 1e9) >= offsets.last ?? 0 else { break }
            offsets.append(UInt64(offset * 1e9))
        }
        return offsets
    }

    private func independently(_ rate: Double, _ seed: UInt64, _ seconds: Double, _ countMax: Int) -> [UInt64] {
        var random = SeededRandom(seed: seed)
        var offsets: [UInt64] = []
        var at = 0.0
        while offsets.count < countMax {
            // In (0, 1]: the logarithm of zero is none.
            at -= log(1 - random.unit()) / rate
            guard at < seconds else { break }
            offsets.append(UInt64(at * 1e9))
        }
        return offsets
    }
}
