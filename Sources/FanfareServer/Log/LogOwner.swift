import FanfareBase
import FanfareEvent
import FanfareLog
import FanfareRing

/// The one shard's part that owns the log: takes publish requests of all shards, carries out what the log asks of the
/// disk, and tells everyone what has become durable.
///
/// Invariant: `pending` is in the order in which requests were taken; an answer leaves when everything up to its
/// `required` number is committed, so acknowledged means durable.
final class LogOwner {
    let writer: LogWriter
    private let directory: DataDirectory
    private let rules: DurabilityRules
    private var pending: [PublishRequest] = []
    private var pendingHead = 0
    private var committed: [CommittedBatch] = []
    private var timer: TimerID?
    private var timerAt = MonotonicTime(nanoseconds: .max)

    /// The owner of the log that `writer` writes in `directory`.
    init(writer: LogWriter, directory: DataDirectory, rules: DurabilityRules) {
        self.writer = writer
        self.directory = directory
        self.rules = rules
    }

    // MARK: Taking

    /// Takes a request's events into the log, all or none, and answers when they are durable.
    func submit(_ request: PublishRequest, _ shard: Shard) {
        if let refusal = writer.refusal(forBytes: request.records.byteCount) {
            request.outcome = Self.outcome(of: refusal)
            return shard.service.mail.reply(request, from: shard)
        }
        var refusal: LogWriter.Refusal?
        let records = request.records
        if records.count > 1 { records.forEach { writer.prepare($0) } }
        records.forEach { record in
            guard refusal == nil else { return }
            let durability = unsafe rules.durability(of: record.topic)
            switch writer.append(record, durability: durability, now: shard.time.wall, isAdmitted: true) {
            case .appended(let sequence): request.note(appended: sequence)
            case .duplicate(let original): request.note(duplicateOf: original)
            case .refused(let why): refusal = why
            }
        }
        if let refusal { request.outcome = Self.outcome(of: refusal) }
        records.reset()
        // Another shard takes its own back with the answer.
        if request.reply.shard == shard.number { shard.stagings.take(back: request) }
        shard.metrics.eventsAccepted.add(UInt64(request.accepted))
        shard.metrics.eventsDuplicate.add(UInt64(request.duplicates))
        pending.append(request)
    }

    private static func outcome(of refusal: LogWriter.Refusal) -> PublishRequest.Outcome {
        switch refusal {
        case .full: .overloaded
        case .noSpace: .noSpace
        case .stopped: .failed
        }
    }

    // MARK: The disk

    /// A log or journal action has been carried out.
    func completed(action: UInt32, result: Int32, _ shard: Shard) {
        let id = LogActionID(rawValue: action)
        directory.completed(id, result: result)
        if id.isJournal {
            shard.registry?.journal.completed(id, result: result, time: shard.time)
        } else {
            writer.completed(id, result: result, time: shard.time)
        }
        while let batch = writer.nextCommitted() { committed.append(batch) }
    }

    /// Announces what has become durable; called once per turn, before anything is gathered.
    func announceCommitted(_ shard: Shard) {
        for batch in committed {
            shard.announce(batch)
            shard.service.mail.announce(batch, from: shard)
        }
        committed.removeAll(keepingCapacity: true)
    }

    /// Closes the batch if the disk is free, answers who may be answered, and asks the disk for what is next.
    func endTurn(_ shard: Shard) {
        shard.registry?.announce(shard)
        writer.flush(shard.time)
        while let batch = writer.nextCommitted() { committed.append(batch) }
        withdraw()
        answer(shard)
        shard.service.isAccepting = writer.refusal(forBytes: 0) != .noSpace
        while let action = writer.nextAction() { directory.perform(action, shard) }
        if let registry = shard.registry {
            registry.journal.flush(shard.time)
            while let action = registry.journal.nextAction() { directory.perform(action, shard) }
            registry.answerSynced(shard)
        }
        if let failure = writer.failure ?? shard.registry?.journal.failure { shard.service.fail(failure) }
        reschedule(shard)
    }

    /// Numbers were taken back because the disk is full: whoever waits for one of them gets 503.
    private func withdraw() {
        while let range = writer.nextWithdrawn() {
            for request in pending[pendingHead...]
            where request.last >= range.lowerBound || request.required >= range.lowerBound {
                request.outcome = .noSpace
            }
        }
    }

    private func answer(_ shard: Shard) {
        while pendingHead < pending.count {
            let request = pending[pendingHead]
            let isDecided = request.outcome != .accepted || request.required <= writer.committedThrough
            guard isDecided || writer.failure != nil else { break }
            if !isDecided { request.outcome = .failed }
            pendingHead += 1
            shard.service.mail.reply(request, from: shard)
        }
        if pendingHead == pending.count {
            pending.removeAll(keepingCapacity: true)
            pendingHead = 0
        } else if pendingHead > 4_096 {
            pending.removeFirst(pendingHead)
            pendingHead = 0
        }
    }

    private func reschedule(_ shard: Shard) {
        var deadline = writer.nextDeadline
        if let other = shard.registry?.nextDeadline { deadline = min(deadline ?? other, other) }
        guard let deadline, deadline < timerAt || timer == nil else { return }
        if let timer { shard.timers.cancel(timer) }
        timerAt = deadline
        timer = shard.timers.insert(deadline: deadline, key: .log)
    }

    /// The log's deadline has come; `endTurn` of this turn does the rest.
    func timerFired(_ shard: Shard) {
        timer = nil
        timerAt = MonotonicTime(nanoseconds: .max)
    }

    /// Completes the log and marks an orderly stop.
    func stop() { writer.stop() }

    /// The mark of an orderly stop is durable.
    var isStopped: Bool { writer.isStopped }
}

extension PublishRequest {
    /// An event was given `sequence`.
    fileprivate func note(appended sequence: SequenceNumber) {
        accepted += 1
        if first == .zero { first = sequence }
        last = sequence
        required = max(required, sequence)
    }

    /// An event was in the log already, as `original`.
    fileprivate func note(duplicateOf original: SequenceNumber) {
        duplicates += 1
        required = max(required, original)
    }
}
