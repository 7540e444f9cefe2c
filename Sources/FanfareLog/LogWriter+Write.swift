import FanfareBase

extension LogWriter {
    /// Hands over what an action came to. `result` as the action's kind says.
    package func completed(_ id: LogActionID, result: Int32, time: TurnTime) {
        guard failure == nil, let purpose = id.purpose else { return }
        switch purpose {
        case .openActive:
            if result < 0 { fail("open", active.number.fileName, -result) } else { activeIsOpen = true }
        case .batchWrite: batchWritten(result, time)
        case .batchSync: batchSynced(result, time)
        case .intervalSync: intervalSynced(result, time)
        case .switchSync: switchSynced(result)
        case .preparation: preparationCompleted(result, time)
        case .sealWrite: sealWritten(result)
        case .retention: retentionCompleted(result, time)
        case .close: break
        case .journalWrite, .journalSync, .journalSnapshot, .journalClose, .journalOpen:
            invariant(false, "a journal's completion goes to the journal")
        }
    }

    /// Starts the oldest pending batch when the one before it is done and there is a segment for it.
    func startWrite(_ time: TurnTime) {
        guard writing == nil, activeIsOpen, !switchSync, space == .available else { return }
        if waiting.isEmpty { closeOpenBatch() }
        guard let batch = waiting.first else {
            if mustSwitch, stopping == .no, makeRoom(for: LogLimits.blockBytes, time) {
                beginMarker(flags: 0, isProbe: false, time)
            }
            return startStopMark(time)
        }
        guard makeRoom(for: batch.paddedBytes, time) else { return }
        waiting.removeFirst()
        unsafe waitingBytes -= batch.length
        begin(batch, time)
    }

    private func begin(_ batch: OpenBatch, _ time: TurnTime) {
        let reserving = batch.hasWritten || isReserving(time.wall)
        let ceiling = reserving ? SequenceNumber(batch.last.rawValue + LogLimits.sequenceReserve) : batch.last
        // A number that is seen before it is synced must lie below a ceiling that is durable already.
        let sync = batch.wantsSync || batch.last > durableCeiling
        let header = header(.records, length: batch.length, first: batch.first, last: batch.last, ceiling, time)
        batch.offset = header.offset
        start(header, memory: batch.memory, batch: batch, sync: sync)
    }

    /// Writes a batch without records.
    func beginMarker(flags: UInt8, isProbe: Bool, _ time: TurnTime) {
        // Its own sync covers everything before it, so it needs no reserve.
        let last = committedThrough
        var header = header(.marker, length: BatchHeader.bytes, first: last.next, last: last, last, time)
        header.flags = flags
        let memory = LogMemory(capacity: LogLimits.blockBytes)
        start(header, memory: memory, batch: nil, sync: true)
        writing?.isProbe = isProbe
    }

    private func isReserving(_ now: WallTime) -> Bool {
        guard let last = lastWrittenAppend else { return false }
        return now.nanoseconds < last.nanoseconds &+ LogLimits.reserveHoldNanoseconds
    }

    private func header(
        _ kind: BatchHeader.Kind, length: Int, first: SequenceNumber, last: SequenceNumber, _ ceiling: SequenceNumber,
        _ time: TurnTime
    ) -> BatchHeader {
        BatchHeader(
            kind, identity: identity, generation: generation, segment: active.number, offset: active.writtenBytes,
            length: length, first: first, last: last, synced: (syncedThrough, active.syncedBytes), ceiling: ceiling,
            time: time.wall)
    }

    private func start(_ header: BatchHeader, memory: LogMemory, batch: OpenBatch?, sync: Bool) {
        let seed = identity.checksumSeed
        header.write(to: memory, bodyChecksum: batch?.bodyChecksum ?? seed, seed: seed)
        // ENOSPC from write and sync in one does not say which of them failed. That is harmless only when nothing
        // older depends on the sync.
        let combined = sync && active.syncedBytes == active.writtenBytes
        writing = BatchWrite(
            header: header, memory: memory, batch: batch,
            phase: combined ? .writingAndSyncing : .writing(thenSync: sync))
        continueWrite()
    }

    private func continueWrite() {
        guard let write = writing else { return }
        var sync = false
        if case .writingAndSyncing = write.phase { sync = true }
        // Safe: BatchWrite keeps the memory until the completion, and nobody changes it.
        actions.add(
            .batchWrite,
            unsafe .write(
                active.file, address: UnsafeRawPointer(write.memory.pointer + write.done),
                count: write.header.paddedBytes - write.done, offset: write.header.offset + UInt64(write.done),
                sync: sync))
    }

    private func batchWritten(_ result: Int32, _ time: TurnTime) {
        guard let write = writing else { return }
        if result < 0, isInterruption(-result) { return continueWrite() }
        if result < 0 { return writeFailed(-result, time) }
        if result == 0 { return fail("write", active.number.fileName, inputOutputError) }
        writing?.done += Int(result)
        guard write.done + Int(result) >= write.header.paddedBytes else { return continueWrite() }
        switch write.phase {
        case .writingAndSyncing: finishWrite(synced: true, time)
        // A sync that finished meanwhile may have lowered the durable ceiling.
        case .writing(let thenSync) where thenSync || write.header.last > durableCeiling:
            writing?.phase = .syncing
            actions.add(.batchSync, .sync(active.file))
        case .writing: finishWrite(synced: false, time)
        case .syncing: invariant(false, "no write is in flight while a batch is synced")
        }
    }

    private func batchSynced(_ result: Int32, _ time: TurnTime) {
        if result < 0 { return fail("sync", active.number.fileName, -result) }
        finishWrite(synced: true, time)
    }

    /// The batch is durable at its level: it becomes part of the log.
    private func finishWrite(synced: Bool, _ time: TurnTime) {
        guard let write = writing else { return }
        writing = nil
        let header = write.header
        if let batch = write.batch {
            batch.forEachTopic { active.topics.note($0) }
        }
        let isNew = active.take(header, times: write.batch?.times)
        if isNew, let segment = active.segment {
            segments.append(segment)
            catalog.append(segment)
            if case .waiting = retention { retention = .idle }
        }
        committedThrough = header.last
        catalog.advance(head: header.last)
        if synced {
            advanceSynced(SyncPoint(through: header.last, bytes: header.end, ceiling: header.ceiling))
        } else if unsyncedSince == nil {
            unsyncedSince = time.monotonic
        }
        if let batch = write.batch { committed.append(batch.commit(segment: header.segment, at: time.monotonic)) }
        if write.isProbe { space = .available }
        if header.isCleanStop { stopping = .done }
    }

    private func advanceSynced(_ point: SyncPoint) {
        guard point.bytes > active.syncedBytes else { return }
        syncedThrough = point.through
        active.syncedBytes = point.bytes
        durableCeiling = point.ceiling
        if active.syncedBytes == active.writtenBytes { unsyncedSince = nil }
    }

    // MARK: Syncing what was acknowledged as written

    func startIntervalSync(_ time: TurnTime) {
        guard let since = unsyncedSince, intervalSync == nil, !switchSync else { return }
        let due = since.advanced(byNanoseconds: configuration.syncIntervalNanoseconds)
        guard time.monotonic >= due || stopping != .no else { return }
        intervalSync = SyncPoint(through: committedThrough, bytes: active.writtenBytes, ceiling: active.ceiling)
        unsyncedSince = nil
        actions.add(.intervalSync, .sync(active.file))
    }

    private func intervalSynced(_ result: Int32, _ time: TurnTime) {
        guard let point = intervalSync else { return }
        intervalSync = nil
        if result < 0 { return fail("sync", active.number.fileName, -result) }
        advanceSynced(point)
        if active.syncedBytes < active.writtenBytes, unsyncedSince == nil { unsyncedSince = time.monotonic }
    }

    // MARK: No space

    private func writeFailed(_ code: Int32, _ time: TurnTime) {
        guard isShortage(code) else { return fail("write", active.number.fileName, code) }
        exhaust(time)
    }

    /// Takes back everything that is not committed and waits for space. What was acknowledged stays.
    func exhaust(_ time: TurnTime) {
        closeOpenBatch()
        if let first = writing?.batch?.first ?? waiting.first?.first, unsafe first < nextSequence {
            unsafe withdrawn.append(first...SequenceNumber(nextSequence.rawValue - 1))
            unsafe deduplication.withdraw(from: first)
            unsafe nextSequence = first
        }
        writing = nil
        waiting.removeAll(keepingCapacity: true)
        unsafe waitingBytes = 0
        space = .exhausted(retry: time.monotonic.advanced(byNanoseconds: LogLimits.spaceRetryNanoseconds))
    }

    /// Once a second, finds out by writing a marker, or by preparing the next segment, whether there is space again.
    func retrySpace(_ time: TurnTime) {
        guard case .exhausted(let retry) = space, time.monotonic >= retry, activeIsOpen, writing == nil else { return }
        space = .probing
        if active.fits(LogLimits.blockBytes) {
            beginMarker(flags: 0, isProbe: true, time)
        } else if preparation.isReady {
            space = .available
        }
    }

    // MARK: Stopping

    private func startStopMark(_ time: TurnTime) {
        guard stopping == .draining, intervalSync == nil, unsyncedSince == nil, sealing == nil else { return }
        guard makeRoom(for: LogLimits.blockBytes, time) else { return }
        stopping = .marking
        beginMarker(flags: BatchHeader.cleanStopFlag, isProbe: false, time)
    }
}
