import FanfareBase
import FanfareWire
import Testing

/// A server's frames for these tests (RFC 9113, section 4.1).
private func frame(_ kind: UInt8, flags: UInt8 = 0, stream: UInt32 = 0, _ payload: [UInt8] = []) -> [UInt8] {
    let count = payload.count
    return [UInt8(count >> 16), UInt8(count >> 8 & 0xFF), UInt8(count & 0xFF), kind, flags]
        + [UInt8(stream >> 24), UInt8(stream >> 16 & 0xFF), UInt8(stream >> 8 & 0xFF), UInt8(stream & 0xFF)] + payload
}

private let settings = frame(4)
private let request = Array(
    "POST /hook HTTP/1.1\r\nhost: a.example\r\nx-a: b\r\ncontent-length: 2\r\n\r\n{}".utf8)

@Suite struct HTTP2ClientTests {
    private func makeClient() throws -> HTTP2Client {
        try #require(HTTP2Client(bodyKeptBytesMax: 8, bodyReadBytesMax: 100))
    }

    private func output(_ client: HTTP2Client) -> [UInt8] {
        var output: [UInt8] = []
        client.appendOutput(to: &output, limit: 1 << 20)
        return output
    }

    private func receive(_ bytes: [UInt8], by client: HTTP2Client) -> Bool {
        unsafe bytes.withUnsafeBytes { unsafe client.receive($0) }
    }

    @Test func anAnswerComesBackWithItsTokenHoweverItIsCut() throws {
        // :status 200 is index 8 of the static table (RFC 7541, appendix A).
        let answer =
            settings + frame(1, flags: 4, stream: 1, [0x88])
            + frame(0, flags: 1, stream: 1, Array("hello world".utf8))
        for cut in 0...answer.count {
            let client = try makeClient()
            #expect(client.request(request, token: 7) == 1)
            #expect(output(client).starts(with: Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)))
            #expect(receive(Array(answer[..<cut]), by: client))
            #expect(receive(Array(answer[cut...]), by: client))
            let exchange = try #require(client.next())
            #expect(exchange.token == 7)
            #expect(exchange.outcome == .answered)
            #expect(exchange.status == 200)
            #expect(exchange.body == Array("hello wo".utf8))
            #expect(client.next() == nil)
        }
    }

    @Test func oneRequestIsAllowedUntilThePeersSettingsSayHowMany() throws {
        let client = try makeClient()
        #expect(client.streamsMax == 1)
        #expect(receive(frame(4, [0, 3, 0, 0, 0, 9]), by: client))
        #expect(client.streamsMax == 9)
    }

    @Test func whatAGoawayLeavesOutIsUnprocessedAndEndsNewRequests() throws {
        let client = try makeClient()
        #expect(receive(settings, by: client))
        #expect(client.request(request, token: 1) == 1)
        #expect(client.request(request, token: 2) == 3)
        _ = output(client)
        #expect(receive(frame(7, [0, 0, 0, 1, 0, 0, 0, 0]), by: client))
        let exchange = try #require(client.next())
        #expect(exchange.token == 2)
        #expect(exchange.outcome == .unprocessed)
        #expect(client.streamsMax == 0)
        #expect(client.request(request, token: 3) == nil)
    }

    @Test func aRefusedStreamIsUnprocessedAndAResetOneIsNot() throws {
        let client = try makeClient()
        #expect(receive(settings, by: client))
        for token: UInt32 in [1, 2] { _ = client.request(request, token: token) }
        _ = output(client)
        #expect(receive(frame(3, stream: 1, [0, 0, 0, 7]) + frame(3, stream: 3, [0, 0, 0, 2]), by: client))
        #expect(client.next()?.outcome == .unprocessed)
        #expect(client.next()?.outcome == .reset(code: 2))
    }

    @Test func aCancelledRequestIsNotHeardOfAgain() throws {
        let client = try makeClient()
        #expect(receive(settings, by: client))
        let stream = try #require(client.request(request, token: 1))
        _ = output(client)
        client.cancel(stream, token: 1)
        _ = output(client)
        #expect(receive(frame(1, flags: 5, stream: 1, [0x88]), by: client))
        #expect(client.next() == nil)
    }

    @Test func anAnswerBeyondWhatIsReadCountsByItsStatus() throws {
        let client = try makeClient()
        #expect(receive(settings, by: client))
        _ = client.request(request, token: 1)
        _ = output(client)
        let content = frame(0, stream: 1, [UInt8](repeating: 0x78, count: 101))
        #expect(receive(frame(1, flags: 4, stream: 1, [0x88]) + content, by: client))
        #expect(client.next()?.status == 200)
        // RST_STREAM with CANCEL.
        #expect(output(client).suffix(4).elementsEqual([0, 0, 0, 8]))
    }

    @Test(arguments: [(UInt8(4), UInt32(0)), (UInt8(0), UInt32(1))]) func aFloodEndsTheConnection(
        kind: UInt8, stream: UInt32
    )
        throws
    {
        let client = try makeClient()
        _ = client.request(request, token: 1)
        _ = output(client)
        #expect(receive(settings + frame(1, flags: 4, stream: 1, [0x88]), by: client))
        let flood = Array(
            (0...WireLimits.http2IdleFramesMax).map { _ in frame(kind, stream: stream) }.joined())
        #expect(!receive(flood, by: client))
    }

    @Test func whatIsNoHTTP2IsAFailureOrSaidGoodbyeTo() throws {
        for junk in [
            Array("HTTP/1.1 400 Bad Request\r\n\r\n".utf8), [UInt8](repeating: 0xFF, count: 100),
            frame(1, flags: 4, stream: 1, [0xFF]),
        ] {
            let client = try makeClient()
            _ = client.request(request, token: 1)
            _ = output(client)
            let goesOn = receive(junk, by: client)
            _ = output(client)
            #expect(!goesOn || client.isOver)
        }
    }

    @Test(arguments: [false, true]) func aPromiseEndsTheConnectionWhetherOurSettingsAreAcknowledgedOrNot(
        isAcknowledged: Bool
    ) throws {
        let client = try makeClient()
        _ = client.request(request, token: 1)
        _ = output(client)
        #expect(receive(settings + (isAcknowledged ? frame(4, flags: 1) : []), by: client))
        _ = output(client)
        // Of stream 2, on the request's: GET https://a/.
        let promise = frame(5, flags: 4, stream: 1, [0, 0, 0, 2, 0x82, 0x87, 0x84, 0x01, 0x01, 0x61])
        #expect(!receive(promise, by: client))
        // GOAWAY, no stream of the peer's, PROTOCOL_ERROR.
        #expect(output(client) == frame(7, [0, 0, 0, 0, 0, 0, 0, 1]))
    }

    @Test func aFieldValueIsSentWithoutTheBlanksAroundIt() throws {
        func sent(_ value: String) throws -> [UInt8] {
            let client = try makeClient()
            let text = "POST / HTTP/1.1\r\nhost: a\r\nx-a:\(value)\r\ncontent-length: 0\r\n\r\n"
            #expect(client.request(Array(text.utf8), token: 1) == 1)
            return output(client)
        }
        let plain = try sent(" b c")
        for value in ["  b c", " \tb c", " b c ", " b c\t", "\t b c \t "] {
            #expect(try sent(value) == plain, "\(value)")
        }
        #expect(try sent(" \t ") == sent(" "))
    }

    @Test func anAnswerThatHasBegunTellsWhatHasComeOfIt() throws {
        let client = try makeClient()
        #expect(client.request(request, token: 3) == 1)
        _ = output(client)
        #expect(receive(settings, by: client))
        #expect(client.begun(1) == nil)
        // `webhook-allowed-rate: 60`, a literal that is not indexed.
        let field = [0x00, 20] + Array("webhook-allowed-rate".utf8) + [2] + Array("60".utf8)
        #expect(receive(frame(1, flags: 4, stream: 1, [0x88] + field), by: client))
        let begun = try #require(client.begun(1))
        #expect(begun.status == 200)
        #expect(begun.allowedRate == Array("60".utf8))
        #expect(client.next() == nil)
    }

    @Test func aTextThatIsNoRequestBeginsNoStream() throws {
        let client = try makeClient()
        for text in [
            "", "POST", "POST / HTTP/1.1", "POST / HTTP/1.1\r\nhost: a\r\n", "POST / HTTP/1.1\r\nhost\r\n\r\n",
        ] {
            #expect(client.request(Array(text.utf8), token: 1) == nil, "\(text)")
        }
    }

    @Test func aRequestCarriesAsManyFieldsAsAnEventMayHaveMembersAndOneBeyondTheBoundCannotBeExpressed() throws {
        // Four pseudo-fields are counted too.
        for (count, canExpress) in [(300, true), (508, true), (509, false)] {
            let client = try makeClient()
            let fields = (0..<count).map { "x-\($0): a\r\n" }.joined()
            let text = Array("POST / HTTP/1.1\r\n\(fields)\r\n".utf8)
            #expect(HTTP2Client.canExpress(text) == canExpress, "\(count)")
            #expect((client.request(text, token: 1) != nil) == canExpress, "\(count)")
        }
    }
}
