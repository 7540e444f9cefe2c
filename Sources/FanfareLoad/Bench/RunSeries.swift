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

    /// Seconds of CPU that the service has used since it began, and when that was noted: at the beginning of the run, then at
    /// the end of each interval.
    private var cpuTotals: [(seconds: Double, at: UInt64)] = []
    /// When the run ended; nil while it goes on.
    private var endedAt: UInt64?

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

    /// The service has used so many seconds of CPU, said so many nanoseconds after the beginning: first at the beginning of
    /// the run, then at the end of each interval, then at the end of the run.
    package mutating func noteCPU(total seconds: Double, at offset: UInt64) {
        if cpuTotals.count <= countMax { cpuTotals.append((seconds, offset)) }
    }

    /// Seconds of CPU that the service used in each second of an interval; nil when it was not noted, or too shortly after
    /// the beginning of the interval: the kernel counts in hundredths of a second.
    package func cpuPerSecond(ofInterval index: Int) -> Double? {
        guard index + 1 < cpuTotals.count else { return nil }
        let (before, after) = (cpuTotals[index], cpuTotals[index + 1])
        guard after.at >= before.at + intervalNanoseconds / 2 else { return nil }
        return (after.seconds - before.seconds) / (Double(after.at - before.at) / 1e9)
    }

    /// The run ended so many nanoseconds after the beginning: so did the interval in which it ended, and there are none after it.
    package mutating func ended(at offset: UInt64) {
        endedAt = offset
        while intervals.count > 1, UInt64(intervals.count - 1) * intervalNanoseconds >= offset {
            intervals.removeLast()
        }
    }

    /// From the beginning of the run to the end of an interval, in nanoseconds.
    package func end(ofInterval index: Int) -> UInt64 {
        let end = intervalNanoseconds * UInt64(index + 1)
        guard let endedAt, endedAt > end - intervalNanoseconds else { return end }
        return min(end, endedAt)
    }

    /// Seconds of an interval.
    package func seconds(ofInterval index: Int) -> Double {
        Double(end(ofInterval: index) - intervalNanoseconds * UInt64(index)) / 1e9
    }

    /// The interval of an offset, which there is from now on.
    private mutating func index(_ offset: UInt64) -> Int {
        let index = min(Int(offset / intervalNanoseconds), countMax - 1)
        while intervals.count <= index { intervals.append(Interval()) }
        return index
    }
}
