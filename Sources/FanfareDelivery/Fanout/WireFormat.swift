/// How an event is framed for a socket. Each case has one frame ring per shard.
///
/// Places left for later: deflated WebSocket and Server-Sent Events with `event: TYPE`. The `cloudevents.json` subprotocol
/// frames events as `webSocket` does; only its control messages differ.
package enum WireFormat: UInt8, CaseIterable, Sendable {
    /// An unmasked text frame (RFC 6455, section 5.2) around the canonical event.
    case webSocket = 0
    /// `id: POSITION`, `data: CANONICAL` and a blank line.
    case serverSentEvents = 1
    /// The canonical event and a line feed.
    case stream = 2
}
