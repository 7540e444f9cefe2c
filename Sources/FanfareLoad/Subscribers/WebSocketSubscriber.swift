import FanfareBase
import FanfareWire

/// A subscriber on a WebSocket (RFC 6455) that speaks `fanfare.v1.json`; answers pings and closes as it must.
final class WebSocketSubscriber: EventSubscriber {
    private var head = HTTPResponseDecoder(mode: .collect(bodyKeptBytesMax: 65_536, bodyReadBytesMax: 65_536))
    private var frames = WebSocketDecoder(
        role: .client, messageBytesMax: LoadLimits.messageBytesMax, validatesText: false)
    private var isUpgraded = false
    private var key: [UInt8] = []
    private var answer: [UInt8] = []

    override func opened(_ connection: ClientConnection) {
        key = Base64.encode((0..<16).map { _ in UInt8.random(in: .min ... .max) })
        var request: [UInt8] = []
        let path = Array((target.url.path + self.request.target).utf8)
        let host = Array(target.url.authority.utf8)
        path.withByteView { path in
            host.withByteView { host in
                key.withByteView { key in
                    WebSocketHandshake.appendRequest(
                        target: path, host: host, key: key, subprotocols: ["fanfare.v1.json"], to: &request)
                }
            }
        }
        target.appendAuthorization(to: &request)
        HTTPWriter.endHead(&request)
        connection.send(request)
    }

    override func received(_ bytes: ByteView, on connection: ClientConnection) {
        var input = bytes
        if !isUpgraded { upgrade(&input, on: connection) }
        while isUpgraded, let event = frames.decode(&input) {
            switch event {
            case .text(let message): take(message)
            case .binary: fail(.malformed("the service sent a binary message"), on: connection)
            case .ping(let payload): pong(payload, on: connection)
            case .pong: break
            case .close(let code, let reason): closed(code, reason.string, on: connection)
            case .failure(let error): fail(.malformed("\(error.detail)"), on: connection)
            }
        }
    }

    private func upgrade(_ input: inout ByteView, on connection: ClientConnection) {
        guard let event = head.decode(&input) else { return }
        switch event {
        case .response(let response) where response.status == 101:
            guard key.withByteView({ WebSocketHandshake.isAccepted(by: response, key: $0) }) else {
                return fail(.malformed("the service did not accept the WebSocket as RFC 6455 wants it"), on: connection)
            }
            isUpgraded = true
            begin()
        case .response(let response): fail(Self.refusal(response), on: connection)
        default: fail(.malformed("the answer to the WebSocket handshake is no HTTP"), on: connection)
        }
    }

    private func pong(_ payload: ByteView, on connection: ClientConnection) {
        answer.removeAll(keepingCapacity: true)
        WebSocketFrame.appendMasked(.pong, payload, mask: .random(in: .min ... .max), to: &answer)
        connection.send(answer)
    }

    private func closed(_ code: WebSocketCloseCode, _ reason: String, on connection: ClientConnection) {
        answer.removeAll(keepingCapacity: true)
        WebSocketFrame.appendMaskedClose(code, mask: .random(in: .min ... .max), to: &answer)
        connection.send(answer)
        fail(.webSocketClosed(code: code.rawValue, reason: reason), on: connection)
    }
}
