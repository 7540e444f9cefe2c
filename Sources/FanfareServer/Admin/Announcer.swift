import FanfareBase
import FanfareEvent
import FanfareLog

/// Publishes the service's own events (CONTRACT, section 6). On shard 0.
///
/// The journal comes first: an event is recorded with what it tells of, in one group, and published when that is durable;
/// it is forgotten when the log has it. A crash in between publishes it again under the same id, which the log knows as a
/// duplicate. So what was decided is told, and what was not decided after all (a power loss before the sync) is not.
///
/// Invariant: `durableAt` has a count of the journal for each of `JournalState.announcements`, in their order.
final class Announcer {
    private var durableAt: [UInt64]
    private var underWay: (count: Int, through: UInt64)?
    private var pausedUntil: MonotonicTime?

    /// What the journal kept is durable.
    init(_ journal: Journal) { durableAt = journal.state.announcements.map { _ in 0 } }

    /// More waits than should: no attempts are begun until it is less.
    var isFull: Bool { durableAt.count >= Limits.announcementsMax }

    /// When a refused one is tried again.
    var deadline: MonotonicTime? { pausedUntil }

    /// Records `event` behind what it tells of.
    func add(_ event: OwnEvent, _ journal: Journal, _ shard: Shard) {
        let id = journal.state.unusedAnnouncement
        let name = Position(log: shard.service.logID, sequence: SequenceNumber(id)).description
        let json = event.json(id: name, now: shard.time.wall)
        durableAt.append(journal.record(.announce(JournalAnnouncement(id: id, event: json))))
    }

    /// Publishes what is durable, unless something is under way. Once a turn, before the log's batch is closed.
    func publish(_ journal: Journal, _ shard: Shard) {
        guard underWay == nil, let owner = shard.logOwner, journal.failure == nil else { return }
        if let pausedUntil, shard.time.monotonic < pausedUntil { return }
        pausedUntil = nil
        let ready = durableAt.prefix(Limits.announcementsPerTurn).prefix { $0 <= journal.synced }.count
        guard ready > 0 else { return }
        let request = PublishRequest(
            records: shard.stagings.take(), reply: ReplyAddress(shard: shard.number, slot: 0, generation: 0, ticket: 0))
        request.isOwn = true
        let batch = journal.state.announcements.prefix(ready)
        for announcement in batch { _ = OwnEvent.decode(announcement.event, shard, into: request.records) }
        underWay = (ready, batch.last?.id ?? 0)
        owner.submit(request, shard)
    }

    /// The log has decided.
    func published(_ request: PublishRequest, _ journal: Journal, _ shard: Shard) {
        guard let underWay else { return }
        self.underWay = nil
        guard request.outcome == .accepted else {
            pausedUntil = shard.time.monotonic.advanced(byMilliseconds: Limits.announcementPauseMilliseconds)
            return
        }
        journal.record(.announced(through: underWay.through))
        durableAt.removeFirst(underWay.count)
    }
}
