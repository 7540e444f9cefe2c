import FanfareBase
import FanfareWire
import Testing

@Suite struct HTTPRequestDecoderTests {
    static let post = bytes(
        """
        POST /v1/events?topic=a.b HTTP/1.1\r
        Host: events.example.com:8443\r
        Content-Type: application/cloudevents+json\r
        Authorization:  Bearer abc \r
        User-Agent: test\r
        Content-Length: 13\r
        \r
        {"hello":"x"}
        """)

    static let chunked = bytes(
        "POST /c HTTP/1.1\r\nhost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
            + "4\r\nWiki\r\n6;name=value\r\npedia \r\nE\r\nin \r\n\r\nchunks.\r\n0\r\nExpires: never\r\n\r\n")

    @Test func aWholeRequestIsGivenWithItsParts() throws {
        let seen = decodeHTTP([Self.post])
        guard case .request(let request) = try #require(seen.first) else { return }
        #expect(seen.count == 1)
        #expect(request.method == "POST")
        #expect(request.path == "/v1/events")
        #expect(request.query == "topic=a.b")
        #expect(request.host == "events.example.com:8443")
        #expect(request.headers[2] == "Authorization=Bearer abc")
        #expect(request.keepAlive)
        #expect(request.body == bytes("{\"hello\":\"x\"}"))
    }

    @Test func aChunkedBodyIsPutTogether() throws {
        guard case .request(let request) = try #require(decodeHTTP([Self.chunked]).first) else { return }
        #expect(request.body == bytes("Wikipedia in \r\n\r\nchunks."))
    }

    @Test func pipelinedRequestsComeOneByOneWhereverTheyAreCut() {
        let stream = Self.post + bytes("\r\n") + Self.chunked + bytes("GET / HTTP/1.0\r\n\r\n") + Self.post
        let whole = decodeHTTP([stream])
        #expect(whole.count == 4)
        #expect(decodeHTTP(singleBytes(stream)) == whole)
        for cut in 1..<stream.count {
            #expect(decodeHTTP(pieces(stream, cuts: [cut])) == whole, "cut at \(cut)")
        }
    }

    @Test func nothingIsSaidBeforeTheRequestIsComplete() {
        for message in [Self.post, Self.chunked] {
            for end in 0..<message.count { #expect(decodeHTTP([Array(message[..<end])]) == []) }
        }
    }
}

@Suite struct HTTPRequestDecoderDetailTests {
    private func only(_ text: String) throws -> SeenRequest {
        let seen = decodeHTTP([bytes(text)])
        #expect(decodeHTTP(singleBytes(bytes(text))) == seen)
        guard seen.count == 1, case .request(let request) = seen[0] else {
            throw Unexpected(description: "\(seen)")
        }
        return request
    }

    struct Unexpected: Error, CustomStringConvertible { var description: String }

    @Test func anAbsoluteTargetIsTakenApart() throws {
        let request = try only("GET http://H:80/a/b?c=d?e HTTP/1.1\r\nHost: h:80\r\n\r\n")
        #expect(request.path == "/a/b")
        #expect(request.query == "c=d?e")
        #expect(try only("GET https://h HTTP/1.1\r\nHost: h\r\n\r\n").path == "/")
        #expect(try only("GET https://h?x HTTP/1.1\r\nHost: h\r\n\r\n").query == "x")
    }

    @Test func optionsMayAskAboutTheServer() throws {
        #expect(try only("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n").path == "*")
    }

    @Test func theConnectionHeaderAndTheVersionDecideAboutKeepAlive() throws {
        #expect(try only("GET / HTTP/1.1\r\nHost: h\r\n\r\n").keepAlive)
        #expect(try only("GET / HTTP/1.1\r\nHost: h\r\nConnection: x, Close\r\n\r\n").keepAlive == false)
        #expect(try only("GET / HTTP/1.1\r\nHost: h\r\nConnection: x\r\nConnection: close\r\n\r\n").keepAlive == false)
        #expect(try only("GET / HTTP/1.0\r\n\r\n").keepAlive == false)
        #expect(try only("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n").keepAlive)
        #expect(try only("GET / HTTP/1.7\r\nHost: h\r\n\r\n").keepAlive)
    }

    @Test func valuesMayHoldTabsAndBytesBeyondASCII() throws {
        let request = try only("GET / HTTP/1.1\r\nHost: h\r\nA:\t b\tcccccccccc äöü \t\r\nB:\r\n\r\n")
        #expect(request.headers == ["Host=h", "A=b\tcccccccccc äöü", "B="])
    }

    @Test func oneEmptyLineBeforeARequestIsTolerated() throws {
        #expect(try only("\r\nGET /e HTTP/1.1\r\nHost: h\r\n\r\n").path == "/e")
    }

    @Test func everyNotedHeaderIsFoundInAnyCase() {
        for name in HTTPHeaderName.allCases where name != .host && name != .contentLength && name != .transferEncoding {
            for text in ["\(name.text)", "\(name.text)".uppercased()] where name != .expect {
                let head = bytes("GET / HTTP/1.1\r\nHost: h\r\n\(text):  v \r\n\r\n")
                head.withByteView { view in
                    var input = view
                    var decoder = HTTPRequestDecoder(limits: HTTPLimits())
                    guard case .request(let request)? = decoder.decode(&input) else {
                        Issue.record("no request for \(text)")
                        return
                    }
                    #expect(request.headers[name]?.string == "v", "\(text)")
                    #expect(!request.headers.isRepeated(name))
                    #expect(request.headers.first(named: name.text)?.string == "v")
                }
            }
        }
    }

    @Test func similarNamesAreNotNoted() throws {
        let request = try only("GET / HTTP/1.1\r\nHost: h\r\nContent_Length: 3\r\nXost: x\r\nContent-Lengtn: 5\r\n\r\n")
        #expect(request.body == [])
    }

    @Test func aClientThatWaitsIsToldToContinue() {
        let head = bytes("POST /w HTTP/1.1\r\nHost: h\r\nExpect: 100-Continue\r\nContent-Length: 3\r\n\r\n")
        let waited = decodeHTTP([head, bytes("abc")])
        #expect(waited.first == .continueExpected("/w"))
        #expect(waited.count == 2)
        #expect(decodeHTTP([head + bytes("abc")]).count == 1)
        #expect(decodeHTTP(singleBytes(head + bytes("abc"))).count == 2)
    }

    @Test func theCommonCaseIsGivenInPlaceAndNothingIsKept() {
        HTTPRequestDecoderTests.post.withByteView { view in
            var input = view
            var decoder = HTTPRequestDecoder(limits: HTTPLimits())
            guard case .request(let request)? = decoder.decode(&input) else {
                Issue.record("no request")
                return
            }
            let retained = decoder.retainedBytes
            #expect(retained == 0)
            // Safe: only addresses are compared.
            let inside = unsafe view.unsafeBytes.baseAddress! <= request.body.unsafeBytes.baseAddress!
            #expect(inside)
            #expect(input.isEmpty)
        }
    }

    @Test func betweenRequestsNothingIsHeld() {
        var decoder = HTTPRequestDecoder(limits: HTTPLimits())
        for piece in pieces(HTTPRequestDecoderTests.post, cuts: [7, 150]) {
            piece.withByteView { view in
                var input = view
                while decoder.decode(&input) != nil {}
            }
        }
        let (isIdle, retained) = (decoder.isIdle, decoder.retainedBytes)
        #expect(isIdle)
        #expect(retained == 0)
    }

    @Test func whatFollowsAnUpgradeIsLeftToTheCaller() {
        let head = bytes("GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n\r\n")
        for cut in [0, 5, head.count - 1, head.count] {
            var decoder = HTTPRequestDecoder(limits: HTTPLimits())
            let stream = head + [0x81, 0x80, 1, 2, 3, 4]
            Array(stream[..<cut]).withByteView { view in
                var input = view
                while decoder.decode(&input) != nil {}
            }
            Array(stream[cut...]).withByteView { view in
                var input = view
                if cut < head.count {
                    let isGiven = decoder.decode(&input) != nil
                    #expect(isGiven)
                }
                #expect(input.array == [0x81, 0x80, 1, 2, 3, 4])
            }
        }
    }

    @Test func anAnnouncedBodyCostsNoMemoryBeforeItArrives() {
        var decoder = HTTPRequestDecoder(limits: HTTPLimits())
        bytes("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 16000000\r\n\r\na").withByteView { view in
            var input = view
            while decoder.decode(&input) != nil {}
        }
        let (isIdle, retained) = (decoder.isIdle, decoder.retainedBytes)
        #expect(retained <= 2 * WireLimits.announcedBytesReservedMax)
        #expect(!isIdle)
    }

    @Test func aBodyInManyPiecesNeverTakesMoreMemoryThanItsLength() {
        var decoder = HTTPRequestDecoder(limits: HTTPLimits())
        let head = bytes("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n")
        var most = 0
        for piece in [head] + (0..<999).map({ _ in [UInt8](repeating: 1, count: 1000) }) {
            piece.withByteView { view in
                var input = view
                while decoder.decode(&input) != nil {}
            }
            most = max(most, decoder.retainedBytes)
        }
        #expect(most == head.count + 1_000_000)
    }

    @Test func aBodyAtTheLimitIsTakenAndOneBeyondIsNot() {
        let limits = HTTPLimits(bodyBytesMax: 4)
        let head = "POST / HTTP/1.1\r\nHost: h\r\n"
        for good in [
            "Content-Length: 4\r\n\r\nabcd", "Transfer-Encoding: Chunked\r\n\r\n2\r\nab\r\n02 ;x\r\ncd\r\n0\r\n\r\n",
        ] {
            guard case .request(let request)? = decodeHTTP([bytes(head + good)], limits: limits).first else {
                Issue.record("refused: \(good)")
                continue
            }
            #expect(request.body == bytes("abcd"))
        }
        for bad in ["Content-Length: 5\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n3\r\n"] {
            #expect(decodeHTTP([bytes(head + bad)], limits: limits) == [.failure(.bodyTooLong)])
        }
    }

    @Test func randomPiecesGiveTheSameRequests() {
        for seed in 0..<300 {
            var random = SeededRandom(seed: UInt64(seed))
            var stream: [UInt8] = []
            for _ in 0..<Int.random(in: 1...6, using: &random) { stream += randomRequest(&random) }
            let whole = decodeHTTP([stream])
            let cuts = (0..<Int.random(in: 1...20, using: &random)).map { _ in
                Int.random(in: 0...stream.count, using: &random)
            }
            #expect(decodeHTTP(pieces(stream, cuts: cuts.sorted())) == whole, "seed \(seed)")
        }
    }

    private func randomRequest(_ random: inout SeededRandom) -> [UInt8] {
        let body = (0..<Int.random(in: 0...200, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
        var message = bytes("POST /\(body.count) HTTP/1.1\r\nHost: h\r\nX-N: \(body.count)\r\n")
        guard Bool.random(using: &random) else {
            return message + bytes("Content-Length: \(body.count)\r\n\r\n") + body
        }
        message += bytes("Transfer-Encoding: chunked\r\n\r\n")
        var rest = body[...]
        while !rest.isEmpty {
            let size = Int.random(in: 1...rest.count, using: &random)
            message += bytes(String(size, radix: 16) + "\r\n") + rest.prefix(size) + bytes("\r\n")
            rest = rest.dropFirst(size)
        }
        return message + bytes("0\r\nT: t\r\n\r\n")
    }
}
