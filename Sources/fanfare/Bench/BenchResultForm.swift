import FanfareBase
import FanfareLoad
import FanfareServer

/// The table behind a run's JSON result and its schema.
enum BenchResultForm {
    /// The JSON Schema, for people.
    static var page: [UInt8] {
        JSONSchema.document(
            title: "A result of fanfare bench", meaning: "What one run has shown, and on which machine.", result.schema
        ).page
    }

    /// The result. Times end in `_ns` (nanoseconds) or `_seconds`.
    static var result: ResultForm<BenchReport> { ResultForm(origin + totals + course + search) }

    private static var origin: [ResultField<BenchReport>] {
        [
            .init("profile", "The profile's name.") { $0.name },
            .init("at", "When the run ended (RFC 3339).") { _ in RFC3339.text(Clock.wall) },
            .init("versions", "What was running.", versions) { _ in BenchVersions.current },
            .init("commit", "The commit of the checkout in which the command ran; null outside one.") { _ in
                BenchCommit.current
            },
            .init("command", "The command line, without a token.") { _ in BenchCommand.text(CommandLine.arguments) },
            .init("machine", "Where it was running.", machine) { _ in BenchMachine.current },
            .init(
                "load", "The profile with every default: see fanfare schema profile.", LoadProfile.schema,
                isRequired: true
            ) { $0.plan.profile.output },
        ]
    }

    private static var totals: [ResultField<BenchReport>] {
        [
            .init("events", "Events that were to be published.") { $0.plan.offsets.count },
            .init("deliveries", "Deliveries, repeated ones not counted.") { $0.audience.delivered },
            .init("seconds", "From the first event's time to the last delivery.") { $0.measures.seconds },
            .init("deliveries_per_second", "Deliveries in each of those seconds on average.") {
                Double($0.audience.delivered) / $0.measures.seconds
            },
            .init(
                "deliveries_per_cpu_second",
                "Deliveries in each second of the service's CPU; null when that is not known, or nothing."
            ) { $0.deliveriesPerCPU },
            .init("service_cpu_seconds", "CPU that the service used; null when it was not started for the run.") {
                $0.measures.serviceCPU
            },
            .init("load_cpu_seconds", "CPU that the load generator used.") { $0.measures.loadCPU },
            .init(
                "machine_cpu_seconds",
                "CPU that everything on the machine used, and what its host took from it; null when the kernel does not tell."
            ) { $0.measures.machineCPU },
            .init(
                "bytes_per_socket",
                "Resident memory of the service that each socket added; null when it was not started for the run, or there are fewer than 100."
            ) { $0.measures.bytesPerSocket },
            .init("limited_by", "What kept the run from being faster or more exact; null when nothing did.") {
                $0.limit
            },
            .init("misses", "What did not go as it must or as the profile wants it, a sentence each.") { $0.misses },
        ]
    }

    private static var course: [ResultField<BenchReport>] {
        [
            .init("subscribers", "By group of the profile.", listOf: group) { report in
                report.audience.groups.indices.map { GroupResult(report, $0) }
            },
            .init("last_of_all_ns", "From an event's time until its last receiver had it.", latency) {
                $0.audience.timeToLast
            },
            .init("acknowledged_ns", "From an event's time to its acknowledgement.", latency) {
                $0.measures.acknowledged
            },
            .init("sent_late_ns", "From an event's time until it was sent: the load's own delay.", latency) {
                $0.measures.sendDelay
            },
            .init("intervals", "The course of the run.", listOf: interval) { report in
                let series = report.audience.series
                return series.intervals.indices.map { IntervalResult(series: series, index: $0) }
            },
            .init("stages", "An event's way through the service, in its order.", listOf: stage) {
                $0.measures.stages?.stages ?? []
            },
            .init(
                "after_stages_seconds",
                "From the last stage until sockets that only receive had an event, on average; null when that cannot be told."
            ) { $0.afterStages },
            .init("accepted", "Events that the service took.") { $0.audience.outcomes.acceptedCount },
            .init("refused", "Events that it answered with 429 or 503.") { $0.audience.outcomes.refusedCount },
            .init("withheld", "Events that were not sent, as too many had no answer.") {
                $0.audience.outcomes.withheldCount
            },
            .init("unsent", "Events whose time had not come when the run was interrupted.") {
                $0.audience.outcomes.unsentCount
            },
        ]
    }

    // MARK: Parts

    private static var versions: ResultForm<BenchVersions> {
        ResultForm([
            .init("fanfare", "The load generator's, and that of a service started for the run.") { $0.fanfare },
            .init("swift", "The compiler's, as it says itself; null when the program has been stripped of it.") {
                $0.swift
            },
            .init("openssl", "The TLS library's.") { $0.openSSL },
            .init("liburing", "That of the library for io_uring; null when its file does not tell.") { $0.liburing },
        ])
    }

    private static var machine: ResultForm<BenchMachine> {
        ResultForm([
            .init("processor", "Its name; empty when the kernel does not tell.") { $0.processor },
            .init("cores", "How many cores it has.") { $0.cores },
            .init("memory_bytes", "How much memory it has.") { $0.memoryBytes },
            .init("kernel", "The kernel's release.") { $0.kernel },
        ])
    }

    private static var latency: ResultForm<Histogram> {
        ResultForm(
            [
                .init("count", "How many were timed.") { Int($0.count) },
                .init("mean", "On average.") { $0.mean },
            ]
                + BenchReport.percentiles.map { percentile in
                    let meaning = percentile.share == 1 ? "The greatest." : "What such a share of them does not exceed."
                    return .init(percentile.name, meaning) { Int($0.percentile(percentile.share)) }
                } + [
                    .init("curve", "Shares of those timed, and what they do not exceed.") {
                        $0.curve.map { [$0.share, Double($0.value)] }
                    }
                ])
    }

    private struct GroupResult {
        let title: String
        let group: BenchAudience.Group
        let account: BenchAudience.Account
        /// Nil for those that only receive.
        let conduct: (of: BenchConduct, account: BenchAudience.Account)?

        init(_ report: BenchReport, _ index: Int) {
            group = report.audience.groups[index]
            title = report.title(index)
            account = report.audience.account(ofGroup: index)
            conduct = report.isSpecial(group) ? (group.conduct, account) : nil
        }
    }

    private static var group: ResultForm<GroupResult> {
        ResultForm(
            [
                .init("title", "As people call it.") { $0.title },
                .init("transport", "websocket, sse, stream or webhook.") { $0.group.audience.transport.rawValue },
                .init("tls", "Whether its connections were encrypted.") { $0.group.audience.isEncrypted },
                .init("count", "Members.") { $0.group.members.count },
                .init("deliveries", "What they received, repeated deliveries not counted.") { $0.group.deliveries },
                .init("lost", "Deliveries that did not come.") { $0.account.lost },
                .init("duplicates", "Deliveries that came again.") { $0.account.duplicates },
                .init("reordered", "Deliveries that came after a later one.") { $0.account.reordered },
                .init("latency_ns", "From an event's time to its receipt.", latency) { $0.group.latency },
            ] + conduct.map { $0.of(\.conduct) })
    }

    private static var conduct: [ResultField<(of: BenchConduct, account: BenchAudience.Account)>] {
        [
            .init("stalls", "Times that one stopped reading.") { $0.of.stalls },
            .init("departures", "Times that one left or was cut off by the load.") { $0.of.departures },
            .init("cuts", "Times that the service ended a connection.") { $0.of.cuts },
            .init("returns", "Times that one was back.") { $0.of.returns },
            .init("gaps", "Gaps that were told.") { $0.of.gaps },
            .init("skipped", "Deliveries that lie in such gaps.") { $0.account.skipped },
            .init("uncertain", "Deliveries that may or may not have come, as a member was coming or leaving.") {
                $0.account.uncertain
            },
            .init("coming_back_ns", "From the beginning of coming back to the subscription.", latency) {
                $0.of.comingBack
            },
        ]
    }

    private struct IntervalResult {
        let series: RunSeries
        let index: Int

        var seconds: Double { series.seconds(ofInterval: index) }
        var interval: RunSeries.Interval { series.intervals[index] }

        func time(_ share: Double) -> Int? {
            interval.latency.count == 0 ? nil : Int(interval.latency.percentile(share))
        }
    }

    private static var interval: ResultForm<IntervalResult> {
        ResultForm([
            .init("end_seconds", "From the beginning to its end: the last one ends with the run.") {
                Double($0.series.end(ofInterval: $0.index)) / 1e9
            },
            .init("published_per_second", "Events sent in each of its seconds.") {
                Double($0.interval.published) / $0.seconds
            },
            .init("delivered_per_second", "Deliveries in each of its seconds.") {
                Double($0.interval.latency.count) / $0.seconds
            },
            .init("p50_ns", "Latency of half of what came in it; null when nothing came.") { $0.time(0.5) },
            .init("p99_ns", "Of 99 %.") { $0.time(0.99) },
            .init("max_ns", "The greatest.") { $0.time(1) },
            .init(
                "service_cpu_per_second",
                "Seconds of CPU that the service used in each of its seconds; null when it was not started for the run, or the interval was cut too short to tell."
            ) { $0.series.cpuPerSecond(ofInterval: $0.index) },
        ])
    }

    private static var stage: ResultForm<StageTimes.Stage> {
        ResultForm([
            .init("stage", "As the service calls it.") { $0.name },
            .init("events", "Events that passed it.") { $0.count },
            .init("mean_seconds", "From the end of the stage before, on average.") { $0.mean },
            .init("p50_seconds", "Half of the events took at most this long, as far as the bounds of /metrics tell.") {
                $0.quantile(0.5)
            },
            .init("p99_seconds", "99 %.") { $0.quantile(0.99) },
        ])
    }

    // MARK: Search

    private static var search: [ResultField<BenchReport>] {
        let form = ResultForm<RateSearch>([
            .init("highest_held", "The highest rate that held the goals, in events a second; null when none did.") {
                $0.highestHeld
            },
            .init("lowest_missed", "The lowest rate that did not; null when none was found.") { $0.lowestMissed },
            .init(
                "tries", "What was tried, in its order.",
                listOf: ResultForm<RateSearch.Try>([
                    .init("rate", "Events a second.") { $0.rate },
                    .init("held", "Whether the goals held.") { $0.isHeld },
                ])
            ) { $0.tries },
        ])
        return [
            ResultField<RateSearch>(
                "search", "What --search found; this is the run at the highest rate that held.", form
            ) {
                $0
            }.of(\.search)
        ]
    }
}
