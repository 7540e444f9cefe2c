import FanfareBase
import FanfareDelivery
import FanfareEvent
import FanfareLog
import FanfareRing
import FanfareTLS

/// Subscribers that read the log and can take bytes, in the order in which they are served.
struct CatchUpQueue {
    private var queue = RingQueue<Connection>(limit: .max >> 1)
    /// Bytes of records this turn may still look at.
    var bytesLeft = 0

    /// Whether nobody waits.
    var isEmpty: Bool { queue.isEmpty }
    /// How many wait.
    var count: Int { queue.count }

    /// Puts a connection behind the others, once.
    mutating func add(_ connection: Connection) {
        guard !connection.isQueuedForCatchUp else { return }
        connection.isQueuedForCatchUp = true
        _ = queue.append(connection)
    }

    /// The next one.
    mutating func next() -> Connection? {
        guard let connection = queue.popFirst() else { return nil }
        connection.isQueuedForCatchUp = false
        return connection
    }
}

/// Catching up: the same cursor, the same frames, from the log instead of from memory.
extension Shard {
    /// From here on the subscriber reads the log, until it has reached what memory holds.
    func startCatchUp(_ connection: Connection, _ subscriber: Subscriber) {
        guard !subscriber.isCatchingUp else { return }
        subscriber.isCatchingUp = true
        noteWants(of: subscriber)
        catchUp.add(connection)
    }

    /// Serves those who catch up, within the turn's budget.
    ///
    /// - Returns: whether nobody is left waiting who could be served now.
    func flushCatchUp() -> Bool {
        var visits = min(Limits.catchUpVisitsPerTurn, catchUp.count)
        catchUp.bytesLeft = Limits.catchUpBytesPerTurn
        while visits > 0, catchUp.bytesLeft > 0, arena.unusedCapacity >= Limits.arenaRoomPerVisit,
            let connection = catchUp.next()
        {
            visits -= 1
            if let subscriber = connection.subscriber, connection.phase == .open { serve(connection, subscriber) }
        }
        return catchUp.isEmpty
    }

    private func serve(_ connection: Connection, _ subscriber: Subscriber) {
        guard subscriber.isCatchingUp, let reading = subscriber.reading, connection.canSend else { return }
        guard connection.output.isEmpty else { return markDirty(connection) }
        if subscriber.member.wire == .deflatedWebSocket, fanout.deflated.isSpent { return catchUp.add(connection) }
        if subscriber.member.place.isBetweenFrames, reading.lastSearch == nil, reading.notBefore.nanoseconds == 0,
            isLive(subscriber)
        {
            subscriber.endCatchUp()
            return deliver(to: connection, subscriber)
        }
        if reading.lastSearch != nil { return search(reading, connection, subscriber) }
        let waiter = LogReader.Waiter.socket(slot: connection.slot, generation: connection.generation)
        // Inside a frame its event is what comes next, whatever is wanted since.
        let selection = subscriber.member.place.isBetweenFrames ? reading.selection : nil
        let answer = reader.read(
            after: subscriber.member.place.sequence, selecting: selection, for: waiter, self)
        switch answer {
        case .waiting: break
        case .nothing(let sequence):
            subscriber.member.place = StreamPlace(after: sequence)
            catchUp.add(connection)
        case .atHead:
            // The place is at the head that was seen; what has been committed since is announced or read.
            subscriber.endCatchUp()
            deliver(to: connection, subscriber)
        case .gap(let next): passGap(to: next, connection, subscriber)
        case .block(let block): sendBlock(block, reading, connection, subscriber)
        }
    }

    func readFailed(_ connection: Connection) {
        (connection.handler as? SocketHandler)?.close(
            .internalError, "the log could not be read", on: connection, shard: self)
    }

    /// A block that someone waited for has been read, or could not be.
    func blockArrived(for waiter: LogReader.Waiter, failed: Bool) {
        switch waiter {
        case .socket(let slot, let generation):
            guard let connection = connections.lookup(slot: slot, generation: generation) else { return }
            if failed { readFailed(connection) } else { catchUp.add(connection) }
        case .webhook(let slot): webhooks.blockArrived(slot: slot, failed: failed, self)
        case .page(let number): pages.blockArrived(number, failed: failed, self)
        }
    }

    /// Looks for where the last so many events begin, a block at a time.
    private func search(_ reading: LogReading, _ connection: Connection, _ subscriber: Subscriber) {
        guard var search = reading.lastSearch else { return }
        let waiter = LogReader.Waiter.socket(slot: connection.slot, generation: connection.generation)
        switch reader.read(after: search.cursor, selecting: reading.selection, for: waiter, self) {
        case .waiting: return
        case .nothing(let sequence): search.passed(sequence)
        case .gap(let next): search.restart(at: next)
        case .atHead: search.reachedHead()
        case .block(let block):
            search.walk(block) { reading.wants($0) }
            catchUp.bytesLeft -= block.memoryBytes * subscriber.cost
        }
        if let start = search.result {
            subscriber.member.place = StreamPlace(after: start)
            reading.lastSearch = nil
            (connection.handler as? SocketHandler)?.searchEnded(on: connection, shard: self)
        } else {
            reading.lastSearch = search
        }
        catchUp.add(connection)
    }

    /// Whether memory holds everything after the subscriber's place.
    private func isLive(_ subscriber: Subscriber) -> Bool { fanout.next(subscriber.member) != .readLog }

    private func sendBlock(
        _ block: LogBlock, _ reading: LogReading, _ connection: Connection, _ subscriber: Subscriber
    ) {
        frames.begin(
            at: subscriber.member.place, wire: subscriber.member.wire,
            bytesMax: sendBytesMax(connection, subscriber), onlyBegunFrame: subscriber.afterFrame != .goOn)
        var outcome = CatchUpBatch.Offer.taken
        var index = block.firstIndex(above: subscriber.member.place.sequence)
        let cost = subscriber.cost
        while outcome == .taken, index < block.count, catchUp.bytesLeft > 0 {
            switch block[index] {
            case .event(let record):
                unsafe catchUp.bytesLeft -= record.bytes.count * cost
                outcome = frames.offer(record, isWanted: reading.wants(record))
                if record.time >= reading.notBefore { reading.notBefore = WallTime(nanoseconds: 0) }
            case .lost(let range): outcome = passLost(range, connection, subscriber)
            }
            index += 1
        }
        if outcome == .begunEventIsGone { return abort(connection) }
        guard !frames.bytes.isEmpty else {
            subscriber.member.place = frames.after
            return catchUp.add(connection)
        }
        sendFrames(to: connection, subscriber)
    }

    private func sendBytesMax(_ connection: Connection, _ subscriber: Subscriber) -> Int {
        if connection.tls != nil { return sendBytesMax(of: subscriber, on: connection) }
        return min(Int(subscriber.sendBytesMax), arena.unusedCapacity)
    }

    /// Numbers that belong to no event: told as a gap, after what was framed before them has been sent.
    private func passLost(_ range: ClosedRange<SequenceNumber>, _ connection: Connection, _ subscriber: Subscriber)
        -> CatchUpBatch.Offer
    {
        guard frames.bytes.isEmpty, frames.after.isBetweenFrames else { return .full }
        let after = SequenceNumber(range.lowerBound.rawValue - 1)
        tellGap(connection, subscriber, after: max(after, frames.after.sequence), next: range.upperBound.next)
        _ = frames.pass(to: range.upperBound)
        return .full
    }

    private func sendFrames(to connection: Connection, _ subscriber: Subscriber) {
        subscriber.member.place = frames.after
        let target = unsafe arena.unused
        guard let start = target.baseAddress else { return }
        let count = unsafe frames.bytes.withUnsafeBytes { bytes -> Int in
            if let tls = connection.tls { return unsafe tls.seal(bytes, into: target) }
            unsafe target.copyMemory(from: bytes)
            return bytes.count
        }
        guard count > 0 else { return abort(connection) }
        let offset = UInt32(arena.count)
        arena.commit(count)
        metrics.catchUpBytes.add(UInt64(count))
        metrics.catchUpEvents.add(UInt64(frames.endedFrames))
        subscriber.growSends(after: count, to: Limits.catchUpSendBytesMax)
        unsafe queueSend(
            UnsafeRawBufferPointer(start: start, count: count), on: connection, from: .arena(offset: offset))
    }

    /// Retention has removed what comes next, or it belongs to another log: says so and goes on at `next`.
    private func passGap(to next: SequenceNumber, _ connection: Connection, _ subscriber: Subscriber) {
        guard subscriber.member.place.isBetweenFrames else { return abort(connection) }
        let after = subscriber.member.place.sequence
        subscriber.member.place = StreamPlace(after: SequenceNumber(next.rawValue - 1))
        tellGap(connection, subscriber, after: after, next: next)
        catchUp.add(connection)
    }
}
