import FanfareBase
import FanfareRing
import FanfareTLS
import FanfareWire
import Glibc

/// How connections take and give bytes, and end.
extension ClientLoop {
    // MARK: Input

    func armReceive(_ connection: ClientConnection) {
        guard !connection.isReceiveArmed, !connection.isPaused, connection.phase != .closing,
            connection.phase != .closed
        else { return }
        connection.isReceiveArmed = true
        connection.operationsInFlight += 1
        operations.append(Operation(.receive, descriptor: connection.descriptor, token: connection.token(.receive)))
    }

    /// Ends the receive in flight; its completion arms no other while the connection is paused.
    func cancelReceive(_ connection: ClientConnection) {
        guard connection.isReceiveArmed else { return }
        operations.append(
            Operation(
                .cancel, token: Token(purpose: Purpose.ignored.rawValue, generation: 0, slot: 0),
                offset: connection.token(.receive).rawValue))
    }

    func receiveCompleted(_ completion: Completion, on connection: ClientConnection) {
        if !completion.more {
            connection.isReceiveArmed = false
            connection.operationsInFlight -= 1
        }
        if completion.result > 0, let address = unsafe completion.address {
            // Safe: the ring lends the buffer until it is given back below.
            unsafe input(UnsafeRawBufferPointer(start: address, count: Int(completion.result)), on: connection)
        }
        if let buffer = completion.bufferID { operations.append(Operation(.returnBuffer, length: Int(buffer))) }
        switch completion.result {
        case 1..., -ENOBUFS, -ECANCELED:
            if connection.phase == .closing { closeWhenQuiet(connection) } else { armReceive(connection) }
        case 0: abort(connection, .endedByPeer)
        default: abort(connection, .broken(number: -completion.result))
        }
    }

    private func input(_ bytes: UnsafeRawBufferPointer, on connection: ClientConnection) {
        guard connection.phase == .open || connection.phase == .opening else { return }
        guard let tls = connection.tls else {
            unsafe connection.handler.received(ByteView(bytes), on: connection)
            return
        }
        // Handlers answer, which seals: so the plaintext is taken out of the session first.
        var plaintext = plaintextPool
        plaintextPool = []
        do throws(TLSError) {
            try unsafe tls.receive(bytes, output: &tlsOutput) { unsafe plaintext.append(contentsOf: $0) }
            takeTLSOutput(for: connection)
            if connection.phase == .opening, tls.isEstablished { becomeOpen(connection) }
            if !plaintext.isEmpty, connection.phase == .open {
                plaintext.withByteView { connection.handler.received($0, on: connection) }
            }
            if tls.isClosedByPeer { close(connection, .endedByPeer) }
        } catch {
            takeTLSOutput(for: connection)
            close(connection, .tls(error))
        }
        plaintext.removeAll(keepingCapacity: true)
        plaintextPool = plaintext
    }

    // MARK: Output

    func takeTLSOutput(for connection: ClientConnection) {
        guard !tlsOutput.isEmpty else { return }
        let taken = tlsOutput.withByteView { unsafe connection.output.append($0.unsafeBytes) }
        tlsOutput.removeAll(keepingCapacity: true)
        if taken { markDirty(connection) } else { abort(connection, .outputOverflow) }
    }

    func append(_ bytes: ByteView, to connection: ClientConnection) {
        let taken: Bool
        if let tls = connection.tls {
            taken = seal(bytes, with: tls, into: connection)
        } else {
            taken = unsafe connection.output.append(bytes.unsafeBytes)
        }
        if taken { markDirty(connection) } else { abort(connection, .outputOverflow) }
    }

    private func seal(_ bytes: ByteView, with tls: TLSSession, into connection: ClientConnection) -> Bool {
        let room = TLSSession.sealedBytesMax(bytes.count)
        guard let target = unsafe connection.output.reserve(room) else { return false }
        // Safe: reserve gave `room` bytes, and what is sealed into them is committed.
        let count = unsafe tls.seal(bytes.unsafeBytes, into: UnsafeMutableRawBufferPointer(start: target, count: room))
        connection.output.commit(count)
        return true
    }

    /// Queues one send of what waits: the last thing of a turn, so nothing moves the bytes before the ring has taken them.
    func flush(_ connection: ClientConnection) {
        guard connection.descriptor >= 0, connection.sendBytes == 0, !connection.isBlocked, connection.phase != .closed,
            connection.phase != .closing
        else { return }
        guard !connection.output.isEmpty else {
            if connection.phase == .finishing { abort(connection, connection.end) }
            return
        }
        connection.sendBytes = min(connection.output.count, LoadLimits.sendBytesMax)
        connection.operationsInFlight += 1
        unsafe operations.append(
            Operation(
                .send, descriptor: connection.descriptor, token: connection.token(.send),
                address: connection.output.bytes.baseAddress, length: connection.sendBytes))
    }

    func sendCompleted(_ result: Int32, on connection: ClientConnection) {
        let wanted = connection.sendBytes
        connection.sendBytes = 0
        connection.operationsInFlight -= 1
        guard connection.phase != .closing else { return closeWhenQuiet(connection) }
        guard result >= 0 || result == -EAGAIN else { return abort(connection, .broken(number: -result)) }
        let taken = max(0, Int(result))
        connection.output.removeFirst(taken)
        if taken < wanted {
            connection.isBlocked = true
            connection.operationsInFlight += 1
            operations.append(
                Operation(.pollWritable, descriptor: connection.descriptor, token: connection.token(.pollWritable)))
        } else if !connection.output.isEmpty || connection.phase == .finishing {
            markDirty(connection)
        }
    }

    func writableCompleted(_ result: Int32, on connection: ClientConnection) {
        connection.isBlocked = false
        connection.operationsInFlight -= 1
        if connection.phase == .closing { closeWhenQuiet(connection) } else { markDirty(connection) }
    }

    // MARK: End

    /// Ends a connection after what waits has been sent.
    func close(_ connection: ClientConnection, _ reason: ClientEnd) {
        switch connection.phase {
        case .open:
            if let tls = connection.tls {
                tls.close(output: &tlsOutput)
                takeTLSOutput(for: connection)
            }
            guard connection.phase == .open else { return }
            connection.phase = .finishing
            connection.end = reason
            markDirty(connection)
        case .opening: abort(connection, reason)
        case .finishing, .closing, .closed: break
        }
    }

    /// Ends a connection at once; what waits is dropped.
    func abort(_ connection: ClientConnection, _ reason: ClientEnd) {
        guard connection.phase != .closing, connection.phase != .closed else { return closeWhenQuiet(connection) }
        // Who ends it first says why.
        if connection.phase != .finishing { connection.end = reason }
        connection.phase = .closing
        if let timer = connection.timer { cancel(timer) }
        connection.timer = nil
        let ignored = Token(purpose: Purpose.ignored.rawValue, generation: 0, slot: 0)
        if connection.descriptor >= 0 {
            // Completes what is in flight: receives with the end, polls with a hang-up.
            operations.append(Operation(.shutdown, descriptor: connection.descriptor, token: ignored))
        } else if connection.operationsInFlight > 0 {
            operations.append(Operation(.cancel, token: ignored, offset: connection.token(.connect).rawValue))
        }
        closeWhenQuiet(connection)
    }

    /// Frees the slot when nothing is in flight any more, and says goodbye to the handler in a turn of its own.
    func closeWhenQuiet(_ connection: ClientConnection) {
        guard connection.phase == .closing, connection.operationsInFlight == 0 else { return }
        connection.phase = .closed
        connections.remove(connection.key)
        if connection.descriptor >= 0 {
            let ignored = Token(purpose: Purpose.ignored.rawValue, generation: 0, slot: 0)
            operations.append(Operation(.close, descriptor: connection.descriptor, token: ignored))
        }
        connection.output.removeAll()
        after(milliseconds: 0) { connection.handler.ended(connection, connection.end) }
    }
}
