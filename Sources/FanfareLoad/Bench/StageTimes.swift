/// How long the events of a service took from one stage of their way to the kernel to the next, as its `/metrics` tell
/// (`fanfare_stage_seconds`): since its start, or between two looks.
package struct StageTimes: Sendable, Equatable {
    /// One stage, timed from the end of the one before.
    package struct Stage: Sendable, Equatable {
        /// As the service calls it.
        package var name: String
        /// Events.
        package var count = 0.0
        /// Seconds of all together.
        package var seconds = 0.0
        /// By bound: seconds, and how many events took at most that long. Bounds ascend; the last one is infinite.
        package var bounds: [(seconds: Double, count: Double)] = []

        /// Seconds on average; 0 when there were no events.
        package var mean: Double { count > 0 ? seconds / count : 0 }

        /// Seconds that `share` of the events took at most, as far as the bounds tell: between two of them it is taken as
        /// even. Beyond the last finite bound that bound is given; 0 when there were no events.
        package func quantile(_ share: Double) -> Double {
            var below = (seconds: 0.0, count: 0.0)
            for bound in bounds {
                if bound.count > below.count, bound.count >= share * count {
                    guard bound.seconds.isFinite else { return below.seconds }
                    let part = (share * count - below.count) / (bound.count - below.count)
                    return below.seconds + max(0, part) * (bound.seconds - below.seconds)
                }
                below = bound
            }
            return 0
        }

        package static func == (one: Stage, other: Stage) -> Bool {
            one.name == other.name && one.count == other.count && one.seconds == other.seconds
                && one.bounds.elementsEqual(other.bounds, by: ==)
        }
    }

    /// In the order in which an event passes them.
    package private(set) var stages: [Stage] = []

    /// What `page`, in Prometheus' text format, tells; no stages when it has none.
    package init(page: String) {
        for line in page.split(separator: "\n") where line.hasPrefix("fanfare_stage_seconds_") {
            // fanfare_stage_seconds_bucket{stage="decoded",le="1e-06"} 12
            let parts = line.split(separator: " ")
            let quoted = parts[0].split(separator: "\"", omittingEmptySubsequences: false)
            guard parts.count == 2, quoted.count >= 3, let value = Double(parts[1]), value.isFinite,
                value >= 0
            else { continue }
            let name = String(quoted[1])
            if stages.last?.name != name { stages.append(Stage(name: name)) }
            let last = stages.count - 1
            if line.hasPrefix("fanfare_stage_seconds_bucket"), quoted.count >= 5 {
                stages[last].bounds.append((quoted[3] == "+Inf" ? .infinity : Double(quoted[3]) ?? .infinity, value))
            } else if line.hasPrefix("fanfare_stage_seconds_sum") {
                stages[last].seconds = value
            } else if line.hasPrefix("fanfare_stage_seconds_count") {
                stages[last].count = value
            }
        }
    }

    /// What has come since `earlier`, a look at the same service.
    package func since(_ earlier: StageTimes) -> StageTimes {
        var difference = self
        for (index, before) in earlier.stages.enumerated() where index < stages.count {
            difference.stages[index].count -= before.count
            difference.stages[index].seconds -= before.seconds
            for bound in before.bounds.indices where bound < stages[index].bounds.count {
                difference.stages[index].bounds[bound].count -= before.bounds[bound].count
            }
        }
        // Nothing falls, unless what was looked at is another service, or one that has been started again.
        let isWhole = difference.stages.allSatisfy { $0.count >= 0 && $0.seconds >= 0 }
        if !isWhole { difference.stages = [] }
        return difference
    }
}
