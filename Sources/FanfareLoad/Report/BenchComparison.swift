import Glibc

/// Two sides of the same load, from one run each or, better, from several in turn.
///
/// Runs are paired in the order in which they ended, so that what made the machine slow for a while made both runs of a pair
/// slow. What is compared is the ratio B/A: the geometric mean over the pairs, with Student's 95 % interval of the mean of its
/// logarithms. A ratio needs no unit, and its logarithm treats twice as fast and half as fast alike.
package struct BenchComparison: Sendable {
    /// What can be said of a figure.
    package enum Verdict: String, Sendable {
        /// All of the interval lies on the good side of 1.
        case better
        /// All of it lies on the bad side.
        case worse
        /// The interval holds 1.
        case notToldApart = "cannot be told apart"
        /// One pair has no interval.
        case onePairOnly = "one run each: no interval"
    }

    /// One figure of both sides.
    package struct Row: Sendable {
        /// Which.
        package var name: String
        /// The median of A's runs.
        package var a: Double
        /// The median of B's runs.
        package var b: Double
        /// The geometric mean of B/A.
        package var ratio: Double
        /// In which the ratio lies with 95 % confidence; nil with one pair.
        package var interval: ClosedRange<Double>?
        /// What can be said.
        package var verdict: Verdict
        /// Values are nanoseconds.
        package var isTime: Bool
    }

    /// Figures that both sides have.
    package let rows: [Row]
    /// Pairs of runs.
    package let pairs: Int
    /// What went wrong in runs that are compared, a sentence each: figures of a run that lost something prove nothing.
    package let warnings: [String]

    /// Compares as many runs as the smaller side has, in the order in which they ended.
    package init(_ a: [BenchResult], _ b: [BenchResult]) {
        let a = a.sorted { $0.at < $1.at }
        let b = b.sorted { $0.at < $1.at }
        let pairs = min(a.count, b.count)
        self.pairs = pairs
        warnings = [("A", a), ("B", b)].flatMap { side, results in
            results.prefix(pairs).flatMap { result in
                result.misses.map { "\(side), the run that ended at \(result.at): \($0)" }
            }
        }
        guard let first = a.first, pairs > 0 else {
            rows = []
            return
        }
        let names = Self.figures(first).map { ($0.name, $0.isBetterHigher, $0.isTime) }
        rows = names.compactMap { name, isBetterHigher, isTime in
            func values(_ results: [BenchResult]) -> [Double?] {
                results.prefix(pairs).map { result in Self.figures(result).first { $0.name == name }?.value }
            }
            return Row(name, values(a), values(b), isBetterHigher: isBetterHigher, isTime: isTime)
        }
    }

    private static func figures(_ result: BenchResult) -> [(
        name: String, value: Double, isBetterHigher: Bool, isTime: Bool
    )] {
        let shares = [("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999)]
        let latencies =
            result.groups.map { ($0.title, $0.latency) } + result.others.prefix(2).map { ($0.title, $0.latency) }
        let times = latencies.flatMap { title, latency in
            shares.compactMap { name, share in latency.percentile(share).map { ("\(title), \(name)", $0, false, true) }
            }
        }
        return times + result.figures.map { ($0.name, $0.value, $0.isBetterHigher, false) }
    }
}

extension BenchComparison.Row {
    /// Nil when a run does not have the figure, or one that has no logarithm.
    init?(_ name: String, _ given: [Double?], _ beside: [Double?], isBetterHigher: Bool, isTime: Bool) {
        let (a, b) = (given.compactMap { $0 }, beside.compactMap { $0 })
        guard a.count == given.count, b.count == beside.count, a.count == b.count, !a.isEmpty,
            (a + b).allSatisfy({ $0 > 0 && $0.isFinite })
        else { return nil }
        let logarithms = zip(a, b).map { log($1) - log($0) }
        let count = Double(logarithms.count)
        let mean = logarithms.reduce(0, +) / count
        self.name = name
        self.isTime = isTime
        self.a = Self.median(a)
        self.b = Self.median(b)
        ratio = exp(mean)
        guard logarithms.count > 1 else {
            verdict = .onePairOnly
            return
        }
        let variance = logarithms.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / (count - 1)
        let reach = Self.studentsT(logarithms.count - 1) * sqrt(variance / count)
        guard reach.isFinite else { return nil }
        interval = exp(mean - reach)...exp(mean + reach)
        let isAbove = mean - reach > 0
        let isBelow = mean + reach < 0
        verdict =
            isAbove
            ? (isBetterHigher ? .better : .worse) : isBelow ? (isBetterHigher ? .worse : .better) : .notToldApart
    }

    private static func median(_ values: [Double]) -> Double {
        let sorted = values.sorted()
        let middle = sorted.count / 2
        return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
    }

    /// The two-sided 95 % quantile of Student's distribution, by degrees of freedom from 1; beyond the table the one of 30.
    private static func studentsT(_ degrees: Int) -> Double {
        let table = [
            12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
            2.120,
            2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
        ]
        return table[min(degrees, table.count) - 1]
    }
}
