import FanfareServer

/// What a report says of overload, and of sockets that stall, churn or reconnect.
extension BenchReport {
    /// For people: a line for each such group, and one about what was refused.
    var behaviourLines: [String] {
        var lines: [String] = []
        let outcomes = audience.outcomes
        if plan.profile.publish.isOverload {
            lines.append(
                "\(outcomes.acceptedCount) of \(plan.offsets.count) events were accepted, \(outcomes.refusedCount) "
                    + "refused, \(outcomes.withheldCount) not sent as too many had no answer")
        }
        for (index, group) in audience.groups.enumerated() where isSpecial(group) {
            let conduct = group.conduct
            let account = audience.account(ofGroup: index)
            var words = ["\(group.title):"]
            if conduct.stalls > 0 { words.append("\(conduct.stalls) stalls,") }
            if conduct.departures > 0 { words.append("\(conduct.departures) times gone,") }
            words.append("\(conduct.cuts) times cut off by the service, \(conduct.returns) times back")
            if conduct.comingBack.count > 0 {
                let half = Self.milliseconds(conduct.comingBack.percentile(0.5))
                let most = Self.milliseconds(conduct.comingBack.percentile(0.99))
                words.append("(p50 \(half) ms, p99 \(most) ms)")
            }
            words.append("; \(conduct.gaps) gaps told, \(account.skipped) deliveries skipped in them")
            if account.uncertain > 0 { words.append(", \(account.uncertain) not due for certain") }
            lines.append(words.joined(separator: " ").replacing(" ;", with: ";").replacing(" ,", with: ","))
        }
        return lines
    }

    /// Whether its members do more than receive all there is.
    func isSpecial(_ group: BenchAudience.Group) -> Bool {
        group.audience.behaviour != nil || group.audience.slowPolicy != .catchUp
    }
}
