/// How a run went from interval to interval: what was published and delivered in each, and with which latencies.
package struct RunSeries: Sendable {
    /// What happened in one interval.
    package struct Interval: Sendable {
        /// Events sent.
        package var published = 0
        /// From the intended send to the receipt, in nanoseconds, of what was received in it.
        package var latency = Histogram()
    }

    /// Intervals in which events are sent; longer runs have longer ones, of whole seconds.
    package static let intervalsMax = 120
    /// Intervals after those, in which deliveries still come; what comes even later is in the last of them.
    package static let lateIntervalsMax = 60

    /// Nanoseconds of one interval.
    package let intervalNanoseconds: UInt64
    /// From the beginning; those after the last event was sent only as far as something came in them.
    package private(set) var intervals: [Interval]
    /// How many there can be.
    package let countMax: Int

    /// Seconds of CPU that the service has used since it began: at the beginning of the run, then at the end of each interval.
    private var cpuTotals: [Double] = []

    /// The series of a run whose events are sent within `nanoseconds`.
    package init(nanoseconds: UInt64) {
        let seconds = max(1, (nanoseconds + 999_999_999) / 1_000_000_000)
        let each = (seconds + UInt64(Self.intervalsMax) - 1) / UInt64(Self.intervalsMax)
        intervalNanoseconds = each * 1_000_000_000
        intervals = Array(repeating: Interval(), count: Int((seconds + each - 1) / each))
        countMax = intervals.count + Self.lateIntervalsMax
    }

    /// An event was sent, so many nanoseconds after the beginning.
    package mutating func published(at offset: UInt64) { intervals[index(offset)].published += 1 }

    /// A delivery came.
    package mutating func delivered(at offset: UInt64, latency: UInt64) {
        intervals[index(offset)].latency.record(latency)
    }

    /// The service has used so many seconds of CPU: first said at the beginning of the run, then at the end of each interval.
    package mutating func noteCPU(total seconds: Double) {
        if cpuTotals.count <= countMax { cpuTotals.append(seconds) }
    }

    /// Seconds of CPU that the service used in an interval; nil when it was not noted.
    package func cpuSeconds(ofInterval index: Int) -> Double? {
        index + 1 < cpuTotals.count ? cpuTotals[index + 1] - cpuTotals[index] : nil
    }

    /// The interval of an offset, which there is from now on.
    private mutating func index(_ offset: UInt64) -> Int {
        let index = min(Int(offset / intervalNanoseconds), countMax - 1)
        while intervals.count <= index { intervals.append(Interval()) }
        return index
    }
}
