import FanfareBase
import FanfareRing
import FanfareTLS

/// TLS handshakes of clients: a step costs as much as a hundred sends, so a turn takes few of them, in order.
extension Shard {
    /// Keeps `bytes` of a client's handshake until its step. What comes after `handshakeInputBytesMax` stays in the socket.
    func awaitHandshake(_ bytes: UnsafeRawBufferPointer, on connection: Connection) {
        if connection.handshakeInput.isEmpty {
            handshakes.append(connection.key, hasBegun: connection.handshakeBegan)
        }
        unsafe connection.handshakeInput.append(contentsOf: bytes)
        if connection.handshakeInput.count >= Limits.handshakeInputBytesMax { pauseReceive(connection) }
    }

    /// Takes the steps of those who waited longest, as many as the turn may.
    func stepHandshakes() {
        var steps = 0
        while steps < Limits.handshakeStepsPerTurn, let key = handshakes.popFirst() {
            guard let connection = connections.lookup(key), connection.phase == .open, connection.inputEnd != .failed
            else { continue }
            steps += 1
            stepHandshake(of: connection)
        }
    }

    private func stepHandshake(of connection: Connection) {
        if !connection.handshakeBegan {
            connection.handshakeBegan = true
            // Its time begins anew: it waited for us.
            schedule(connection, at: time.monotonic.advanced(byMilliseconds: Limits.headTimeoutMilliseconds))
        }
        guard let tls = connection.tls else { return }
        let bytes = connection.handshakeInput
        connection.handshakeInput = []
        connection.receivePaused = false
        unsafe bytes.withUnsafeBytes { unsafe decrypt($0, with: tls, on: connection) }
        guard connection.inputEnd == .none else { return leaveInTurn(connection) }
        armReceive(connection)
    }
}
