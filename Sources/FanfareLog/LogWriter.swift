import FanfareBase

/// Numbers events, groups them into batches and asks for the disk operations that make them durable. Lives on the shard
/// that owns the log; holds no descriptor, reads no clock.
///
/// A turn: completions go to `completed`, records to `append`, then `flush` once; then the server takes `nextAction`,
/// `nextCommitted` and `nextWithdrawn` until each is empty. The next turn is due at `nextDeadline` at the latest.
///
/// Invariants: syncedThrough ≤ committedThrough ≤ writtenThrough < nextSequence, where `written` includes what was written
/// but waits for its sync; a batch is announced only when it is durable at its level, in order; at most one batch is being
/// written; no number that anyone may have seen is above a ceiling that is durable.
package final class LogWriter {
    /// What the log is.
    package let identity: LogIdentity
    /// The segments, for readers on any shard.
    package let catalog: SegmentCatalog
    /// How often this log was opened; stands in every batch.
    package let generation: UInt32
    let configuration: LogConfiguration

    // What was appended and not written yet. Unchecked where an event is taken in: single accesses of one thread.
    @exclusivity(unchecked) var nextSequence: SequenceNumber
    @exclusivity(unchecked) var open: OpenBatch?
    var waiting: [OpenBatch] = []
    @exclusivity(unchecked) var waitingBytes = 0
    private let memoryPool = LogMemoryPool()
    var sizeHint = (bytes: LogLimits.blockBytes, records: 16)
    var lastWrittenAppend: WallTime?
    @exclusivity(unchecked) var deduplication: DeduplicationIndex

    // What the disk is doing.
    var actions = LogActionQueue()
    var active: ActiveSegment
    var activeIsOpen = false
    var preparation: SegmentPreparation
    var preparationRetry: MonotonicTime?
    var writing: BatchWrite?
    var intervalSync: SyncPoint?
    var unsyncedSince: MonotonicTime?
    var switchSync = false
    var sealing: Sealing?
    var retention = Retention.idle
    /// A segment that retention has taken out of the row and whose file is kept for the next one.
    var spare: SegmentNumber?
    /// The segment being written holds only what is too old: the next one takes over though it is not full.
    var mustSwitch = false
    var segments: [Segment]
    var durableCeiling: SequenceNumber

    // What came of it.
    var space = Space.available
    var stopping = Stopping.no
    var committed: [CommittedBatch] = []
    var committedTaken = 0
    var withdrawn: [ClosedRange<SequenceNumber>] = []

    /// The last number that survives power loss.
    package internal(set) var syncedThrough: SequenceNumber
    /// The last number that is durable at its level and may be delivered.
    package internal(set) var committedThrough: SequenceNumber
    /// The log has stopped for good: exit with 74.
    package internal(set) var failure: LogFailure?

    /// Takes over what recovery found.
    package init(_ recovered: consuming RecoveredLog, configuration: LogConfiguration) {
        identity = recovered.identity
        catalog = recovered.catalog
        generation = recovered.generation
        self.configuration = configuration
        unsafe nextSequence = recovered.last.next
        syncedThrough = recovered.last
        committedThrough = recovered.last
        durableCeiling = recovered.last
        segments = recovered.catalog.all
        active = recovered.active
        preparation = SegmentPreparation(next: recovered.active.number.next, identity: recovered.identity)
        let prepared = recovered.preparedBytes
        unsafe deduplication = recovered.deduplication
        actions.add(.openActive, .open(active.file, name: active.number.fileName, create: false))
        if let prepared { actions.add(.preparation, preparation.reopen(fileBytes: prepared)) }
    }

    /// What became of a record.
    package enum AppendResult: Equatable, Sendable {
        /// It has this number; acknowledge it when `committedThrough` reaches it.
        case appended(SequenceNumber)
        /// An event with its identity has this number; acknowledge it when `committedThrough` reaches that.
        case duplicate(of: SequenceNumber)
        /// Not taken.
        case refused(Refusal)
    }

    /// Why nothing is taken at present; all of them are 503 to a publisher.
    package enum Refusal: Equatable, Sendable {
        /// The disk does not keep up: `backlogBytesMax` wait for it.
        case full
        /// The disk is full. It is tried again each second.
        case noSpace
        /// The log stops or has failed.
        case stopped
    }

    /// `append` follows for `record`, after some others.
    package func prepare(_ record: EventRecord) { unsafe deduplication.prepare(record.deduplicationKey) }

    /// Gives `record` its number, time and position in a batch's memory; nothing is known to be on disk yet.
    ///
    /// `record` is a whole `EventRecord` whose sequence, time and position are ignored; it is copied.
    /// - Parameter isAdmitted: `refusal(forBytes:)` has let in all records of a request, this one among them: the backlog's
    ///   limit is not asked again, so that nothing is taken by halves.
    package func append(
        _ record: EventRecord, durability: Durability, now: WallTime, isAdmitted: Bool = false
    ) -> AppendResult {
        let bytes = unsafe LogBytes(record.bytes)
        invariant(
            bytes.count % 8 == 0 && bytes.count <= LogLimits.recordBytesMax, "a record is whole and within its limit")
        let key = record.deduplicationKey
        if let original = unsafe deduplication.find(key, since: horizon(now)) { return .duplicate(of: original) }
        if let refusal = refusal(forBytes: bytes.count), !(isAdmitted && refusal == .full) { return .refused(refusal) }
        let batch = batchWithRoom(for: bytes.count, now: now)
        let sequence = unsafe nextSequence
        batch.add(bytes, position: Position(log: identity.log, sequence: sequence), time: now, durability: durability)
        unsafe deduplication.insert(.init(key: key, sequence: sequence, time: now))
        if durability == .written { lastWrittenAppend = now }
        unsafe nextSequence = sequence.next
        return .appended(sequence)
    }

    /// Why records of together `bytes` would be refused now; nil when they would all be taken. What is all or nothing asks
    /// before its first record.
    package func refusal(forBytes bytes: Int) -> Refusal? {
        if failure != nil || stopping != .no { return .stopped }
        if space != .available { return .noSpace }
        // A single record is always taken when nothing waits, whatever its size.
        let pending = unsafe waitingBytes + (open?.length ?? 0)
        return pending > 0 && pending + bytes > configuration.backlogBytesMax ? .full : nil
    }

    /// Starts whatever can be started: call it at the end of each turn.
    package func flush(_ time: TurnTime) {
        guard failure == nil else { return }
        unsafe deduplication.expire(before: horizon(time.wall), limit: LogLimits.expiriesPerFlushMax)
        retrySpace(time)
        startPreparation(time)
        startWrite(time)
        startIntervalSync(time)
        startRetention(time)
    }

    /// Writes what is pending and then a mark that nothing is missing; finished when `isStopped`. Nothing more is taken.
    /// While the disk is full it does not finish: whoever waits sets a limit, and the next start treats it as a crash.
    package func stop() {
        if stopping == .no { stopping = .draining }
    }

    /// The mark of an orderly stop is durable.
    package var isStopped: Bool { stopping == .done }

    /// The next thing to do with the disk; nil when there is none.
    package func nextAction() -> LogAction? { actions.next() }

    /// The next batch that has become durable, in sequence order; nil when there is none.
    package func nextCommitted() -> CommittedBatch? {
        guard committedTaken < committed.count else {
            committed.removeAll(keepingCapacity: true)
            committedTaken = 0
            return nil
        }
        committedTaken += 1
        return committed[committedTaken - 1]
    }

    /// The next numbers that were given and are taken back because the disk is full: their publishers get 503. Nobody
    /// has seen them; they will be given to other events.
    package func nextWithdrawn() -> ClosedRange<SequenceNumber>? { withdrawn.isEmpty ? nil : withdrawn.removeFirst() }

    /// When `flush` must be called though nothing else happens; nil when never.
    package var nextDeadline: MonotonicTime? {
        guard failure == nil else { return nil }
        var deadline: MonotonicTime?
        func consider(_ candidate: MonotonicTime?) {
            guard let candidate else { return }
            deadline = deadline.map { min($0, candidate) } ?? candidate
        }
        if intervalSync == nil {
            consider(unsyncedSince?.advanced(byNanoseconds: configuration.syncIntervalNanoseconds))
        }
        if case .exhausted(let retry) = space { consider(retry) }
        consider(preparationRetry)
        switch retention {
        case .waiting(let retry), .stuck(_, let retry): consider(retry)
        case .idle, .unlinking, .keeping, .syncingDirectory: break
        }
        return deadline
    }

    /// Bytes of records that wait to be written.
    package var pendingBytes: Int { unsafe waitingBytes + (open?.length ?? 0) + (writing?.header.length ?? 0) }

    private func horizon(_ now: WallTime) -> WallTime {
        let window = configuration.deduplicationWindowSeconds.multipliedReportingOverflow(by: 1_000_000_000)
        let nanoseconds = window.overflow ? UInt64.max : window.partialValue
        return WallTime(nanoseconds: now.nanoseconds > nanoseconds ? now.nanoseconds - nanoseconds : 0)
    }

    private func batchWithRoom(for bytes: Int, now: WallTime) -> OpenBatch {
        if let open = unsafe open {
            if open.length + bytes <= configuration.batchBytesMax { return open }
            closeOpenBatch()
        }
        let batch = OpenBatch(
            first: unsafe nextSequence, time: now, expecting: max(sizeHint.bytes, BatchHeader.bytes + bytes),
            records: sizeHint.records, seed: identity.checksumSeed, from: memoryPool)
        unsafe open = batch
        return batch
    }

    func closeOpenBatch() {
        guard let batch = unsafe open else { return }
        sizeHint = (roundedToBlocks(batch.length), batch.count)
        waiting.append(batch)
        unsafe waitingBytes += batch.length
        unsafe open = nil
    }

    func fail(_ operation: String, _ file: String, _ code: Int32) {
        if failure == nil { failure = LogFailure(operation: operation, file: file, code: code) }
    }
}
