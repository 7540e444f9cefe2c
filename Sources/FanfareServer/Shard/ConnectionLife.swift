import FanfareBase
import FanfareDelivery
import FanfareEvent
import FanfareRing
import FanfareTLS

/// How a connection begins, takes and gives bytes, and ends. The one place that knows about descriptors in flight.
extension Shard {
    // MARK: Begin

    /// The largest message of a socket: an event, and room around it for the op.
    var socketMessageBytesMax: Int { service.configuration.limits.eventBytes + Limits.socketMessageOverheadBytes }

    /// An answer to a request that took its time.
    func answer(_ address: ReplyAddress, _ answer: Answer) {
        guard let connection = connections.lookup(slot: address.slot, generation: address.generation),
            let handler = connection.handler as? HTTPHandler
        else { return }
        handler.answer(address.ticket, answer, on: connection, shard: self)
    }

    /// What publish requests have in common on this service.
    var publishContext: PublishContext {
        var context = PublishContext(hashKey: service.hashKey)
        context.eventBytesMax = service.configuration.limits.eventBytes
        return context
    }

    /// A new TLS session for a listener that wants one; the outer nil when it could not be made.
    func acceptTLS(_ listener: ListenerState) -> TLSSession?? {
        guard let context = listener.tls else { return .some(nil) }
        do throws(TLSError) { return try TLSSession(accepting: context) } catch { return nil }
    }

    func streamHandler(_ listener: ListenerState) -> SocketHandler {
        var principal: Principal?
        if case .principal(let anonymous) = access.authenticate(.absent, on: listener.configuration) {
            principal = anonymous
        }
        return SocketHandler(streamFor: principal, now: time.monotonic)
    }

    /// Gives `descriptor` a slot and arms its receive. Nil, and the descriptor closed, when the table is full.
    func adopt(descriptor: Int32, listener: ListenerState?, tls: TLSSession?) -> Connection? {
        let connection = Connection(descriptor: descriptor, listener: listener, tls: tls, now: time.monotonic)
        do {
            connection.key = try connections.insert(connection)
        } catch {
            metrics.connectionsRefused.add(1)
            operations.append(Operation(.close, descriptor: descriptor, token: Token(.ignored)))
            return nil
        }
        armReceive(connection)
        return connection
    }

    // MARK: Input

    /// Arms the multishot receive unless it is armed, paused or pointless.
    func armReceive(_ connection: Connection) {
        guard !connection.receiveArmed, !connection.receivePaused, connection.phase != .closing else { return }
        connection.receiveArmed = true
        connection.operationsInFlight += 1
        operations.append(
            Operation(.receive, descriptor: connection.descriptor, token: connection.token(.receive)))
    }

    /// Stops taking input until `resumeReceive`: the kernel's window is then the peer's limit.
    func pauseReceive(_ connection: Connection) {
        guard !connection.receivePaused else { return }
        connection.receivePaused = true
        if connection.receiveArmed {
            operations.append(
                Operation(
                    .cancel, descriptor: connection.descriptor, token: Token(.ignored),
                    offset: connection.token(.receive).rawValue))
        }
    }

    /// Takes input again, whatever the handler says: for connections that are ending. See `readOn`.
    func resumeReceive(_ connection: Connection) {
        connection.receivePaused = false
        armReceive(connection)
    }

    func receiveCompleted(_ completion: Completion, on connection: Connection) {
        if !completion.more {
            connection.receiveArmed = false
            connection.operationsInFlight -= 1
        }
        if completion.result > 0, let address = unsafe completion.address {
            connection.lastActive = time.monotonic
            connection.liveness.heard(at: time.monotonic)
            // Safe: the ring lends the buffer until it is given back below.
            let bytes = unsafe UnsafeRawBufferPointer(start: address, count: Int(completion.result))
            unsafe input(bytes, on: connection)
        }
        if let buffer = completion.bufferID { operations.append(Operation(.returnBuffer, length: Int(buffer))) }
        switch completion.result {
        case 1...: break
        case -Errno.noBufferSpace: metrics.receiveBuffersExhausted.add(1)
        case -Errno.canceled where connection.phase == .open || connection.phase == .finishing: break
        default:
            inputOver(on: connection, failed: completion.result < 0)
            return
        }
        if connection.phase == .closing { closeWhenQuiet(connection) } else { armReceive(connection) }
    }

    func input(_ bytes: UnsafeRawBufferPointer, on connection: Connection) {
        guard connection.phase == .open else { return }
        guard let tls = connection.tls else {
            return unsafe deliver(bytes, on: connection)
        }
        if !tls.isEstablished, connection.listener != nil { return unsafe awaitHandshake(bytes, on: connection) }
        unsafe decrypt(bytes, with: tls, on: connection)
    }

    /// Takes bytes of a TLS session, whatever they bring: a step of its handshake, data, its end.
    func decrypt(_ bytes: UnsafeRawBufferPointer, with tls: TLSSession, on connection: Connection) {
        // Handlers answer, which seals: so the plaintext is taken out of the session first.
        var plaintext = plaintextPool
        plaintextPool = []
        let wasEstablished = tls.isEstablished
        do throws(TLSError) {
            _ = try unsafe tls.receive(bytes, output: &tlsOutput) { unsafe plaintext.append(contentsOf: $0) }
            takeTLSOutput(for: connection)
            if !wasEstablished, tls.isEstablished { connection.handler?.secured(on: connection, shard: self) }
            unsafe plaintext.withUnsafeBytes { plain in
                if unsafe !plain.isEmpty { unsafe deliver(plain, on: connection) }
            }
            if tls.isClosedByPeer { inputOver(on: connection, failed: false) }
        } catch {
            takeTLSOutput(for: connection)
            tlsFailed(error, on: connection)
        }
        plaintext.removeAll(keepingCapacity: true)
        plaintextPool = plaintext
    }

    /// Sends what the TLS session wants said besides data: handshake flights, tickets, alerts.
    func takeTLSOutput(for connection: Connection) {
        guard !tlsOutput.isEmpty else { return }
        unsafe tlsOutput.withUnsafeBytes { bytes in
            if unsafe !connection.output.append(bytes) { abort(connection) }
        }
        accountForOutput(of: connection)
        tlsOutput.removeAll(keepingCapacity: true)
        markDirty(connection)
    }

    private func tlsFailed(_ error: TLSError, on connection: Connection) {
        metrics.tlsFailures.add(1)
        connection.handler?.tlsFailed(error, on: connection, shard: self)
        finish(connection)
    }

    // MARK: Output

    /// Appends bytes that must go out before any event; sealed on TLS. Past the connection's limit it is closed: a peer
    /// that makes us talk and does not listen.
    func send(_ bytes: UnsafeRawBufferPointer, on connection: Connection) {
        guard connection.phase == .open else { return }
        unsafe append(bytes, to: connection)
    }

    private func append(_ bytes: UnsafeRawBufferPointer, to connection: Connection) {
        let taken: Bool
        if !mayHold(bytes.count, for: connection) {
            taken = false
        } else if let tls = connection.tls {
            taken = unsafe seal(bytes, with: tls, into: connection)
        } else {
            taken = unsafe connection.output.append(bytes)
        }
        accountForOutput(of: connection)
        if taken {
            markDirty(connection)
        } else {
            metrics.outputOverflows.add(1)
            abort(connection)
        }
    }

    /// Appends control messages that had to wait, also when the connection is about to end.
    func sendHeld(_ bytes: [UInt8], on connection: Connection) {
        unsafe bytes.withUnsafeBytes { unsafe append($0, to: connection) }
    }

    /// Appends the bytes of an array; see `send(_:on:)`.
    func send(_ bytes: [UInt8], on connection: Connection) {
        unsafe bytes.withUnsafeBytes { unsafe send($0, on: connection) }
    }

    private func seal(_ bytes: UnsafeRawBufferPointer, with tls: TLSSession, into connection: Connection) -> Bool {
        // Before the handshake there is nobody to talk to: what we would say (a timeout) is left unsaid.
        guard tls.isEstablished else { return true }
        let room = TLSSession.sealedBytesMax(bytes.count)
        guard let target = unsafe connection.output.reserve(room) else { return false }
        let sealed = unsafe tls.seal(bytes, into: UnsafeMutableRawBufferPointer(start: target, count: room))
        connection.output.commit(sealed)
        return unsafe sealed > 0 || bytes.isEmpty
    }

    /// Puts the connection on the list of those flushed at the end of the turn.
    func markDirty(_ connection: Connection) {
        guard !connection.isDirty else { return }
        connection.isDirty = true
        dirty.append(connection)
    }

    /// One send for each connection that has something of its own to say.
    func flushOutputs() {
        // By index: a flush may append (the end of a TLS session says something itself).
        var index = 0
        while index < dirty.count {
            let connection = dirty[index]
            index += 1
            connection.isDirty = false
            flushOutput(connection)
        }
        dirty.removeAll(keepingCapacity: true)
    }

    private func flushOutput(_ connection: Connection) {
        guard connection.canSend else { return }
        if connection.output.isEmpty, connection.phase == .finishing { sayGoodbye(connection) }
        if connection.output.isEmpty { return }
        let bytes = unsafe connection.output.bytes
        let count = min(bytes.count, Limits.outputSendBytesMax)
        unsafe queueSend(UnsafeRawBufferPointer(rebasing: bytes.prefix(count)), on: connection, from: .output)
    }

    /// Queues the one send of this turn. `bytes` stay as they are until its completion has been handled, early in the next
    /// turn: they lie in `output`, the arena or a frame ring.
    func queueSend(_ bytes: UnsafeRawBufferPointer, on connection: Connection, from source: SendSource) {
        connection.sendBytes = Int32(bytes.count)
        connection.sendSource = source
        connection.operationsInFlight += 1
        unsafe operations.append(
            Operation(
                .send, descriptor: connection.descriptor, token: connection.token(.send), address: bytes.baseAddress,
                length: bytes.count))
    }

    func sendCompleted(_ result: Int32, on connection: Connection) {
        let wanted = connection.sendBytes
        connection.sendBytes = 0
        connection.operationsInFlight -= 1
        let sent = result == -Errno.again ? 0 : result
        guard sent >= 0, connection.phase != .closing else {
            abort(connection)
            return closeWhenQuiet(connection)
        }
        metrics.bytesSent.add(UInt64(sent))
        metrics.sends.add(1)
        if sent > 0 { connection.lastActive = time.monotonic }
        switch connection.sendSource {
        case .output:
            connection.output.removeFirst(Int(sent))
            accountForOutput(of: connection)
        case .frames(let after): settle(connection, after: after, sent: Int(sent), wanted: Int(wanted))
        case .arena(let offset):
            if sent < wanted { keep(Int(offset) + Int(sent)..<Int(offset) + Int(wanted), of: connection) }
        }
        if sent < wanted {
            awaitWritable(connection)
            guard let subscriber = connection.subscriber else { return }
            subscriber.sendSmall()
            // What waited for the end of the frame comes before whatever is said from now on.
            if connection.phase == .open { releaseControl(of: subscriber, on: connection) }
            return
        }
        afterSend(connection)
    }

    /// Moves a subscriber's place as far as its frames were taken. What is left is framed again: nothing is copied.
    private func settle(_ connection: Connection, after: StreamPlace, sent: Int, wanted: Int) {
        guard let subscriber = connection.subscriber else { return }
        subscriber.member.place = sent == wanted ? after : fanout.settle(subscriber.member, sentBytes: sent)
        if sent < wanted { metrics.shortSends.add(1) }
    }

    /// Copies the unsent rest of a send from the arena to the connection: nothing in flight points at shared memory.
    private func keep(_ range: Range<Int>, of connection: Connection) {
        metrics.shortSends.add(1)
        // Safe: the arena keeps the bytes until the turn's sends are all accounted for.
        let rest = unsafe UnsafeRawBufferPointer(rebasing: arena.bytes[range])
        if unsafe !connection.output.append(rest) { abort(connection) }
        accountForOutput(of: connection)
    }

    /// Whether the connection's output may grow by `count`: always while it is small, else as long as the shard's
    /// connections hold less than their share of `limits.memory`.
    private func mayHold(_ count: Int, for connection: Connection) -> Bool {
        connection.output.count + count <= Limits.connectionBytesAssured
            || connectionBytes + count <= connectionBytesMax
    }

    /// Whether the shard's connections may hold so many more bytes together.
    func hasRoom(_ count: Int) -> Bool {
        count <= Limits.connectionBytesAssured || connectionBytes + count <= connectionBytesMax
    }

    /// Counts what the connection's output holds now.
    private func accountForOutput(of connection: Connection) {
        connectionBytes += connection.output.count - Int(connection.outputBytesCounted)
        connection.outputBytesCounted = UInt32(connection.output.count)
    }

    private func awaitWritable(_ connection: Connection) {
        guard connection.phase == .open || connection.phase == .finishing else { return }
        connection.blocked = true
        connection.operationsInFlight += 1
        operations.append(
            Operation(.pollWritable, descriptor: connection.descriptor, token: connection.token(.pollWritable)))
    }

    func pollCompleted(_ result: Int32, on connection: Connection) {
        connection.blocked = false
        connection.operationsInFlight -= 1
        if connection.phase == .closing { return closeWhenQuiet(connection) }
        if result < 0 { return abort(connection) }
        afterSend(connection)
    }

    /// The connection can take bytes again: its own first, then the handler says what else.
    private func afterSend(_ connection: Connection) {
        if let subscriber = connection.subscriber { releaseControl(of: subscriber, on: connection) }
        if connection.output.isEmpty, connection.phase == .open, connection.awaitsDrain || connection.subscriber == nil
        {
            connection.awaitsDrain = false
            connection.handler?.outputDrained(on: connection, shard: self)
        }
        if !connection.output.isEmpty || connection.phase == .finishing { return markDirty(connection) }
        guard connection.phase == .open, let subscriber = connection.subscriber else { return }
        readyToDeliver(connection, subscriber)
    }

    // MARK: End

    /// Ends the connection when all of `output` is out.
    func finish(_ connection: Connection) {
        guard connection.phase == .open else { return }
        connection.phase = .finishing
        schedule(connection, at: time.monotonic.advanced(byMilliseconds: Limits.finishTimeoutMilliseconds))
        markDirty(connection)
    }

    /// All is out: ends the TLS session first, then our side of the connection.
    private func sayGoodbye(_ connection: Connection) {
        if let tls = connection.tls, !connection.saidGoodbye {
            connection.saidGoodbye = true
            tls.close(output: &tlsOutput)
            takeTLSOutput(for: connection)
        }
        if connection.output.isEmpty { linger(connection) }
    }

    private func linger(_ connection: Connection) {
        connection.phase = .lingering
        resumeReceive(connection)
        operations.append(
            Operation(.shutdown, descriptor: connection.descriptor, token: Token(.ignored), length: ShutdownHow.write))
        schedule(connection, at: time.monotonic.advanced(byMilliseconds: Limits.lingerTimeoutMilliseconds))
    }

    /// Ends the connection now.
    func abort(_ connection: Connection) {
        guard connection.phase != .closing else { return }
        connection.phase = .closing
        let handler = connection.handler
        connection.handler = nil
        connection.heldInput = HeldBytes()
        handler?.closed(on: connection, shard: self)
        countInput(of: connection)
        if let timer = connection.timer { timers.cancel(timer) }
        connection.timer = nil
        if connection.operationsInFlight > 0 {
            // shutdown(2) ends a receive and a poll in flight; closing alone would not (FACTS).
            operations.append(
                Operation(
                    .shutdown, descriptor: connection.descriptor, token: Token(.ignored), length: ShutdownHow.both))
            operations.append(
                Operation(.cancelDescriptor, descriptor: connection.descriptor, token: Token(.ignored)))
        }
        closeWhenQuiet(connection)
    }

    /// Closes the descriptor and frees the slot once nothing of the connection is in flight.
    func closeWhenQuiet(_ connection: Connection) {
        guard connection.operationsInFlight == 0, connections.lookup(connection.key) === connection
        else { return }
        operations.append(Operation(.close, descriptor: connection.descriptor, token: Token(.ignored)))
        _ = connections.remove(connection.key)
        connectionBytes -= Int(connection.outputBytesCounted)
        connection.outputBytesCounted = 0
        left(connection)
        metrics.connectionsClosed.add(1)
    }

    // MARK: Time

    /// Finds out whether the peer has taken bytes since the last look.
    func lookForLife(of connection: Connection) {
        if let acknowledged = service.acknowledged(connection.descriptor) {
            connection.liveness.look(acknowledged, at: time.monotonic)
        } else {
            // A Unix socket: our kernel is the peer's.
            connection.liveness.took(at: connection.lastActive)
        }
    }

    /// Acts at `deadline` through the handler, unless it is moved again.
    func schedule(_ connection: Connection, at deadline: MonotonicTime) {
        guard connection.phase != .closing else { return }
        let earlier = deadline < connection.deadline
        connection.deadline = deadline
        if let timer = connection.timer {
            // A later deadline is found out when the old entry fires: moving it costs nothing.
            guard earlier else { return }
            timers.cancel(timer)
        }
        connection.timer = timers.insert(
            deadline: deadline, key: .connection(slot: connection.slot, generation: connection.generation))
    }

    /// The wheel's entry of a connection fired.
    func timerFired(on connection: Connection) {
        connection.timer = nil
        if connection.deadline > time.monotonic {
            let deadline = connection.deadline
            connection.deadline = MonotonicTime(nanoseconds: .max)
            return schedule(connection, at: deadline)
        }
        connection.deadline = MonotonicTime(nanoseconds: .max)
        switch connection.phase {
        case .open where !connection.handshakeInput.isEmpty:
            // It waits for us, not we for it.
            schedule(connection, at: time.monotonic.advanced(byMilliseconds: Limits.headTimeoutMilliseconds))
        case .open: connection.handler?.deadlinePassed(on: connection, shard: self)
        case .finishing
        where connection.lastActive.advanced(byMilliseconds: Limits.finishTimeoutMilliseconds) > time.monotonic:
            // It still takes bytes: a slow reader gets its last answer.
            schedule(connection, at: time.monotonic.advanced(byMilliseconds: Limits.finishTimeoutMilliseconds))
        case .finishing, .lingering: abort(connection)
        case .closing: break
        }
    }
}
