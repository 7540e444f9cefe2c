import FanfareBase
import FanfareLog

/// What a shard knows of sealed segments' topic indexes: the indexes lately used, and what they came to for the
/// selections lately asked for.
struct LogIndexes {
    private struct Plan {
        var segment: SegmentNumber
        var key: String
        var runs: [LogRun]
    }

    private var indexes: [(segment: SegmentNumber, index: SegmentIndex)] = []
    private var plans: [Plan] = []
    /// Segments whose index could not be used: all of them is read.
    private var unusable: Set<SegmentNumber> = []

    /// Whether the index of `segment` can be asked for.
    func isUsable(_ segment: Segment) -> Bool { segment.topicIndex != nil && !unusable.contains(segment.number) }

    /// The stretches of `segment` that hold what is selected; nil while its index has not been read.
    mutating func runs(of segment: Segment, for selection: TopicSelection) -> [LogRun]? {
        if let index = plans.lastIndex(where: { $0.segment == segment.number && $0.key == selection.key }) {
            return plans[index].runs
        }
        guard let index = indexes.first(where: { $0.segment == segment.number })?.index else { return nil }
        let runs = unsafe index.runs { unsafe selection.matches($0) }
        if plans.count == Limits.logPlansMax { plans.removeFirst() }
        plans.append(Plan(segment: segment.number, key: selection.key, runs: runs))
        return runs
    }

    /// The index of a segment has been read.
    mutating func add(_ index: SegmentIndex, of segment: SegmentNumber) {
        if indexes.count == Limits.logIndexesMax { indexes.removeFirst() }
        indexes.append((segment, index))
    }

    /// The index of a segment cannot be read or is damaged.
    mutating func giveUp(on segment: SegmentNumber) { unusable.insert(segment) }
}

extension [LogRun] {
    /// The first run that accounts for a number above `sequence`.
    func first(endingAfter sequence: SequenceNumber) -> LogRun? {
        var low = 0
        var high = count
        while low < high {
            let middle = low + (high - low) / 2
            if self[middle].last > sequence { high = middle } else { low = middle + 1 }
        }
        return low < count ? self[low] : nil
    }
}
