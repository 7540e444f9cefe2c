import FanfareWire

/// What a socket's client has said that is not dealt with yet: a message that is arriving, with the codec that goes on with it,
/// and what has to wait.
///
/// Made when there is something of the kind and let go when there is not, so an idle socket has none: a codec between two
/// messages is like a new one.
final class SocketInput {
    /// The codec of a WebSocket.
    private(set) var webSocket: WebSocketDecoder?
    /// The codec of the stream protocol.
    private(set) var lines: LineDecoder?
    /// Whether one of them is there.
    private(set) var hasCodec = false
    /// What the latest ping carried that has not been answered.
    var owedPong: [UInt8]?
    /// A `subscribe` or `unsubscribe` that waits until it is clear where the cursor is: for the end of the frame under way, or
    /// of a search for the last so many events. Empty when none does; what the client says behind it waits too.
    var waitingOp: [UInt8] = []
    /// What its URL says of where a subscriber begins, for the first `subscribe`; nil when it says nothing.
    var firstDefaults: SubscribeDefaults?

    /// Begins to decode a WebSocket; `inflater` where permessage-deflate was agreed.
    func decode(webSocketBytesMax: Int, inflater: MessageInflater?) {
        webSocket = WebSocketDecoder(role: .server, messageBytesMax: webSocketBytesMax, inflater: inflater)
        hasCodec = true
    }

    /// Begins to decode the stream protocol.
    func decode(lineBytesMax: Int) {
        lines = LineDecoder(lineBytesMax: lineBytesMax)
        hasCodec = true
    }

    /// The next event of a WebSocket in `input`.
    func nextFrame(_ input: inout ByteView) -> WebSocketEvent? { webSocket?.decode(&input) ?? nil }

    /// The next line in `input`.
    func nextLine(_ input: inout ByteView) -> LineEvent? { lines?.decode(&input) ?? nil }

    /// The line that had no end when the stream ended.
    func lastLine() -> LineEvent? { lines?.finish() ?? nil }

    /// Its client may send lines of this size from now on.
    func allow(lineBytesMax: Int) { lines?.lineBytesMax = lineBytesMax }

    /// Bytes kept.
    var retainedBytes: Int { (webSocket?.retainedBytes ?? 0) + (lines?.retainedBytes ?? 0) + waitingOp.count }

    /// Nothing is here.
    var isEmpty: Bool {
        (webSocket?.isIdle ?? true) && (lines?.isIdle ?? true) && owedPong == nil && waitingOp.isEmpty
            && firstDefaults == nil
    }

    /// Gives back the memory of the message given out last.
    func releaseGiven() {
        webSocket?.releaseGiven()
        lines?.releaseGiven()
    }
}
