import FanfareWire
import Testing

/// What a WebSocket decoder said, copied.
enum SeenWebSocket: Equatable {
    case text([UInt8])
    case binary([UInt8])
    case ping([UInt8])
    case pong([UInt8])
    case close(UInt16, String)
    case failure(WebSocketError)
}

/// By one decoder, and by one that makes room for a new one whenever it is idle, as a socket's does: they say the same.
func decodeWebSocket(
    _ pieces: [[UInt8]], role: WebSocketDecoder.Role, messageBytesMax: Int = 1 << 20, inflater: MessageInflater? = nil
) -> [SeenWebSocket] {
    let seen = decodeWebSocket(pieces, role, messageBytesMax, inflater, renewing: false)
    #expect(decodeWebSocket(pieces, role, messageBytesMax, inflater, renewing: true) == seen)
    return seen
}

private func decodeWebSocket(
    _ pieces: [[UInt8]], _ role: WebSocketDecoder.Role, _ messageBytesMax: Int, _ inflater: MessageInflater?,
    renewing: Bool
) -> [SeenWebSocket] {
    var decoder = WebSocketDecoder(role: role, messageBytesMax: messageBytesMax, inflater: inflater)
    var seen: [SeenWebSocket] = []
    for piece in pieces {
        piece.withByteView { view in
            var input = view
            while let event = decoder.decode(&input) {
                switch event {
                case .text(let bytes): seen.append(.text(bytes.array))
                case .binary(let bytes): seen.append(.binary(bytes.array))
                case .ping(let bytes): seen.append(.ping(bytes.array))
                case .pong(let bytes): seen.append(.pong(bytes.array))
                case .close(let code, let reason): seen.append(.close(code.rawValue, reason.string))
                case .failure(let error): seen.append(.failure(error))
                }
            }
            #expect(input.isEmpty)
        }
        decoder.releaseGiven()
        if renewing, decoder.isIdle {
            decoder = WebSocketDecoder(role: role, messageBytesMax: messageBytesMax, inflater: inflater)
        }
    }
    return seen
}

@Suite struct WebSocketDecoderTests {
    @Test func aDecoderIsIdleOnlyBetweenMessages() {
        let message: [UInt8] = [0x01, 0x82, 1, 2, 3, 4, 0x69, 0x6B, 0x80, 0x80, 1, 2, 3, 4]
        let ping: [UInt8] = [0x89, 0x80, 1, 2, 3, 4]
        var decoder = WebSocketDecoder(role: .server)
        for (index, byte) in (message + ping).enumerated() {
            let isBetween = index == 0 || index == message.count
            let isIdle = decoder.isIdle
            #expect(isIdle == isBetween, "before byte \(index)")
            [byte].withByteView { view in
                var input = view
                while decoder.decode(&input) != nil {}
            }
            decoder.releaseGiven()
        }
        let isIdle = decoder.isIdle
        #expect(isIdle)
    }

    @Test func aDecoderThatHasFailedIsNeverIdle() {
        var decoder = WebSocketDecoder(role: .server)
        [0xFF, 0x80].withByteView { view in
            var input = view
            while decoder.decode(&input) != nil {}
        }
        decoder.releaseGiven()
        let isIdle = decoder.isIdle
        #expect(!isIdle)
    }

    @Test func theExamplesOfRFC6455Section57AreUnderstood() {
        let hello = SeenWebSocket.text(bytes("Hello"))
        #expect(decodeWebSocket([[0x81, 0x05, 0x48, 0x65, 0x6C, 0x6C, 0x6F]], role: .client) == [hello])
        let masked: [UInt8] = [0x81, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58]
        #expect(decodeWebSocket([masked], role: .server) == [hello])
        #expect(decodeWebSocket(singleBytes(masked), role: .server) == [hello])
        let fragments: [UInt8] = [0x01, 0x03, 0x48, 0x65, 0x6C, 0x80, 0x02, 0x6C, 0x6F]
        #expect(decodeWebSocket([fragments], role: .client) == [hello])
        #expect(decodeWebSocket([[0x89, 0x05] + bytes("Hello")], role: .client) == [.ping(bytes("Hello"))])
        let pong: [UInt8] = [0x8A, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58]
        #expect(decodeWebSocket([pong], role: .server) == [.pong(bytes("Hello"))])
        let long = [UInt8](repeating: 7, count: 65_536)
        #expect(decodeWebSocket([[0x82, 0x7E, 1, 0] + long[..<256]], role: .client) == [.binary(Array(long[..<256]))])
        #expect(
            decodeWebSocket([[0x82, 0x7F, 0, 0, 0, 0, 0, 1, 0, 0] + long], role: .client) == [.binary(long)])
    }
}
