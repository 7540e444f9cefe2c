import FanfareLoad
import FanfareServer

/// `fanfare bench --search`.
extension Bench {
    /// Finds the highest rate that holds the goals of `profile`, and gives the report of the run at it.
    ///
    /// - Throws: When no rate holds them, or the profile has none or no single rate.
    func highestRate(_ profile: LoadProfile, _ loop: ClientLoop) throws(CommandFailure) -> BenchReport {
        guard !profile.goals.all.isEmpty else { throw .usage("--search needs a profile with \"goals\"") }
        guard profile.publish.arrivals != .ramp else { throw .usage("--search needs a profile with one rate, no ramp") }
        let most = ConfigurationRange.profileEvents / max(1, profile.publishMilliseconds) * 1000
        let allowed = 1...max(1, min(ConfigurationRange.requests.upperBound, most))
        var search = RateSearch(from: profile.publish.rate, within: allowed)
        // All are kept: what is late of an earlier run still finds whom it was for.
        var reports: [BenchReport] = []
        var best: BenchReport?
        while let rate = search.next {
            var tried = profile
            tried.publish.rate = rate
            let number = search.tries.count + 1
            do throws(CommandFailure) {
                let report = try measure(tried, loop)
                reports.append(report)
                guard !loop.isInterrupted else { throw .interrupted }
                let isHeld = report.misses.isEmpty
                if isHeld { best = report }
                search.tried(isHeld: isHeld)
                Terminal.line(
                    "try \(number): \(rate) events a second: \(isHeld ? "held" : "missed")\(Self.why(report))")
            } catch {
                // A service that dies holds no rate, and nobody wants to be told one.
                guard !loop.isInterrupted, error.code != EX.software else { throw error }
                search.tried(isHeld: false)
                Terminal.line("try \(number): \(rate) events a second: missed: \(error.message)")
            }
        }
        return try withExtendedLifetime(reports) { () throws(CommandFailure) -> BenchReport in
            guard var best else {
                throw CommandFailure(
                    "no rate holds the goals, down to \(search.lowestMissed ?? 1) a second", code: EX.software)
            }
            best.search = search
            return best
        }
    }

    private static func why(_ report: BenchReport) -> String {
        var words = report.misses.map { ": \($0)" }.joined()
        if let limit = report.limit { words += "; limited by \(limit)" }
        return words
    }
}

extension BenchReport {
    /// For people: what the search has found.
    var searchLines: [String] {
        guard let search, let held = search.highestHeld else { return [] }
        let missed = search.lowestMissed.map { "; \($0) did not" } ?? ""
        return ["\(held) events a second held the goals\(missed), in \(search.tries.count) tries"]
    }
}
