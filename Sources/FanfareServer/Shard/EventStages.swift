import FanfareBase

/// The stages of an event's way from a publisher to the kernel. Each is timed from the end of the one before.
package enum EventStage: Int, CaseIterable, Sendable {
    /// From the turn in which its request was complete: it is a validated record.
    case decoded
    /// It is durable at its topic's level, and its publisher is answered.
    case committed
    /// On each shard: it is known which interests match it.
    case matched
    /// Its first frame is made.
    case framed
    /// The turn ends, and with it the kernel gets its first sends.
    case handed

    /// As it is called in `/metrics`.
    package var name: String { "\(self)" }
}

/// What one shard knows of events that have been matched and not handed to the kernel yet.
///
/// An event whose members have all moved on without it (they wait for their connections, or read the log) is forgotten, and
/// so is the oldest beyond `batchesMax`: stages are a sample of what went straight through, not an account.
package struct EventStages {
    private struct Events {
        var last: SequenceNumber
        var count: UInt64
        var at: MonotonicTime
    }

    /// Batches of matched events that are remembered until they are framed.
    package static let batchesMax = 64

    /// Everything up to here has been framed or came before.
    package private(set) var framedThrough = SequenceNumber.zero
    private var matched = RingQueue<Events>(limit: EventStages.batchesMax)
    private var framed: [Events] = []

    /// Nothing is on its way.
    package init() {}

    /// `count` events up to `last` matched, at `time`.
    package mutating func noteMatched(_ count: UInt64, through last: SequenceNumber, at time: MonotonicTime) {
        if matched.isFull { _ = matched.popFirst() }
        _ = matched.append(Events(last: last, count: count, at: time))
    }

    /// An event's first frame was made. Those before it count as framed with it, whoever they are for.
    package mutating func noteFramed(
        through sequence: SequenceNumber, at time: MonotonicTime, _ times: [DurationCounter]
    ) {
        framedThrough = sequence
        while let events = matched.first, events.last <= sequence {
            _ = matched.popFirst()
            times[EventStage.framed.rawValue].add(time.nanoseconds(since: events.at), events.count)
            framed.append(Events(last: events.last, count: events.count, at: time))
        }
    }

    /// Whether the turn has framed events that `noteHanded` is to be told of.
    package var hasFramed: Bool { !framed.isEmpty }

    /// The turn ends at `time`.
    package mutating func noteHanded(at time: MonotonicTime, _ times: [DurationCounter]) {
        for events in framed {
            times[EventStage.handed.rawValue].add(time.nanoseconds(since: events.at), events.count)
        }
        framed.removeAll(keepingCapacity: true)
    }

    /// Everyone has been visited: what has not been framed is for nobody who takes it now.
    package mutating func forgetMatched() { matched.removeAll() }
}
