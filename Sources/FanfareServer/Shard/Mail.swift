import FanfareBase
import FanfareLog
import FanfareRing

/// What one shard tells another.
enum ShardMessage: Sendable {
    /// Take these events into the log. To the log's owner.
    case publish(PublishRequest)
    /// What became of them. From the log's owner.
    case published(PublishRequest)
    /// These events are durable.
    case committed(CommittedBatch)
    /// Events up to this number are durable and were not told one by one: read the log.
    case skipped(to: SequenceNumber)
    /// Do this on your thread: administration, never the data path.
    case perform(ShardTask)
}

/// Something to be done on another shard's thread.
struct ShardTask: Sendable {
    /// What to do there.
    let body: @Sendable (Shard) -> Void

    /// A task.
    init(_ body: @escaping @Sendable (Shard) -> Void) { self.body = body }
}

/// The mailboxes between all shards: one producer and one consumer each, so no locks.
///
/// A full mailbox makes the sender keep what must arrive (publish requests, answers, tasks: bounded by the connections that
/// wait for them) and forget committed batches: the receiver is then told to read the log up to there instead.
final class Mail: Sendable {
    private let boxes: [[Mailbox<ShardMessage>]]
    private let flags: [WakeFlag]

    /// Mailboxes for `shards` shards.
    init(shards: Int) {
        boxes = (0..<shards).map { _ in (0..<shards).map { _ in Mailbox(capacity: Limits.mailboxMessagesMax) } }
        flags = (0..<shards).map { _ in WakeFlag() }
    }

    /// How many shards there are.
    var shardCount: Int { flags.count }

    /// The flag by which `shard` says that it sleeps.
    func flag(of shard: Int) -> WakeFlag { flags[shard] }

    /// Whether something waits for `shard`.
    func hasMail(for shard: Int) -> Bool { boxes.contains { !$0[shard].isEmpty } }

    /// The next message from `sender` to `receiver`.
    func pop(from sender: Int, to receiver: Int) -> ShardMessage? { boxes[sender][receiver].pop() }

    /// Sends a message that must arrive.
    func send(_ message: ShardMessage, to receiver: Int, from shard: Shard) {
        if !shard.outbox[receiver].kept.isEmpty || !boxes[shard.number][receiver].push(message) {
            shard.outbox[receiver].kept.append(message)
        }
        shard.outbox[receiver].hasNews = true
    }

    /// Tells the other shards of a committed batch.
    func announce(_ batch: CommittedBatch, from shard: Shard) {
        for receiver in 0..<shardCount where receiver != shard.number {
            shard.outbox[receiver].hasNews = true
            let isBehind = shard.outbox[receiver].skipTo != nil
            if isBehind || !boxes[shard.number][receiver].push(.committed(batch)) {
                shard.outbox[receiver].skipTo = batch.last
            }
        }
    }

    /// Gives a publish request back to the shard whose connection waits for it.
    func reply(_ request: PublishRequest, from shard: Shard) {
        if request.reply.shard == shard.number { return shard.published(request) }
        send(.published(request), to: request.reply.shard, from: shard)
    }

    /// Sends what was kept, as far as there is room, and wakes the shards that sleep. At the end of each turn.
    func flush(from shard: Shard) {
        for receiver in 0..<shardCount where receiver != shard.number {
            let box = boxes[shard.number][receiver]
            var kept = 0
            while kept < shard.outbox[receiver].kept.count, box.push(shard.outbox[receiver].kept[kept]) { kept += 1 }
            shard.outbox[receiver].kept.removeFirst(kept)
            if let sequence = shard.outbox[receiver].skipTo, box.push(.skipped(to: sequence)) {
                shard.outbox[receiver].skipTo = nil
            }
            guard shard.outbox[receiver].hasNews else { continue }
            shard.outbox[receiver].hasNews = false
            if flags[receiver].needsWake() {
                shard.operations.append(
                    Operation(.wake, length: receiver, offset: Token(.wake).rawValue))
            }
        }
    }

    /// Whether `shard` could not send something yet.
    func isHolding(_ shard: Shard) -> Bool { shard.outbox.contains { !$0.kept.isEmpty || $0.skipTo != nil } }
}

/// What a shard could not yet send to another.
struct Outbox {
    /// Messages for which there was no room.
    var kept: [ShardMessage] = []
    /// The last number of committed batches that were not told.
    var skipTo: SequenceNumber?
    /// Something was sent since the last wake.
    var hasNews = false
}
