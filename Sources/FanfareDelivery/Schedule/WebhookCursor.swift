import FanfareBase

/// How far a subscription has come, as the journal keeps it.
///
/// Every event at or below `low` and every one in `acknowledged` was delivered, did not match, is a dead letter or has a
/// retry of its own in the journal. What lies between them is open: in flight when this was written, to be attempted again.
package struct WebhookCursor: Equatable, Sendable {
    /// Everything up to here is accounted for.
    package var low: SequenceNumber
    /// Accounted for above `low`: ascending, neither overlapping nor adjacent to one another or to `low`.
    package var acknowledged: [ClosedRange<SequenceNumber>]

    /// A cursor.
    package init(low: SequenceNumber, acknowledged: [ClosedRange<SequenceNumber>] = []) {
        self.low = low
        self.acknowledged = acknowledged
    }

    /// Everything up to `taken` except the ascending `open`.
    init(taken: SequenceNumber, open: [SequenceNumber]) {
        low = open.first.map { SequenceNumber($0.rawValue - 1) } ?? taken
        acknowledged = []
        for (index, sequence) in open.enumerated() {
            let end = index + 1 < open.count ? SequenceNumber(open[index + 1].rawValue - 1) : taken
            if sequence.next <= end { acknowledged.append(sequence.next...end) }
        }
    }

    /// The newest sequence that is accounted for.
    var taken: SequenceNumber { acknowledged.last?.upperBound ?? low }

    /// The sequences below `taken` that are not accounted for, ascending.
    var open: [SequenceNumber] {
        var open: [SequenceNumber] = []
        var next = low.next
        for range in acknowledged {
            while next < range.lowerBound {
                open.append(next)
                next = next.next
            }
            next = range.upperBound.next
        }
        return open
    }
}

/// A delivery that is to be tried again, as the journal keeps it.
package struct WebhookRetry: Equatable, Sendable {
    /// The event.
    package var sequence: SequenceNumber
    /// The number of the attempt to come, from 2.
    package var attempt: Int
    /// Not before.
    package var due: WallTime

    /// A retry.
    package init(sequence: SequenceNumber, attempt: Int, due: WallTime) {
        self.sequence = sequence
        self.attempt = attempt
        self.due = due
    }
}
