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
