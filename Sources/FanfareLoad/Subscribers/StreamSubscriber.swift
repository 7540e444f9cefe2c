import FanfareBase
import FanfareWire

/// A subscriber of the stream protocol: lines of JSON over TCP, TLS or a Unix socket.
final class StreamSubscriber: EventSubscriber {
    private var lines = LineDecoder(lineBytesMax: LoadLimits.messageBytesMax)

    override func opened(_ connection: ClientConnection) {
        if let token = target.token {
            var line = Array("{\"op\":\"authenticate\",\"token\":".utf8)
            line.appendJSONString(token)
            connection.send(line + Array("}\n".utf8))
        }
        connection.send(request.line)
    }

    override func received(_ bytes: ByteView, on connection: ClientConnection) {
        var input = bytes
        while let event = lines.decode(&input) {
            switch event {
            case .line(let line): if !line.isEmpty { take(line) }
            case .tooLong: fail(.malformed("the service sent a line that is too long"), on: connection)
            }
        }
    }
}
