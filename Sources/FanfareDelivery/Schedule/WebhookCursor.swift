import FanfareBase

/// How far a subscription has come, as the journal keeps it.
///
/// Every event at or below `low` and every one in `acknowledged` was delivered, did not match, is a dead letter or has a
/// retry of its own in the journal. What lies between them did not match or was in flight, and is looked at again.
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

    /// Everything up to `taken` except the ascending `open`, and `ahead`, which lies above `taken`.
    init(taken: SequenceNumber, open: [SequenceNumber], ahead: [ClosedRange<SequenceNumber>]) {
        low = open.first.map { SequenceNumber($0.rawValue - 1) } ?? taken
        acknowledged = []
        for (index, sequence) in open.enumerated() {
            let end = index + 1 < open.count ? SequenceNumber(open[index + 1].rawValue - 1) : taken
            if sequence.next <= end { acknowledged.append(sequence.next...end) }
        }
        for range in ahead { acknowledged.appendJoining(range) }
    }

    /// `acknowledged` and each of `sequences` above `low`, as ranges.
    func accounted(with sequences: [SequenceNumber]) -> [ClosedRange<SequenceNumber>] {
        let single = sequences.filter { $0 > low }.map { $0...$0 }
        var joined: [ClosedRange<SequenceNumber>] = []
        for range in (acknowledged + single).sorted(by: { $0.lowerBound < $1.lowerBound }) {
            joined.appendJoining(range)
        }
        return joined
    }
}

extension [ClosedRange<SequenceNumber>] {
    /// Appends a range that begins nowhere before the last one; joined with it when they touch.
    mutating func appendJoining(_ range: Element) {
        guard let last, range.lowerBound <= last.upperBound.next else { return append(range) }
        self[count - 1] = last.lowerBound...Swift.max(last.upperBound, range.upperBound)
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
    /// The event is the service's own.
    package var isOwn: Bool
    /// It was asked for again.
    package var isRedelivery: Bool

    /// A retry.
    package init(
        sequence: SequenceNumber, attempt: Int, due: WallTime, isOwn: Bool = false, isRedelivery: Bool = false
    ) {
        self.sequence = sequence
        self.attempt = attempt
        self.due = due
        self.isOwn = isOwn
        self.isRedelivery = isRedelivery
    }

    /// The retry that makes `attempt`.
    init(_ attempt: WebhookAttempt, due: WallTime) {
        self.init(
            sequence: attempt.sequence, attempt: attempt.number, due: due, isOwn: attempt.isOwn,
            isRedelivery: attempt.isRedelivery)
    }

    /// The attempt to come.
    var next: WebhookAttempt {
        WebhookAttempt(sequence: sequence, number: attempt, isOwn: isOwn, isRedelivery: isRedelivery)
    }
}
