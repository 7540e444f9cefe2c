import FanfareLoad
import Testing

@Suite struct ReportTests {
    /// A result whose socket group has this p50 and p99, in nanoseconds.
    private func json(p50: Int, p99: Int, rate: Double, at: String = "2026-01-01T00:00:00Z", name: String = "x")
        -> String
    {
        """
        {"profile": "\(name)", "at": "\(at)", "versions": {"fanfare": "1", "swift": "6", "liburing": null}, "commit": "abc", "machine": {"processor": "<CPU> & co", "cores": 2},
         "load": {"description": "a \\"load\\""}, "deliveries_per_second": \(rate), "misses": ["one <b>miss</b>"],
         "subscribers": [{"transport": "sse", "tls": true, "count": 3, "deliveries": 30, "lost": 1, "duplicates": 2, "reordered": 4,
           "latency_ns": {"count": 1000, "mean": 5, "curve": [[0, 1], [0.5, \(p50)], [0.99, \(p99)], [1, 90000000]]}}],
         "intervals": [{"end_seconds": 1, "published_per_second": 7, "delivered_per_second": 5, "p50_ns": 10, "p99_ns": 20,
           "max_ns": 30, "service_cpu_per_second": 0.25}, {"end_seconds": 2}],
         "after_stages_seconds": 0.004, "stages": [{"stage": "decoded", "mean_seconds": 0.001, "p50_seconds": 0.0005, "p99_seconds": 0.002}]}
        """
    }

    private func result(p50: Int, p99: Int, rate: Double, at: String = "2026-01-01T00:00:00Z") throws -> BenchResult {
        try BenchResult(Array(json(p50: p50, p99: p99, rate: rate, at: at).utf8))
    }

    @Test func aResultIsReadBack() throws {
        let result = try result(p50: 100, p99: 400, rate: 1000)
        #expect(result.groups.map(\.title) == ["sse with tls"])
        #expect(result.groups[0].counts == [3, 30, 1, 2, 4])
        #expect(result.groups[0].latency.percentile(0.5) == 100)
        #expect(result.groups[0].latency.percentile(0.6) == 400)
        #expect(result.groups[0].latency.percentile(0.9999) == nil, "of 1,000 values it is the greatest")
        #expect(result.groups[0].latency.percentile(1) == 90_000_000)
        #expect(result.intervals.map(\.end) == [1, 2])
        #expect(result.intervals[1].p50 == nil)
        #expect(result.intervals.map(\.most) == [30, nil])
        #expect(result.intervals.map(\.cpu) == [0.25, nil])
        #expect(result.facts.map(\.name) == ["ended", "fanfare", "swift", "commit", "processor", "cores"])
        #expect(result.stages.map(\.name) == ["decoded"])
    }

    @Test(arguments: ["", "{}", "[1]", #"{"profile": 1}"#, #"{"profile": "x", "load": {}, "subscribers": 1}"#])
    func whatIsNoResultIsRefused(text: String) {
        #expect(throws: BenchResult.Failure.self) { try BenchResult(Array(text.utf8)) }
    }

    @Test func onePairHasNoInterval() throws {
        let comparison = BenchComparison(
            [try result(p50: 100, p99: 400, rate: 1000)], [try result(p50: 50, p99: 400, rate: 2000)])
        let rows = Dictionary(uniqueKeysWithValues: comparison.rows.map { ($0.name, $0) })
        #expect(comparison.pairs == 1)
        #expect(rows["sse with tls, p50"].map { abs($0.ratio - 0.5) < 1e-9 } == true)
        #expect(rows["deliveries a second"].map { abs($0.ratio - 2) < 1e-9 } == true)
        #expect(comparison.rows.allSatisfy { $0.interval == nil && $0.verdict == .onePairOnly })
    }

    @Test func whatDiffersInEveryPairAlikeIsToldApartThoughTheMachineDrifts() throws {
        // The machine slows down threefold; B takes half of A's time throughout, and delivers twice as much.
        let a = try [100, 200, 300].enumerated().map {
            try result(p50: $1, p99: 4 * $1, rate: 1e5 / Double($1), at: "\($0)")
        }
        let b = try [51, 100, 149].enumerated().map {
            try result(p50: $1, p99: 4 * $1, rate: 1e5 / Double($1), at: "\($0)")
        }
        let rows = Dictionary(uniqueKeysWithValues: BenchComparison(a, b).rows.map { ($0.name, $0) })
        #expect(rows["sse with tls, p50"]?.verdict == .better)
        #expect(rows["deliveries a second"]?.verdict == .better)
        #expect(rows["sse with tls, p50"]?.interval.map { $0.contains(0.5) && $0.upperBound < 0.55 } == true)
        #expect(BenchComparison(b, a).rows.first?.verdict == .worse)
    }

    @Test func whatDiffersNowSoNowSoIsNotToldApart() throws {
        let a = try [100, 200, 100].enumerated().map { try result(p50: $1, p99: 400, rate: 1000, at: "\($0)") }
        let b = try [200, 100, 110].enumerated().map { try result(p50: $1, p99: 400, rate: 1000, at: "\($0)") }
        #expect(BenchComparison(a, b).rows.first?.verdict == .notToldApart)
    }

    @Test func aRunThatLostSomethingIsToldWhenItIsCompared() throws {
        let comparison = BenchComparison([try result(p50: 1, p99: 4, rate: 1)], [try result(p50: 1, p99: 4, rate: 1)])
        #expect(comparison.warnings.count == 2)
        #expect(comparison.warnings[0].hasPrefix("A, ") && comparison.warnings[0].contains("one <b>miss</b>"))
    }

    @Test func runsArePairedInTheOrderOfTheirEnds() throws {
        let a = try [(1, 100), (0, 200)].map { try result(p50: $1, p99: 400, rate: 1000, at: "\($0)") }
        let b = try [(0, 400), (1, 200)].map { try result(p50: $1, p99: 400, rate: 1000, at: "\($0)") }
        #expect(BenchComparison(a, b).rows.first?.interval.map { $0.upperBound - $0.lowerBound < 1e-9 } == true)
    }

    @Test func aPageEscapesWhatItShows() throws {
        let page = ReportPage(try result(p50: 100, p99: 400, rate: 1000)).text
        #expect(page.contains("&lt;CPU&gt; &amp; co"))
        #expect(page.contains("one &lt;b&gt;miss&lt;/b&gt;"))
        #expect(!page.contains("<b>miss"))
        #expect(page.contains("<polyline"))
    }

    @Test func theCourseShowsWhatTheDataHaveAndNothingElse() throws {
        let all = json(p50: 100, p99: 400, rate: 1000)
        let page = ReportPage(try BenchResult(Array(all.utf8))).text
        for title in [
            "then to the sockets", "4 ms", "Deliveries a second", "Events published a second", "max, 1 s: 30 ns",
            "CPU of the service, in cores",
        ] {
            #expect(page.contains(title))
        }
        let without = all.replacing(", \"service_cpu_per_second\": 0.25", with: "")
            .replacing("\"max_ns\": 30", with: "\"max_ns\": null")
            .replacing("\"published_per_second\": 7, ", with: "")
        let less = ReportPage(try BenchResult(Array(without.utf8))).text
        #expect(!less.contains("CPU of the service") && !less.contains("published") && !less.contains("</span>max"))
        #expect(less.contains("Deliveries a second"))
    }

    @Test func aLinearAxisBeginsAtZeroAndEndsAtARoundValue() {
        let scale = Scale(.linear, holding: [3, 87], from: 0, to: 100)
        #expect(scale.bounds == 0...100)
        #expect(scale.ticks == [0, 20, 40, 60, 80, 100])
        #expect(scale.place(25) == 25)
        #expect(scale.place(1000) == 100)
        #expect(Scale(.linear, holding: [], from: 0, to: 1).ticks.count > 1)
        #expect(Scale(.linear, holding: [0], from: 0, to: 1).ticks.count > 1)
    }

    @Test func aLogarithmicAxisGoesFromPowerOfTenToPowerOfTen() {
        let scale = Scale(.logarithmic, holding: [150, 2_000], from: 10, to: 30)
        #expect(scale.bounds == 100...10_000)
        #expect(scale.ticks == [100, 1_000, 10_000])
        #expect(abs(scale.place(1_000) - 20) < 1e-9)
        #expect(Scale(.logarithmic, holding: [0], from: 0, to: 1).ticks == [1, 10])
    }

    @Test func aSeriesCountsByIntervalAndGoesOnAsLongAsSomethingComes() {
        var series = RunSeries(nanoseconds: 2_500_000_000)
        #expect(series.intervals.count == 3)
        series.published(at: 0)
        series.published(at: 1_000_000_000)
        series.delivered(at: 4_000_000_000, latency: 7)
        #expect(series.intervals.map(\.published) == [1, 1, 0, 0, 0])
        #expect(series.intervals.map(\.latency.count) == [0, 0, 0, 0, 1])
        series.delivered(at: 3_600_000_000_000, latency: 7)
        #expect(series.intervals.count == series.countMax, "what comes even later is in the last one")
        #expect(series.intervals.last?.latency.count == 1)
        #expect(RunSeries(nanoseconds: 3_600_000_000_000).intervals.count == RunSeries.intervalsMax)
    }

    @Test func theCPUOfAnIntervalIsWhatWasUsedFromItsBeginningToItsEnd() {
        var series = RunSeries(nanoseconds: 3_000_000_000)
        #expect(series.cpuPerSecond(ofInterval: 0) == nil)
        for (second, total) in [10, 10.5, 12.5].enumerated() {
            series.noteCPU(total: total, at: UInt64(second) * 1_000_000_000)
        }
        #expect((0...3).map { series.cpuPerSecond(ofInterval: $0) } == [0.5, 2, nil, nil])
        series.noteCPU(total: 13, at: 3_000_000_000)
        #expect(series.cpuPerSecond(ofInterval: 2) == 0.5)
    }

    @Test func theIntervalInWhichTheRunEndsIsAsLongAsItWas() {
        var series = RunSeries(nanoseconds: 5_000_000_000)
        series.noteCPU(total: 10, at: 0)
        series.noteCPU(total: 11, at: 1_000_000_000)
        series.noteCPU(total: 11.75, at: 1_750_000_000)
        series.ended(at: 1_750_000_000)
        #expect(series.intervals.count == 2)
        #expect((0...1).map { series.seconds(ofInterval: $0) } == [1, 0.75])
        #expect((0...1).map { series.end(ofInterval: $0) } == [1_000_000_000, 1_750_000_000])
        #expect((0...1).map { series.cpuPerSecond(ofInterval: $0) } == [1, 1], "not 0.75 of its last second")
    }

    @Test func theCPUOfAnIntervalThatHadHardlyBegunIsNotTold() {
        var series = RunSeries(nanoseconds: 2_000_000_000)
        for (total, offset) in [(10, 0), (11, 1_000_000_000), (11.01, 1_020_000_000)] {
            series.noteCPU(total: total, at: UInt64(offset))
        }
        #expect((0...1).map { series.cpuPerSecond(ofInterval: $0) } == [1, nil])
    }

    @Test func theCurveIsNoFinerThanTheValuesAndEndsWithTheGreatest() {
        var histogram = Histogram()
        for value in 1...100 as ClosedRange<UInt64> { histogram.record(value) }
        #expect(histogram.curve.last.map { $0.share == 1 && $0.value == 100 } == true)
        #expect(histogram.curve.dropLast().allSatisfy { $0.share <= 0.99 })
        #expect(histogram.curve.first { $0.share == 0.5 }?.value == 50)
        #expect(Histogram().curve.isEmpty)
    }
}
