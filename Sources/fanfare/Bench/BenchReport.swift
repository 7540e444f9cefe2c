import FanfareBase
import FanfareLoad
import FanfareServer

/// What a run has shown, for people and for machines.
struct BenchReport {
    /// Shares of deliveries whose latency is told.
    static let percentiles: [(name: String, share: Double)] = [
        ("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999), ("p99.99", 0.9999), ("max", 1),
    ]
    /// The share of its cores from which on a side counts as what limited the run.
    private static let busyShare = 0.9
    /// Nanoseconds by which 1 % of the sends may be late before the load itself counts as late.
    private static let lateNanosecondsMax: UInt64 = 5_000_000
    /// Cores that others may use before that is told.
    private static let foreignCoresMax = 0.1

    let name: String
    let plan: BenchPlan
    let audience: BenchAudience
    let measures: BenchRun.Measures
    /// The search whose best run this is; nil when nothing was searched.
    var search: RateSearch?

    /// What did not go as it must or as the profile wants it, a sentence each; empty when all is well.
    var misses: [String] {
        var misses: [String] = []
        if audience.outcomes.unsentCount > 0 {
            misses.append("interrupted: the last \(audience.outcomes.unsentCount) events were not sent")
        }
        if audience.misdirected > 0 {
            misses.append("\(audience.misdirected) deliveries reached who had not asked for them")
        }
        for (index, group) in audience.groups.enumerated() {
            let account = audience.account(ofGroup: index)
            if account.lost > 0 { misses.append("\(group.title): \(account.lost) deliveries are lost") }
            if account.reordered > 0 { misses.append("\(group.title): \(account.reordered) came out of order") }
            // A webhook may come twice; a socket's event may not.
            if account.duplicates > 0, group.audience.transport != .webhook {
                misses.append("\(group.title): \(account.duplicates) came twice")
            }
            for (name, share, goal) in group.audience.behaviour == nil ? plan.profile.goals.all : [] {
                let found = group.latency.percentile(share)
                guard found > UInt64(goal) * 1_000_000 else { continue }
                misses.append("\(group.title): \(name) is \(Self.milliseconds(found)) ms, the goal \(goal) ms")
            }
        }
        return misses
    }

    /// What kept the run from being faster or more exact; nil when nothing was near its limit.
    var limit: String? {
        let late = measures.sendDelay.percentile(0.99)
        if measures.loadCPU / measures.seconds > Self.busyShare {
            return
                "the load generator, which used \(Self.share(measures.loadCPU / measures.seconds)) of a core: latencies hold its own delays"
        }
        if late > Self.lateNanosecondsMax {
            return
                "the load generator or the machine: 1 % of the events were sent \(Self.milliseconds(late)) ms late or later"
        }
        let notTaken = audience.outcomes.refusedCount + audience.outcomes.withheldCount
        if notTaken > 0 { return "the service, which did not take \(notTaken) of the events" }
        let machineShare = (measures.machineCPU ?? 0) / measures.watchedSeconds / Double(BenchMachine.cores)
        if machineShare > Self.busyShare {
            return
                "the machine, whose cores were \(Self.share(machineShare)) busy, \(Self.text(measures.foreignCores, 1)) of them with others' work"
        }
        guard let cpu = measures.serviceCPU else { return nil }
        let share = cpu / measures.seconds / Double(plan.profile.shards)
        return share > Self.busyShare ? "the service, which used \(Self.share(share)) of its cores" : nil
    }

    /// For people.
    var lines: [String] {
        var table = Table(
            ["milliseconds", "members", "deliveries", "lost", "twice", "disordered"] + Self.percentiles.map(\.name))
        for (index, group) in audience.groups.enumerated() {
            let account = audience.account(ofGroup: index)
            let counts = [group.members.count, group.deliveries, account.lost, account.duplicates, account.reordered]
            table.add([title(index)] + counts.map(String.init) + Self.cells(group.latency))
        }
        let blank = ["", "", "", "", ""]
        table.add(["last of all receivers"] + blank + Self.cells(audience.timeToLast))
        table.add(["acknowledged"] + blank + Self.cells(measures.acknowledged))
        table.add(["sent late by"] + blank + Self.cells(measures.sendDelay))
        return table.lines + [""] + stageLines + rates
    }

    /// Where the time went, on average: in the service, and after it.
    private var stageLines: [String] {
        guard let stages = measures.stages?.stages, stages.contains(where: { $0.count > 0 }) else { return [] }
        var table = Table(["stage in the service, milliseconds", "mean", "p50", "p99"])
        for stage in stages where stage.count > 0 {
            table.add(
                [stage.name] + [stage.mean, stage.quantile(0.5), stage.quantile(0.99)].map { Self.text($0 * 1e3, 3) })
        }
        if let rest = afterStages { table.add(["then to the sockets", Self.text(rest * 1e3, 3), "", ""]) }
        return table.lines + [""]
    }

    /// Seconds on average from the last stage until sockets that only receive had an event; nil when it cannot be told.
    var afterStages: Double? {
        guard let stages = measures.stages?.stages, stages.contains(where: { $0.count > 0 }) else { return nil }
        var received = Histogram()
        for group in audience.groups where group.audience.transport != .webhook && !isSpecial(group) {
            received.merge(group.latency)
        }
        let rest = received.mean / 1e9 - stages.reduce(0) { $0 + $1.mean }
        return received.count > 0 && rest >= 0 ? rest : nil
    }

    private var rates: [String] {
        let unsent = audience.outcomes.unsentCount
        let count = unsent > 0 ? "\(plan.offsets.count - unsent) of " : ""
        var lines = [
            "\(count)\(plan.offsets.count) events, \(audience.delivered) deliveries in \(Self.text(measures.seconds, 2)) s: "
                + "\(Int(Double(audience.delivered) / measures.seconds)) a second"
        ]
        if let cpu = measures.serviceCPU {
            let rate = cpu > 0 ? "\(Int(Double(audience.delivered) / cpu)) deliveries" : "too little to tell"
            lines.append("the service used \(Self.text(cpu, 2)) s of CPU: \(rate) a CPU second")
        }
        if measures.foreignCores > Self.foreignCoresMax {
            lines.append("others used \(Self.text(measures.foreignCores, 1)) of the machine's cores meanwhile")
        }
        if let bytes = measures.bytesPerSocket { lines.append("a socket took \(bytes) bytes of the service's memory") }
        lines += behaviourLines + searchLines
        lines.append("limited by: \(limit ?? "nothing; the rate was the profile's")")
        return lines
    }

    /// For machines.
    var output: JSONOutput { BenchResultForm.result.write(self) }

    /// Deliveries in each second of the service's CPU; nil when it is not known, or nothing.
    var deliveriesPerCPU: Double? {
        measures.serviceCPU.flatMap { $0 > 0 ? Double(audience.delivered) / $0 : nil }
    }

    /// A group's title, told from those before it with the same one.
    func title(_ index: Int) -> String {
        let title = audience.groups[index].title
        let alike = audience.groups[..<index].count { $0.title == title }
        return alike == 0 ? title : "\(title) (\(alike + 1))"
    }

    private static func cells(_ histogram: Histogram) -> [String] {
        percentiles.map { histogram.count == 0 ? "" : milliseconds(histogram.percentile($0.share)) }
    }

    static func milliseconds(_ nanoseconds: UInt64) -> String { text(Double(nanoseconds) / 1e6, 3) }

    private static func share(_ share: Double) -> String { "\(Int((share * 100).rounded())) %" }

    private static func text(_ value: Double, _ decimals: Int) -> String { DecimalText.text(value, decimals) }
}

extension BenchAudience.Group {
    /// As people call it.
    var title: String {
        let slow = audience.slowPolicy == .catchUp ? "" : ", \(audience.slowPolicy.rawValue) when slow"
        return audience.transport.rawValue + (audience.isEncrypted ? " with tls" : "")
            + (audience.behaviour.map { ", \($0.kind.rawValue)" } ?? "") + slow
    }
}

extension LoadProfile.Goals {
    /// For people: `p50 5 ms, p99 50 ms`; empty when there are none.
    var text: String { all.map { "\($0.name) \($0.milliseconds) ms" }.joined(separator: ", ") }

    /// Those that there are.
    var all: [(name: String, share: Double, milliseconds: Int)] {
        [("p50", 0.5, p50Milliseconds), ("p99", 0.99, p99Milliseconds), ("p99.9", 0.999, p999Milliseconds)].compactMap {
            goal in goal.2.map { (goal.0, goal.1, $0) }
        }
    }
}
