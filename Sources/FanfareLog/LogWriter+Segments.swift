import FanfareBase

extension LogWriter {
    /// True when a batch of `bytes` can be written to the active segment now; otherwise works towards it.
    func makeRoom(for bytes: Int, _ time: TurnTime) -> Bool {
        if active.fits(bytes), !mustSwitch || stopping != .no { return true }
        if active.syncedBytes < active.writtenBytes {
            syncBeforeSwitch()
            return false
        }
        guard intervalSync == nil, sealing == nil else { return false }
        guard segments.count < LogLimits.segmentsMax else {
            exhaust(time)
            return false
        }
        guard preparation.isReady else {
            // It may rest, or not have begun: nothing else would wake it.
            if preparation.failureCode != nil { exhaust(time) } else { startPreparation(time) }
            return false
        }
        switchSegment()
        mustSwitch = false
        return true
    }

    /// What is in the full segment must be durable before the next one has anything: then damage in a segment that has a
    /// successor is never an unfinished write.
    private func syncBeforeSwitch() {
        guard intervalSync == nil, !switchSync else { return }
        switchSync = true
        actions.add(.switchSync, .sync(active.file))
    }

    func switchSynced(_ result: Int32) {
        switchSync = false
        if result < 0 { return fail("sync", active.number.fileName, -result) }
        syncedThrough = committedThrough
        active.syncedBytes = active.writtenBytes
        durableCeiling = active.ceiling
        unsyncedSince = nil
    }

    private func switchSegment() {
        guard let segment = active.segment else { return }
        let encoded = EncodedFooter(
            sealing: active, segment: segment, deduplication: unsafe deduplication, identity: identity)
        segment.fileBytes = encoded.fileBytes
        sealing = Sealing(encoded: encoded, segment: segment, file: active.file)
        continueSeal()
        active = ActiveSegment(
            number: preparation.number, fileBytes: UInt64(preparation.fileBytes), reusing: active.topics)
        preparation.advance()
    }

    private func continueSeal() {
        guard let seal = sealing else { return }
        // Safe: Sealing keeps the memory until the completion.
        actions.add(
            .sealWrite,
            unsafe .write(
                seal.file, address: UnsafeRawPointer(seal.encoded.memory.pointer + seal.done),
                count: seal.encoded.bytes - seal.done, offset: seal.encoded.offset + UInt64(seal.done), sync: true))
    }

    func sealWritten(_ result: Int32) {
        guard let seal = sealing else { return }
        if result < 0, isInterruption(-result) { return continueSeal() }
        if result < 0 {
            // Without space the segment stays without a footer: recovery scans it. Anything else is final.
            guard isShortage(-result) else { return fail("seal", seal.segment.fileName, -result) }
            return endSeal(seal)
        }
        sealing?.done += max(Int(result), 0)
        if result == 0 { return fail("seal", seal.segment.fileName, inputOutputError) }
        guard seal.done + Int(result) >= seal.encoded.bytes else { return continueSeal() }
        let topics = seal.encoded.footer.topics
        if topics.bytes > 0 { seal.segment.setTopicIndex(offset: topics.offset, bytes: topics.bytes) }
        endSeal(seal)
    }

    private func endSeal(_ seal: Sealing) {
        sealing = nil
        actions.add(.close, .close(seal.file))
    }

    // MARK: The next segment

    /// Makes the next segment ready while the current one still has room.
    func startPreparation(_ time: TurnTime) {
        guard stopping == .no || stopping == .draining && !canStopInPlace else {
            preparationRetry = nil
            return
        }
        let limit = preparationLimit
        if let next = preparation.resume(filledTo: limit) { return actions.add(.preparation, next) }
        guard limit > 0, preparation.step == .idle || preparation.failureCode != nil else { return }
        if let retry = preparationRetry, time.monotonic < retry { return }
        preparationRetry = nil
        actions.add(
            .preparation,
            preparation.start(fileBytes: configuration.segmentBytesEffective, reusing: spare))
        spare = nil
    }

    /// Bytes of the next segment that may be filled by now: all when it is needed, else as large a part of it as the current
    /// one has been written, times the pace. A log that is hardly used needs no second file, and a start is not slowed by
    /// filling one.
    private var preparationLimit: Int {
        let isNeeded =
            mustSwitch || space != .available || waiting.first.map { !active.fits($0.paddedBytes) } ?? false
            || stopping == .draining && !active.fits(LogLimits.blockBytes)
        if isNeeded { return .max }
        // The current one may be of another size: it keeps its own when the configuration changes.
        let written = Double(active.writtenBytes) / Double(active.fileBytes) - 1 / Double(LogLimits.preparationShare)
        return Int(written * Double(LogLimits.preparationPace * configuration.segmentBytesEffective))
    }

    private var canStopInPlace: Bool {
        unsafe waiting.isEmpty && open == nil && active.fits(LogLimits.blockBytes)
    }

    func preparationCompleted(_ result: Int32, _ time: TurnTime) {
        if let next = preparation.completed(result, filledTo: preparationLimit) {
            return actions.add(.preparation, next)
        }
        if let code = preparation.failureCode { return preparationEnded(code, time) }
        if space == .probing, writing == nil { space = .available }
    }

    private func preparationEnded(_ code: Int32, _ time: TurnTime) {
        guard isShortage(code) else { return fail("prepare", preparation.number.fileName, code) }
        preparationRetry = time.monotonic.advanced(byNanoseconds: LogLimits.spaceRetryNanoseconds)
        if space == .probing, writing == nil { exhaust(time) }
    }
}
