/// How an event is framed for a socket. Each case has one frame ring per shard.
///
/// The `cloudevents.json` subprotocol frames events as `webSocket` does; only its control messages differ.
package enum WireFormat: UInt8, CaseIterable, Sendable {
    /// An unmasked text frame (RFC 6455, section 5.2) around the canonical event.
    case webSocket = 0
    /// `id: POSITION`, `data: CANONICAL` and a blank line.
    case serverSentEvents = 1
    /// The canonical event and a line feed.
    case stream = 2
    /// The same as `webSocket`, compressed where that makes it smaller (RFC 7692, without context takeover).
    case deflatedWebSocket = 3
    /// The same as `serverSentEvents`, with `event: TYPE` before the data.
    case namedServerSentEvents = 4

    /// A frame's length follows from the canonical event's length.
    @inlinable var hasPlainLength: Bool { rawValue <= WireFormat.stream.rawValue }
}
