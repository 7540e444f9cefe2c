/// How a run went from interval to interval: what was published and delivered in each, and with which latencies.
package struct RunSeries: Sendable {
    /// What happened in one interval.
    package struct Interval: Sendable {
        /// Events sent.
        package var published = 0
        /// From the intended send to the receipt, in nanoseconds, of what was received in it.
        package var latency = Histogram()
    }

    /// Intervals of a run; longer runs have longer ones, of whole seconds.
    package static let intervalsMax = 120

    /// Nanoseconds of one interval.
    package let intervalNanoseconds: UInt64
    /// From the beginning; what came after the end of the run is in the last one.
    package private(set) var intervals: [Interval]

    /// The series of a run whose events are sent within `nanoseconds`.
    package init(nanoseconds: UInt64) {
        let seconds = max(1, (nanoseconds + 999_999_999) / 1_000_000_000)
        let each = (seconds + UInt64(Self.intervalsMax) - 1) / UInt64(Self.intervalsMax)
        intervalNanoseconds = each * 1_000_000_000
        intervals = Array(repeating: Interval(), count: Int((seconds + each - 1) / each))
    }

    /// An event was sent, so many nanoseconds after the beginning.
    package mutating func published(at offset: UInt64) { intervals[index(offset)].published += 1 }

    /// A delivery came.
    package mutating func delivered(at offset: UInt64, latency: UInt64) {
        intervals[index(offset)].latency.record(latency)
    }

    private func index(_ offset: UInt64) -> Int { min(Int(offset / intervalNanoseconds), intervals.count - 1) }
}
