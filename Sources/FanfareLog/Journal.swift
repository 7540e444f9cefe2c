import FanfareBase

/// Records what delivery decided: folds it at once, writes it every turn, syncs it within a second, and rewrites itself as
/// a snapshot when it has grown. Lives on one shard; holds no descriptor, reads no clock.
///
/// A turn: completions to `completed`, entries to `record`, then `flush` once, then `nextAction` until it is nil. The next
/// turn is due at `nextDeadline` at the latest.
///
/// Invariants: entries reach the file in the order in which they were recorded; at most one operation is in flight;
/// synced ≤ written ≤ recorded. While a snapshot is being written, entries wait in memory.
package final class Journal {
    /// All that was recorded, folded.
    package private(set) var state: JournalState
    /// The journal has stopped for good: exit with 74.
    package private(set) var failure: LogFailure?
    /// How many entries were recorded since this object was made.
    package private(set) var recorded: UInt64 = 0
    /// How many of them were written: they survive kill -9.
    package private(set) var written: UInt64 = 0
    /// How many of them were synced: they survive power loss.
    package private(set) var synced: UInt64 = 0

    /// Deliberate bugs of the simulator's canaries: what is recorded instead of an entry. Nil but in tests.
    package var sabotage: ((JournalEntry) -> [JournalEntry])?

    private let identity: LogIdentity
    private let syncIntervalNanoseconds: Int
    private let compactionBytesMin: UInt64
    private var number: UInt32
    private var fileBytes: UInt64
    private var syncedBytes: UInt64
    private var snapshotBytes: UInt64
    private var pending = JournalBuffer()
    private var flying = JournalBuffer()
    private var flyingEnd: UInt64 = 0
    private var step = Step.opening
    private var actions = LogActionQueue()
    private var unsyncedSince: MonotonicTime?
    private var urgentThrough: UInt64 = 0
    private var retryAt: MonotonicTime?

    private enum Step: Equatable {
        case opening
        case idle
        case writing(done: Int)
        case syncing(written: UInt64, bytes: UInt64)
        /// The group is kept and tried again when there is space.
        case outOfSpace
        case snapshot(Snapshot)
    }

    private enum Snapshot: Equatable {
        case creating
        case writing(done: Int)
        case syncing, renaming, syncingDirectory, removing
        /// Given up for now.
        case discarding
    }

    /// Goes on from what recovery found. `compactionBytesMin` is smaller than the limit in tests only.
    package init(
        _ recovered: RecoveredJournal, syncIntervalNanoseconds: Int = 1_000_000_000,
        compactionBytesMin: Int = LogLimits.journalCompactionBytesMin
    ) {
        self.compactionBytesMin = UInt64(compactionBytesMin)
        state = recovered.state
        identity = recovered.identity
        number = recovered.number
        fileBytes = UInt64(recovered.bytes)
        syncedBytes = fileBytes
        snapshotBytes = fileBytes
        self.syncIntervalNanoseconds = syncIntervalNanoseconds
        _ = JournalFile.beginGroup(&pending)
        actions.add(.journalOpen, .open(file, name: LogFileName.journal(number), create: false))
    }

    private var file: LogFileID { LogFileID(journal: number) }

    /// Folds `entry` and queues it. With `urgent` the next write is synced at once: what an API call promises.
    ///
    /// - Returns: the count that `written` and `synced` reach when the entry has.
    @discardableResult
    package func record(_ entry: JournalEntry, urgent: Bool = false) -> UInt64 {
        if let sabotage { for other in sabotage(entry) { add(other) } } else { add(entry) }
        recorded += 1
        if urgent { urgentThrough = recorded }
        return recorded
    }

    private func add(_ entry: JournalEntry) {
        state.apply(entry)
        entry.encode(to: &pending)
    }

    /// More waits in memory than should: start no attempts until it is false again.
    package var isFull: Bool { pending.count >= LogLimits.journalBacklogBytesMax }

    /// Starts whatever can be started: call it at the end of each turn.
    package func flush(_ time: TurnTime) {
        guard failure == nil else { return }
        switch step {
        case .idle: break
        case .outOfSpace:
            guard let retryAt, time.monotonic >= retryAt else { return }
            return write(from: 0)
        default: return
        }
        if needsSync(time) { return sync() }
        if needsSnapshot(time) { return startSnapshot() }
        if pending.count > JournalFile.groupHeaderBytes { startWrite() }
    }

    /// Hands over what an action came to.
    package func completed(_ id: LogActionID, result: Int32, time: TurnTime) {
        guard failure == nil, id.purpose != .journalClose else { return }
        switch step {
        case .opening:
            if result < 0 { fail("open", -result) } else { step = .idle }
        case .writing(let done): groupWritten(done, result, time)
        case .syncing(let written, let bytes):
            if result < 0 { return fail("sync", -result) }
            step = .idle
            finishSync(written: written, bytes: bytes)
        case .snapshot(let snapshot): snapshotCompleted(snapshot, result, time)
        case .idle, .outOfSpace: invariant(false, "a journal's completion belongs to an operation in flight")
        }
    }

    /// The next thing to do with the disk; nil when there is none.
    package func nextAction() -> LogAction? { actions.next() }

    /// When `flush` must be called though nothing else happens; nil when never.
    package var nextDeadline: MonotonicTime? {
        guard failure == nil else { return nil }
        switch step {
        case .outOfSpace: return retryAt
        case .idle: return unsyncedSince?.advanced(byNanoseconds: syncIntervalNanoseconds)
        default: return nil
        }
    }

    /// Everything recorded is synced: nothing is lost when the process ends now.
    package var isSettled: Bool { synced == recorded }

    // MARK: Groups

    private func startWrite() {
        JournalFile.finishGroup(&pending, from: 0, offset: fileBytes, syncedBytes: syncedBytes, identity: identity)
        swap(&pending, &flying)
        pending.reset()
        _ = JournalFile.beginGroup(&pending)
        flyingEnd = recorded
        write(from: 0)
    }

    private func write(from done: Int) {
        step = .writing(done: done)
        retryAt = nil
        // Safe: `flying` is not touched until the completion.
        actions.add(
            .journalWrite,
            unsafe .write(
                file, address: UnsafeRawPointer(flying.memory.pointer + done), count: flying.count - done,
                offset: fileBytes + UInt64(done), sync: false))
    }

    private func groupWritten(_ done: Int, _ result: Int32, _ time: TurnTime) {
        if result < 0, isInterruption(-result) { return write(from: done) }
        if result < 0, isShortage(-result) {
            step = .outOfSpace
            retryAt = time.monotonic.advanced(byNanoseconds: LogLimits.spaceRetryNanoseconds)
            return
        }
        if result <= 0 { return fail("write", result < 0 ? -result : inputOutputError) }
        guard done + Int(result) >= flying.count else { return write(from: done + Int(result)) }
        fileBytes += UInt64(flying.count)
        written = flyingEnd
        step = .idle
        if unsyncedSince == nil { unsyncedSince = time.monotonic }
    }

    private func needsSync(_ time: TurnTime) -> Bool {
        guard let unsyncedSince else { return false }
        if urgentThrough > synced, written >= urgentThrough { return true }
        return time.monotonic >= unsyncedSince.advanced(byNanoseconds: syncIntervalNanoseconds)
    }

    private func sync() {
        step = .syncing(written: written, bytes: fileBytes)
        unsyncedSince = nil
        actions.add(.journalSync, .sync(file))
    }

    private func finishSync(written: UInt64, bytes: UInt64) {
        synced = written
        syncedBytes = bytes
    }

    // MARK: Snapshots

    private func needsSnapshot(_ time: TurnTime) -> Bool {
        let limit = max(snapshotBytes * UInt64(LogLimits.journalCompactionFactor), compactionBytesMin)
        guard fileBytes > limit else { return false }
        guard let retryAt else { return true }
        return time.monotonic >= retryAt
    }

    private var newFile: LogFileID { LogFileID(journal: number + 1) }

    /// Writes the state to a new file. What is recorded from here on goes to that file, behind the snapshot.
    private func startSnapshot() {
        flying = JournalFile.snapshot(of: state, identity: identity, number: number + 1)
        flyingEnd = recorded
        step = .snapshot(.creating)
        retryAt = nil
        heldBack = pending
        pending = JournalBuffer()
        _ = JournalFile.beginGroup(&pending)
        add(.open(newFile, name: LogFileName.newJournal(number + 1), create: true))
    }

    /// Entries that are in the snapshot but not in the old file, should the snapshot fail.
    private var heldBack: JournalBuffer?

    private func snapshotCompleted(_ snapshot: Snapshot, _ result: Int32, _ time: TurnTime) {
        if result < 0 { return snapshotFailed(snapshot, -result, time) }
        switch snapshot {
        case .creating: writeSnapshot(from: 0)
        case .writing(let done) where result == 0: snapshotFailed(.writing(done: done), inputOutputError, time)
        case .writing(let done) where done + Int(result) < flying.count: writeSnapshot(from: done + Int(result))
        case .writing:
            step = .snapshot(.syncing)
            add(.sync(newFile))
        case .syncing:
            step = .snapshot(.renaming)
            add(.rename(from: LogFileName.newJournal(number + 1), to: LogFileName.journal(number + 1)))
        case .renaming:
            step = .snapshot(.syncingDirectory)
            add(.syncDirectory)
        case .syncingDirectory: useSnapshot()
        case .removing, .discarding: step = .idle
        }
    }

    private func writeSnapshot(from done: Int) {
        step = .snapshot(.writing(done: done))
        // Safe: `flying` is not touched until the completion.
        add(
            unsafe .write(
                newFile, address: UnsafeRawPointer(flying.memory.pointer + done), count: flying.count - done,
                offset: UInt64(done), sync: false))
    }

    /// The new file is durable under its name: the old one goes.
    private func useSnapshot() {
        actions.add(.journalClose, .close(file))
        let old = LogFileName.journal(number)
        number += 1
        fileBytes = UInt64(flying.count)
        snapshotBytes = fileBytes
        heldBack = nil
        written = flyingEnd
        unsyncedSince = nil
        finishSync(written: flyingEnd, bytes: fileBytes)
        step = .snapshot(.removing)
        add(.unlink(name: old))
    }

    private func snapshotFailed(_ snapshot: Snapshot, _ code: Int32, _ time: TurnTime) {
        if case .writing(let done) = snapshot, isInterruption(code) { return writeSnapshot(from: done) }
        switch snapshot {
        case .removing, .discarding:
            // The file that stays is removed at the next start.
            step = .idle
        case .syncing, .syncingDirectory: fail("sync", code)
        case .creating, .writing, .renaming:
            guard isShortage(code) else { return fail("write", code) }
            keepOldFile()
            retryAt = time.monotonic.advanced(byNanoseconds: LogLimits.spaceRetryNanoseconds)
            if snapshot == .creating {
                step = .idle
                return
            }
            actions.add(.journalClose, .close(newFile))
            step = .snapshot(.discarding)
            add(.unlink(name: LogFileName.newJournal(number + 1)))
        }
    }

    /// Puts the entries that were meant to be in the snapshot only before those that were recorded since.
    private func keepOldFile() {
        guard var entries = heldBack else { return }
        heldBack = nil
        entries.append(pending.memory.bytes(JournalFile.groupHeaderBytes..<pending.count))
        pending = entries
    }

    private func add(_ kind: LogAction.Kind) { actions.add(.journalSnapshot, kind) }

    private func fail(_ operation: String, _ code: Int32) {
        failure = LogFailure(operation: operation, file: LogFileName.journal(number), code: code)
    }
}
