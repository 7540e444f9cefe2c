import FanfareWire

/// Input that a handler does not take at present: because answers wait for the peer, a token is being verified, or the turn
/// has done enough for it.
///
/// The connection keeps it, not the handler, so it goes along when the connection becomes something else.
///
/// Invariant: while anything is held the receive is paused, and what still arrives is held behind it; it is delivered, in
/// order, with the receive on again, so whoever holds it again pauses it again. Nothing is read past a handler that pauses.
extension Shard {
    /// Gives plain bytes to the handler, or puts them behind those that wait.
    func deliver(_ bytes: UnsafeRawBufferPointer, on connection: Connection) {
        if connection.receivePaused {
            unsafe connection.heldInput.append(bytes)
        } else {
            unsafe connection.handler?.received(bytes, on: connection, shard: self)
        }
        accountForInput(of: connection)
    }

    /// Keeps what the handler could not take of its input and reads nothing more, until `readOn`.
    func hold(_ rest: ByteView, on connection: Connection) {
        // What was said about the input before it may have ended the connection.
        guard connection.phase != .closing else { return }
        connection.heldInput = inputReadOn.remaining(rest)
        pauseReceive(connection)
        queueForInflating(connection)
    }

    /// Goes on reading, with what was held first, if the handler takes input again.
    func readOn(_ connection: Connection) {
        guard connection.receivePaused, let handler = connection.handler else { return }
        guard handler.mayRead(from: connection, shard: self) else {
            queueForInflating(connection)
            return connection.awaitsDrain = true
        }
        connection.receivePaused = false
        let waiting = connection.heldInput
        connection.heldInput = HeldBytes()
        if !waiting.isEmpty {
            let outer = inputReadOn
            inputReadOn = waiting
            // Safe: the bytes outlive the call.
            unsafe waiting.withUnsafeBytes { unsafe handler.received($0, on: connection, shard: self) }
            inputReadOn = outer
        }
        accountForInput(of: connection)
        armReceive(connection)
    }

    /// Counts what is kept of the connection's input. Past the shard's share of `limits.memory` one that keeps much is
    /// refused.
    private func accountForInput(of connection: Connection) {
        countInput(of: connection)
        guard connection.inputBytesCounted > Limits.connectionBytesAssured, connectionBytes > connectionBytesMax,
            connection.phase == .open
        else { return }
        connection.handler?.outOfMemory(on: connection, shard: self)
        countInput(of: connection)
    }

    /// Counts what is kept of the connection's input, also when that is nothing any more.
    func countInput(of connection: Connection) {
        let isOver = connection.phase == .closing
        let kept = isOver ? 0 : connection.heldInput.byteCount + (connection.handler?.retainedBytes ?? 0)
        connectionBytes += kept - Int(connection.inputBytesCounted)
        connection.inputBytesCounted = UInt32(kept)
    }

    // MARK: Compressed messages

    /// Whether `handler` may take another message, as far as inflating goes: the turn has a budget for it.
    func mayInflate(for handler: some ConnectionHandler) -> Bool { !handler.inflates || !inflater.isSpent }

    /// Has the connection read on in the next turn if the budget for inflating is what it waits for.
    private func queueForInflating(_ connection: Connection) {
        guard connection.phase == .open, !connection.isQueuedForInflating, let handler = connection.handler,
            !mayInflate(for: handler)
        else { return }
        connection.isQueuedForInflating = true
        _ = awaitingInflater.append(connection.key)
    }

    /// Reads on where the last turn had inflated enough, in the order in which they came, as far as this turn's budget goes.
    /// Whoever uses it up stands behind the others.
    func inflateOn() {
        while !awaitingInflater.isEmpty, !inflater.isSpent, let key = awaitingInflater.popFirst() {
            guard let connection = connections.lookup(key) else { continue }
            connection.isQueuedForInflating = false
            readOn(connection)
        }
    }
}
