import Synchronization

/// A number only one thread writes and any may read: a relaxed load and store instead of a locked addition.
package final class Counter: Sendable {
    private let value = Atomic<UInt64>(0)

    /// Zero.
    package init() {}

    /// Adds `amount`. Only on the owning thread.
    @inline(__always) package func add(_ amount: UInt64) {
        value.store(value.load(ordering: .relaxed) &+ amount, ordering: .relaxed)
    }

    /// Makes it `amount`. Only on the owning thread.
    @inline(__always) package func set(_ amount: UInt64) { value.store(amount, ordering: .relaxed) }

    /// The number as last written; any thread.
    @inline(__always) package var current: UInt64 { value.load(ordering: .relaxed) }
}

/// One shard's counters: written by its shard alone, read by whichever shard answers `/metrics`, which says what each is.
final class ShardMetrics: Sendable {
    let connectionsAccepted = Counter()
    let connectionsRefused = Counter()
    let connectionsTurnedAway = Counter()
    let connectionsClosed = Counter()
    let tlsFailures = Counter()
    let receiveBuffersExhausted = Counter()
    let outputOverflows = Counter()
    let bytesSent = Counter()
    let sends = Counter()
    let shortSends = Counter()
    let requests = Counter()
    let requestsRefused = Counter()
    let tokensVerified = Counter()
    let eventsAccepted = Counter()
    let eventsDuplicate = Counter()
    let eventsAnnounced = Counter()
    let catchUpReads = Counter()
    let catchUpReadBytes = Counter()
    let catchUpBytes = Counter()
    let catchUpEvents = Counter()
    /// Sockets that have ended, by `SocketEnd`.
    let socketEnds = SocketEnd.allCases.map { _ in Counter() }
    let socketsOpened = Counter()
    let socketsClosed = Counter()
    let webhookAttempts = Counter()
    let webhookDelivered = Counter()
    let webhookFailed = Counter()
    let webhookDeadLetters = Counter()
    let webhookConnectionsOpened = Counter()
    /// Where webhook subscriptions stand that are caught up: a sequence.
    let webhooksSettled = Counter()
    let turns = Counter()
    /// How long the stages of events took, by `EventStage`.
    let stages = EventStage.allCases.map { _ in DurationCounter() }
    /// What the journal has taken and synced since the start; shard 0 only.
    let journalRecorded = Counter()
    let journalSynced = Counter()

    /// Subscribed sockets now open; roughly, since two numbers are read one after the other.
    var socketsOpen: Int { max(0, Int(socketsOpened.current) - Int(socketsClosed.current)) }
    /// Connections now open, accepted or made; roughly too.
    var connectionsOpen: Int {
        let begun = connectionsAccepted.current &+ webhookConnectionsOpened.current
        return max(0, Int(begun) - Int(connectionsRefused.current) - Int(connectionsClosed.current))
    }
}
