import FanfareBase
import FanfareRing

/// How a connection's input has ended, for as long as that has not been acted on.
enum InputEnd: UInt8 {
    /// It has not, or that has been acted on.
    case none
    /// The peer will send no more.
    case ended
    /// The connection is broken.
    case failed
}

/// How clients leave: a few a turn, in order, since thousands may at once (a proxy that ends, a network that breaks).
extension Shard {
    /// The input of `connection` is over. A client's end waits for its turn, and for what it said before.
    func inputOver(on connection: Connection, failed: Bool) {
        guard connection.phase != .closing else { return closeWhenQuiet(connection) }
        guard connection.listener != nil else { return end(connection, failed: failed) }
        let known = connection.inputEnd
        guard known == .none || failed && known == .ended else { return }
        connection.inputEnd = failed ? .failed : .ended
        // What it said with its handshake's last step comes before its end, unless nobody is there for an answer.
        let isSaying = connection.handshakeBegan && !connection.handshakeInput.isEmpty && connection.phase == .open
        if failed || !isSaying { leaveInTurn(connection) }
    }

    /// Puts the connection behind the others that leave.
    func leaveInTurn(_ connection: Connection) { _ = departures.append(connection.key) }

    /// Acts on the ends that waited longest, as many as the turn may.
    func letOut() {
        var ends = 0
        while ends < Limits.endsPerTurn, let key = departures.popFirst() {
            guard let connection = connections.lookup(key), connection.inputEnd != .none else { continue }
            ends += 1
            let failed = connection.inputEnd == .failed
            connection.inputEnd = .none
            end(connection, failed: failed)
        }
    }

    private func end(_ connection: Connection, failed: Bool) {
        switch connection.phase {
        case .open: connection.handler?.inputEnded(on: connection, shard: self)
        case .finishing: if failed { abort(connection) }
        case .lingering, .closing: break
        }
        if connection.phase == .lingering || failed { abort(connection) }
        if connection.phase == .closing { closeWhenQuiet(connection) }
    }
}
