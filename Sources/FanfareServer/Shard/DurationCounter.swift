/// How long something took, counted by powers of two: written by one thread, read by any.
package final class DurationCounter: Sendable {
    /// Bounds: 1 µs, 2 µs, 4 µs and so on to 8.4 s. What takes longer counts as more than any bound.
    package static let boundsCount = 24

    private let counts = (0...boundsCount).map { _ in Counter() }
    private let sum = Counter()

    /// Nothing counted.
    package init() {}

    /// Bound `index`, in microseconds.
    package static func microseconds(ofBound index: Int) -> UInt64 { 1 << UInt64(index) }

    /// Counts `duration`, in nanoseconds, `times` times. Only on the owning thread.
    package func add(_ duration: UInt64, _ times: UInt64) {
        let microseconds = (max(duration, 1) - 1) / 1000
        let index = min(UInt64.bitWidth - microseconds.leadingZeroBitCount, Self.boundsCount)
        counts[index].add(times)
        sum.add(duration &* times)
    }

    /// How many there were between the bound before `index` and that one; beyond all for `boundsCount`. Any thread.
    package func count(_ index: Int) -> UInt64 { counts[index].current }

    /// Nanoseconds of all together. Any thread.
    package var nanoseconds: UInt64 { sum.current }
}
