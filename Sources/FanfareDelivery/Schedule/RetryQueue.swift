import FanfareBase

/// Deliveries that wait for their time, the one due first in front: a binary heap.
struct RetryQueue {
    /// A delivery that waits.
    struct Entry: Equatable {
        var due: MonotonicTime
        var sequence: SequenceNumber
        /// The number of the attempt to come.
        var attempt: Int
        var isOwn: Bool

        /// The attempt it waits for.
        func made(isRedelivery: Bool) -> WebhookAttempt {
            WebhookAttempt(sequence: sequence, number: attempt, isOwn: isOwn, isRedelivery: isRedelivery, due: due)
        }

        func isBefore(_ other: Entry) -> Bool { due == other.due ? sequence < other.sequence : due < other.due }
    }

    private(set) var entries: [Entry] = []

    var first: Entry? { entries.first }

    mutating func insert(_ entry: Entry) {
        entries.append(entry)
        var place = entries.count - 1
        while place > 0, entries[place].isBefore(entries[(place - 1) / 2]) {
            entries.swapAt(place, (place - 1) / 2)
            place = (place - 1) / 2
        }
    }

    mutating func removeFirst() -> Entry {
        entries.swapAt(0, entries.count - 1)
        let first = entries.removeLast()
        sink(0)
        return first
    }

    /// Takes out what `isGone`, in no particular order.
    mutating func remove(where isGone: (Entry) -> Bool) -> [Entry] {
        let gone = entries.filter(isGone)
        if gone.isEmpty { return [] }
        entries.removeAll(where: isGone)
        for place in stride(from: entries.count / 2 - 1, through: 0, by: -1) { sink(place) }
        return gone
    }

    private mutating func sink(_ start: Int) {
        var place = start
        while true {
            var least = place
            for child in [2 * place + 1, 2 * place + 2] where child < entries.count {
                if entries[child].isBefore(entries[least]) { least = child }
            }
            if least == place { return }
            entries.swapAt(place, least)
            place = least
        }
    }
}
