import FanfareBase
import FanfareDelivery
import FanfareRing
import FanfareTLS

/// The fan-out's edge: visits, one send for all that is pending, and the lane of control messages.
extension Shard {
    /// Sends to members that have something pending, within the turn's budget.
    ///
    /// - Returns: whether nobody is left waiting for a visit.
    func flushFanout() -> Bool {
        var visits = 0
        var readyIsNext = false
        while visits < Limits.fanoutVisitsPerTurn, arena.unusedCapacity >= Limits.arenaRoomPerVisit {
            // In turn, so that those who are served again and again starve nobody.
            readyIsNext.toggle()
            let next = readyIsNext ? ready.popFirst() ?? fanout.nextVisit() : fanout.nextVisit() ?? ready.popFirst()
            guard let slot = next else { return true }
            visits += 1
            if slot & WebhookDispatcher.memberBit != 0 {
                webhooks.visited(member: slot, self)
            } else if let connection = connections.element(inSlot: slot), let subscriber = connection.subscriber {
                visits += subscriber.cost - 1
                deliver(to: connection, subscriber)
            }
        }
        return false
    }

    /// One send with everything pending, if the connection can take it now.
    func deliver(to connection: Connection, _ subscriber: Subscriber) {
        guard connection.canSend, connection.phase == .open, connection.output.isEmpty else { return }
        if subscriber.isCatchingUp { return catchUp.add(connection) }
        let bytesMax = sendBytesMax(of: subscriber, on: connection)
        let outcome = fanout.gather(
            subscriber.member, bytesMax: bytesMax, onlyBegunFrame: subscriber.afterFrame != .goOn, into: &slices)
        if fanout.framedThrough > stages.framedThrough {
            stages.noteFramed(through: fanout.framedThrough, at: moment, metrics.stages)
        }
        switch outcome {
        case .nothing: break
        case .turnFull: _ = ready.append(connection.slot)
        case .readLog: fellBehind(connection, subscriber)
        case .send(let after): send(slices, after: after, to: connection, subscriber)
        }
    }

    /// Bytes of events in the next send. What is sealed and not taken has to be kept, so with TLS it is a record at a time
    /// once connections hold half of their share of memory.
    func sendBytesMax(of subscriber: Subscriber, on connection: Connection) -> Int {
        if connection.tls != nil, connectionBytes > connectionBytesMax / 2 { return Limits.eventSendBytesFirst }
        return min(Int(subscriber.sendBytesMax), Limits.eventSendBytesMax)
    }

    private func send(
        _ slices: borrowing FrameSlices, after: StreamPlace, to connection: Connection, _ subscriber: Subscriber
    ) {
        subscriber.growSends(after: slices.byteCount, to: Limits.eventSendBytesMax)
        if let tls = connection.tls {
            let target = unsafe arena.unused
            let sealed = unsafe slices.slices.withUnsafeBufferPointer { unsafe tls.seal(gathering: $0, into: target) }
            guard sealed > 0, let start = target.baseAddress else { return abort(connection) }
            let offset = UInt32(arena.count)
            arena.commit(sealed)
            subscriber.member.place = after
            return unsafe queueSend(
                UnsafeRawBufferPointer(start: start, count: sealed), on: connection, from: .arena(offset: offset))
        }
        if unsafe slices.slices.count == 1 {
            return unsafe queueSend(slices.slices[0], on: connection, from: .frames(after: after))
        }
        let target = unsafe UnsafeMutableRawBufferPointer(rebasing: arena.unused[..<slices.byteCount])
        unsafe slices.copy(to: target)
        arena.commit(slices.byteCount)
        unsafe queueSend(UnsafeRawBufferPointer(target), on: connection, from: .frames(after: after))
    }

    /// The events after its place are no longer in memory. A frame that has been begun is finished first, from the log.
    private func fellBehind(_ connection: Connection, _ subscriber: Subscriber) {
        let isBetweenFrames = subscriber.member.place.isBetweenFrames
        switch subscriber.slowPolicy {
        case .catchUp: break
        case .close:
            let sequence = subscriber.member.place.sequence
            let last = position(isBetweenFrames ? sequence : sequence.next)
            (connection.handler as? SocketHandler)?.closeSlow(after: last, on: connection, shard: self)
            if isBetweenFrames { return }
        case .skip:
            if isBetweenFrames { return skipToHead(connection, subscriber) }
            if subscriber.afterFrame != .end { subscriber.afterFrame = .skip }
        }
        startCatchUp(connection, subscriber)
    }

    /// Passes over everything up to the newest event and says so.
    func skipToHead(_ connection: Connection, _ subscriber: Subscriber) {
        let missedAfter = subscriber.member.place.sequence
        subscriber.afterFrame = .goOn
        subscriber.endCatchUp()
        subscriber.member.place = StreamPlace(after: fanout.head)
        tellGap(connection, subscriber, after: missedAfter, next: fanout.head.next)
    }

    /// The connection can take bytes and has nothing of its own to say.
    func readyToDeliver(_ connection: Connection, _ subscriber: Subscriber) {
        if subscriber.isCatchingUp { return catchUp.add(connection) }
        // Who stands at the head between two frames has nothing pending; what is announced later brings its own visit.
        if subscriber.member.place.isBetweenFrames, subscriber.member.place.sequence >= fanout.head { return }
        _ = ready.append(connection.slot)
    }

    // MARK: Control messages

    /// Sends a message of ours, or keeps it until the frame under way is complete.
    func sendControl(_ bytes: [UInt8], on connection: Connection) {
        guard let subscriber = connection.subscriber else { return send(bytes, on: connection) }
        if mayInterject(connection, subscriber) { return send(bytes, on: connection) }
        guard subscriber.control.count + bytes.count <= Limits.heldControlBytesMax else { return abort(connection) }
        subscriber.control += bytes
    }

    /// Sends what was kept, if nothing stands in its way any more; then ends or skips, if that waited too.
    func releaseControl(of subscriber: Subscriber, on connection: Connection) {
        guard !subscriber.control.isEmpty || subscriber.afterFrame != .goOn, mayInterject(connection, subscriber) else {
            return
        }
        let held = subscriber.control
        subscriber.control = []
        if !held.isEmpty { sendHeld(held, on: connection) }
        switch subscriber.afterFrame {
        case .goOn: break
        case .takeOp: subscriber.afterFrame = .goOn
        case .skip: skipToHead(connection, subscriber)
        case .end: finish(connection)
        }
    }

    /// Ends the connection when all it has to say is out and the frame under way is complete.
    func finishAfterFrame(_ connection: Connection) {
        guard let subscriber = connection.subscriber, connection.phase == .open,
            !mayInterject(connection, subscriber)
        else { return finish(connection) }
        subscriber.afterFrame = .end
        schedule(connection, at: time.monotonic.advanced(byMilliseconds: Limits.finishTimeoutMilliseconds))
    }

    /// Whether our own bytes may follow what was sent: not inside a frame, and not before it is known how much of a send of
    /// frames was taken. So `output` never holds anything that has to wait for something else.
    func mayInterject(_ connection: Connection, _ subscriber: Subscriber) -> Bool {
        if connection.sendBytes > 0, !connection.sendSource.isOutput { return false }
        return subscriber.member.place.isBetweenFrames
    }
}
