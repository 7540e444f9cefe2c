import CFanfareCompression
import FanfareBase
import FanfareWire
import Testing

@Suite struct WebSocketCompressionTests {
    private static let takeover = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"

    private func acceptance(_ lines: String...) -> String? {
        let head = ["GET / HTTP/1.1", "Host: a"] + lines.map { "Sec-WebSocket-Extensions: \($0)" } + ["", ""]
        return asking(head.joined(separator: "\r\n")) { view in
            var input = view
            var decoder = HTTPRequestDecoder(limits: HTTPLimits())
            guard case .request(let request)? = decoder.decode(&input) else {
                Issue.record("no request")
                return nil
            }
            return WebSocketCompression.acceptance(of: request.headers).map { "\($0)" }
        }
    }

    @Test(arguments: [
        "permessage-deflate", "permessage-deflate; client_max_window_bits",
        "permessage-deflate;client_max_window_bits=9;client_no_context_takeover",
        "permessage-deflate; server_no_context_takeover; client_max_window_bits=\"15\"",
        "x-unknown; a=\"b,c;d\", permessage-deflate", "permessage-deflate; unknown, permessage-deflate",
        "permessage-deflate; server_max_window_bits=10, permessage-deflate; client_max_window_bits",
        "PerMessage-Deflate",
    ])
    func anOfferThatCanBeMetIsAcceptedWithoutContextTakeover(_ offer: String) {
        #expect(acceptance(offer) == Self.takeover)
    }

    @Test func theFirstOfferThatCanBeMetCountsOverAllLines() {
        #expect(acceptance("permessage-deflate; server_max_window_bits=8", "permessage-deflate") == Self.takeover)
        #expect(
            acceptance("permessage-deflate; server_max_window_bits=15", "permessage-deflate")
                == Self.takeover + "; server_max_window_bits=15")
    }

    @Test(arguments: [
        "permessage-deflate; server_max_window_bits=14", "permessage-deflate; server_max_window_bits",
        "permessage-deflate; server_max_window_bits=16", "permessage-deflate; server_max_window_bits=08",
        "permessage-deflate; client_max_window_bits=7", "permessage-deflate; client_max_window_bits=+9",
        "permessage-deflate; client_max_window_bits=", "permessage-deflate; server_no_context_takeover=1",
        "permessage-deflate; client_no_context_takeover; client_no_context_takeover", "permessage-deflate; x",
        "permessage-deflate; =3", "permessage-deflate; ;", "x-webkit-deflate-frame", "permessage-deflateX", "\"",
    ])
    func anyOtherOfferIsDeclined(_ offer: String) { #expect(acceptance(offer) == nil) }

    private func decoded(_ frames: [UInt8], messageBytesMax: Int = 1 << 20) -> [SeenWebSocket] {
        let whole = decodeWebSocket(
            [frames], role: .server, messageBytesMax: messageBytesMax, inflater: MessageInflater())
        let pieces = decodeWebSocket(
            singleBytes(frames), role: .server, messageBytesMax: messageBytesMax, inflater: MessageInflater())
        #expect(whole == pieces)
        return whole
    }

    /// RFC 7692, section 7.2.3.
    @Test(
        arguments: [
            [0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00],
            [0x00, 0x05, 0x00, 0xFA, 0xFF, 0x48, 0x65, 0x6C, 0x6C, 0x6F, 0x00],
            [0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00, 0x00],
            [0xF2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xCA, 0xC9, 0xC9, 0x07, 0x00],
            [0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00],
        ] as [[UInt8]])
    func theExamplesOfRFC7692AreUnderstood(_ payload: [UInt8]) {
        let hello = SeenWebSocket.text(bytes("Hello"))
        #expect(decoded(maskedFrame(0xC1, payload)) == [hello])
        let cut = payload.count / 2
        let fragments =
            maskedFrame(0x41, Array(payload[..<cut])) + maskedFrame(0x89, [7])
            + maskedFrame(0x80, Array(payload[cut...]))
        #expect(decoded(fragments) == [.ping([7]), hello])
    }

    @Test func anEmptyPayloadIsAnEmptyMessage() {
        #expect(decoded(maskedFrame(0xC1, [])) == [.text([])])
        #expect(decoded(maskedFrame(0x41, []) + maskedFrame(0x80, [])) == [.text([])])
    }

    @Test func compressedAndOtherMessagesMayFollowOneAnother() {
        let compressed = maskedFrame(0xC2, [0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00])
        let plain = maskedFrame(0x81, bytes("Hello"))
        #expect(
            decoded(plain + compressed + plain) == [
                .text(bytes("Hello")), .binary(bytes("Hello")), .text(bytes("Hello")),
            ])
        #expect(decoded(maskedFrame(0xC1, [0]) + plain) == [.text([]), .text(bytes("Hello"))])
    }

    @Test func aMessageMayNotReferToTheOneBeforeIt() {
        let first = maskedFrame(0xC1, [0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00])
        let second = maskedFrame(0xC1, [0xF2, 0x00, 0x11, 0x00, 0x00])
        #expect(decoded(first + second) == [.text(bytes("Hello")), .failure(.compressedData)])
        #expect(WebSocketError.compressedData.closeCode == .invalidPayload)
    }

    @Test(arguments: [[0xFF, 0xFF, 0xFF], [0xF2, 0x48, 0xCD], [0x00, 0x05, 0x00, 0xFA]] as [[UInt8]])
    func whatIsNoDeflateOrEndsWithinABlockIsRefused(_ payload: [UInt8]) {
        #expect(decoded(maskedFrame(0xC1, payload)) == [.failure(.compressedData)])
    }

    @Test(arguments: [0xC9, 0xCA, 0xC8, 0xC0, 0x40, 0xE1, 0xD1] as [UInt8])
    func RSV1BelongsToTheFirstFrameOfAMessageOnly(_ first: UInt8) {
        #expect(decoded(maskedFrame(0x41, [0xF2]) + maskedFrame(first, [])) == [.failure(.reservedBits)])
    }

    @Test func inflatedTextIsCheckedToo() {
        #expect(decoded(maskedFrame(0xC1, compressed([0xCE, 0xBA, 0xED, 0xA0, 0x80]))) == [.failure(.text)])
        #expect(decoded(maskedFrame(0xC1, compressed([65, 0xCE]))) == [.failure(.text)])
    }

    @Test func theLimitCountsInflatedBytes() {
        let limit = 100_000
        let fits = [UInt8](repeating: 65, count: limit)
        #expect(decoded(maskedFrame(0xC2, compressed(fits)), messageBytesMax: limit) == [.binary(fits)])
        let bomb = compressed([UInt8](repeating: 65, count: limit + 1))
        #expect(bomb.count < 500)
        #expect(decoded(maskedFrame(0xC2, bomb), messageBytesMax: limit) == [.failure(.messageTooBig)])
        let fragments = maskedFrame(0x42, Array(bomb[..<60])) + maskedFrame(0x80, Array(bomb[60...]))
        #expect(decoded(fragments, messageBytesMax: limit) == [.failure(.messageTooBig)])
    }

    @Test func whatDoesNotCompressMayStillFillTheLimit() {
        var random = SeededRandom(seed: 7)
        let noise = (0..<70_000).map { _ in UInt8.random(in: 0...255, using: &random) }
        let payload = compressed(noise)
        #expect(payload.count > noise.count)
        #expect(decoded(maskedFrame(0xC2, payload), messageBytesMax: noise.count) == [.binary(noise)])
    }

    @Test func whatATurnInflatesIsCountedAlsoWhenItIsRefused() {
        let inflater = MessageInflater()
        var bomb = WebSocketDecoder(role: .server, messageBytesMax: 1 << 20, inflater: inflater)
        let tooBig = maskedFrame(0xC2, compressed([UInt8](repeating: 1, count: (1 << 20) + 1)))
        tooBig.withByteView { view in
            var input = view
            guard case .failure(.messageTooBig)? = bomb.decode(&input) else {
                Issue.record("not refused")
                return
            }
        }
        var decoder = WebSocketDecoder(role: .server, messageBytesMax: 1 << 20, inflater: inflater)
        let frame = maskedFrame(0xC2, compressed([UInt8](repeating: 1, count: (1 << 20) - 1)))
        #expect(frame.count < 4_096)
        frame.withByteView { view in
            #expect(!inflater.isSpent)
            var input = view
            guard case .binary? = decoder.decode(&input) else {
                Issue.record("no message")
                return
            }
            #expect(inflater.isSpent)
        }
        inflater.beginTurn()
        #expect(!inflater.isSpent)
        // One that has to wait for the next turn keeps nothing of what it was given.
        #expect(decoder.retainedBytes > 0)
        decoder.releaseGiven()
        #expect(decoder.retainedBytes == 0)
    }

    @Test func betweenMessagesADecoderHoldsNothing() {
        var decoder = WebSocketDecoder(role: .server, inflater: MessageInflater())
        let frame = maskedFrame(0xC2, compressed([UInt8](repeating: 1, count: 50_000)))
        for _ in 0..<3 {
            frame.withByteView { view in
                var input = view
                guard case .binary(let message)? = decoder.decode(&input) else {
                    Issue.record("no message")
                    return
                }
                #expect(message.count == 50_000)
                #expect(decoder.decode(&input) == nil)
            }
            #expect(decoder.retainedBytes == 0)
        }
    }

    private func compressed(_ message: [UInt8]) -> [UInt8] {
        guard let deflater = unsafe fanfare_deflater_new(6) else { return [] }
        defer { unsafe fanfare_deflater_free(deflater) }
        let room = message.count * 2 + 100
        return unsafe [UInt8](unsafeUninitializedCapacity: room) { buffer, count in
            count = unsafe message.withUnsafeBytes {
                unsafe fanfare_deflate_message(deflater, $0.baseAddress, $0.count, buffer.baseAddress, room)
            }
        }
    }
}
