import FanfareBase

/// Clients whose TLS handshake waits for a step of ours: those we have not answered yet, and those whose handshake is under
/// way, each in the order in which they came.
///
/// The two are served in turn: nobody who is half in waits behind everybody who came after, and nobody who comes waits for
/// those who send their half byte by byte.
package struct HandshakeQueue<Client> {
    private var fresh = RingQueue<Client>(limit: .max >> 1)
    private var begun = RingQueue<Client>(limit: .max >> 1)
    private var isTurnOfBegun = true

    /// Nobody waits.
    package init() {}

    /// Whether nobody waits.
    package var isEmpty: Bool { fresh.isEmpty && begun.isEmpty }

    /// Puts a client behind the others of its kind.
    package mutating func append(_ client: Client, hasBegun: Bool) {
        if hasBegun { _ = begun.append(client) } else { _ = fresh.append(client) }
    }

    /// Whose step is next.
    package mutating func popFirst() -> Client? {
        let next = isTurnOfBegun ? begun.popFirst() ?? fresh.popFirst() : fresh.popFirst() ?? begun.popFirst()
        isTurnOfBegun.toggle()
        return next
    }
}
