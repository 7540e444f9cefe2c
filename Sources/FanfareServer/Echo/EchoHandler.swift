import FanfareBase
import FanfareWire

/// A WebSocket that gets its own messages back, by the same codec that subscribers have: what conformance suites talk to.
///
/// Invariant: while more than `Limits.echoWaitingBytesMax` wait for the client nothing of its input is decoded.
final class EchoHandler: ConnectionHandler {
    private var decoder: WebSocketDecoder
    private let isCompressed: Bool
    private var isClosing = false

    /// An echo; `inflater` where permessage-deflate was agreed.
    init(inflater: MessageInflater?) {
        isCompressed = inflater != nil
        decoder = WebSocketDecoder(role: .server, messageBytesMax: Limits.echoMessageBytesMax, inflater: inflater)
    }

    func received(_ bytes: UnsafeRawBufferPointer, on connection: Connection, shard: Shard) {
        awaitMore(on: connection, shard: shard)
        var input = unsafe ByteView(bytes)
        while mayRead(from: connection, shard: shard), let event = decoder.decode(&input) {
            answer(event, on: connection, shard: shard)
        }
        guard !input.isEmpty, !isClosing else { return }
        decoder.releaseGiven()
        shard.hold(input, on: connection)
    }

    var retainedBytes: Int { decoder.retainedBytes }

    func outOfMemory(on connection: Connection, shard: Shard) {
        close(.tryAgainLater, "out of memory", on: connection, shard: shard)
        decoder = WebSocketDecoder(role: .server, messageBytesMax: 0)
        connection.heldInput = HeldBytes()
    }

    var inflates: Bool { isCompressed }

    func mayRead(from connection: Connection, shard: Shard) -> Bool {
        connection.phase == .open && !isClosing && connection.output.count <= Limits.echoWaitingBytesMax
            && shard.mayInflate(for: self)
    }

    private func answer(_ event: WebSocketEvent, on connection: Connection, shard: Shard) {
        switch event {
        case .text(let text): echo(.text, text, on: connection, shard: shard)
        case .binary(let bytes): echo(.binary, bytes, on: connection, shard: shard)
        case .ping(let payload): send(on: connection, shard) { WebSocketFrame.append(.pong, payload, to: &$0) }
        case .pong: break
        case .close(let code, _): close(code, "", on: connection, shard: shard)
        case .failure(let error): close(error.closeCode, "\(error.detail)", on: connection, shard: shard)
        }
    }

    private func echo(_ opcode: WebSocketOpcode, _ message: ByteView, on connection: Connection, shard: Shard) {
        send(on: connection, shard) { frame in
            if isCompressed, let compressed = unsafe shard.echoDeflater.deflated(message.unsafeBytes) {
                compressed.withByteView { WebSocketFrame.append(opcode, $0, isCompressed: true, to: &frame) }
            } else {
                WebSocketFrame.append(opcode, message, to: &frame)
            }
        }
    }

    private func send(on connection: Connection, _ shard: Shard, _ write: (inout [UInt8]) -> Void) {
        var frame: [UInt8] = []
        write(&frame)
        shard.send(frame, on: connection)
    }

    private func close(_ code: WebSocketCloseCode, _ reason: String, on connection: Connection, shard: Shard) {
        guard !isClosing else { return }
        isClosing = true
        send(on: connection, shard) { WebSocketFrame.appendClose(code, reason: reason, to: &$0) }
        shard.finish(connection)
    }

    /// The client has taken all echoes: goes on with what was left unread.
    func outputDrained(on connection: Connection, shard: Shard) { shard.readOn(connection) }

    /// Moves the time at which a silent client is sent away.
    func awaitMore(on connection: Connection, shard: Shard) {
        shard.schedule(connection, at: shard.time.monotonic.advanced(byMilliseconds: Limits.idleTimeoutMilliseconds))
    }

    func deadlinePassed(on connection: Connection, shard: Shard) {
        close(.goingAway, "", on: connection, shard: shard)
    }

    func inputEnded(on connection: Connection, shard: Shard) { shard.finish(connection) }

    func closed(on connection: Connection, shard: Shard) {}
}
