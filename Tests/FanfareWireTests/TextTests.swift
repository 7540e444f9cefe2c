import FanfareBase
import FanfareWire
import Testing

/// A view's answer about constant text.
func asking<Result>(_ text: String, _ body: (ByteView) throws -> Result) rethrows -> Result {
    try bytes(text).withByteView(body)
}

@Suite struct QueryTests {
    @Test func parametersComeInOrderAndRepeated() throws {
        let query = try asking("topic=a.%3E&from=2026-01-01T00:00:00+02:00&topic=b.*&&flag&empty=&=x&%74opic=c&a=b=c") {
            try QueryParameters($0)
        }
        #expect(query.values("topic") == ["a.>", "b.*", "c"])
        #expect(query.first("from") == "2026-01-01T00:00:00+02:00")
        #expect(query.first("flag") == "")
        #expect(query.first("empty") == "")
        #expect(query.first("a") == "b=c")
        #expect(query.first("none") == nil)
        #expect(query.all.count == 8)
    }

    @Test(arguments: ["a=%", "a=%2", "a=%zz", "a=%2g", "%=b", "a=%%20"])
    func aMalformedEscapeIsRefused(_ text: String) {
        #expect(throws: QueryError.malformedEscape) { try asking(text) { try QueryParameters($0) } }
    }

    @Test func tooManyParametersAreRefused() {
        let text = String(repeating: "a&", count: 257)
        #expect(throws: QueryError.tooManyParameters) { try asking(text) { try QueryParameters($0) } }
    }

    @Test func whatIsEncodedIsDecoded() {
        let all = (0...255).map { UInt8($0) }
        var text: [UInt8] = []
        PercentCoding.append(all, to: &text)
        #expect(text.withByteView { PercentCoding.decode($0) } == all)
        #expect(text.allSatisfy { $0 > 0x20 && $0 < 0x7F })
    }
}

@Suite struct MediaTypeTests {
    @Test func typesAreComparedWithoutCaseAndParameters() {
        asking("Application/CloudEvents+JSON ; Charset=\"UTF-8\"; x=\"a;b\\\"c\"") { text in
            guard let type = MediaType(text) else {
                Issue.record("not a media type")
                return
            }
            #expect(type.isType("application", "cloudevents+json"))
            #expect(type.isJSON)
            #expect(type.isUTF8)
            #expect(type.parameter("x") == bytes("a;b\"c"))
            #expect(type.parameter("y") == nil)
        }
        #expect(asking("text/json") { MediaType($0)?.isJSON } == true)
        #expect(asking("text/plain; charset=latin1") { MediaType($0)?.isUTF8 } == false)
        #expect(asking("application/jsonx") { MediaType($0)?.isJSON } == false)
    }

    @Test(arguments: ["", "text", "/", "text/", "/plain", "te xt/plain", "text/pl ain", ";charset=utf-8", "a/b/c"])
    func whatIsNoMediaTypeIsNil(_ text: String) { #expect(asking(text) { MediaType($0) == nil }) }

    @Test(
        arguments: [
            (nil, true), ("text/event-stream", true), ("*/*", true), ("text/*", true),
            ("TEXT/Event-Stream;q=0.1", true),
            ("text/html", false), ("text/html, */*;q=0.1", true), ("text/event-stream;q=0", false),
            ("text/event-stream;q=0, */*", false), ("*/*;q=0", false), ("text/*;q=0.000, */*", false),
            ("*/*;q=0, text/event-stream", true), ("application/json", false), ("garbage", false), ("", false),
            ("text/event-stream;q=", true), ("text/html,application/xhtml+xml,*/*;q=0.8", true),
        ] as [(String?, Bool)])
    func acceptDecidesByItsMostSpecificRange(_ accept: String?, _ wanted: Bool) {
        let head = "GET / HTTP/1.1\r\nHost: h\r\n" + (accept.map { "Accept: \($0)\r\n" } ?? "") + "\r\n"
        asking(head) { view in
            var input = view
            var decoder = HTTPRequestDecoder(limits: HTTPLimits())
            guard case .request(let request)? = decoder.decode(&input) else {
                Issue.record("no request")
                return
            }
            #expect(AcceptHeader.accepts(request.headers, "text", "event-stream") == wanted)
        }
    }
}

@Suite struct AuthorityTests {
    @Test(
        arguments: [
            ("example.com", "example.com", nil, .name), ("example.com:8443", "example.com", 8443, .name),
            ("localhost", "localhost", nil, .name), ("127.0.0.1:80", "127.0.0.1", 80, .ipv4),
            ("[::1]:80", "::1", 80, .ipv6), ("[2001:db8::1]", "2001:db8::1", nil, .ipv6), ("[::]", "::", nil, .ipv6),
            ("[1:2:3:4:5:6:7:8]", "1:2:3:4:5:6:7:8", nil, .ipv6),
            ("[::ffff:192.0.2.1]", "::ffff:192.0.2.1", nil, .ipv6),
            ("[1:2:3:4:5:6:192.0.2.1]", "1:2:3:4:5:6:192.0.2.1", nil, .ipv6), ("[1::]", "1::", nil, .ipv6),
            ("a_b-c.d.", "a_b-c.d.", nil, .name), ("1.2.3.com", "1.2.3.com", nil, .name),
        ] as [(String, String, Int?, HTTPAuthority.Kind)])
    func hostsAndPortsAreTakenApart(_ text: String, _ host: String, _ port: Int?, _ kind: HTTPAuthority.Kind) {
        asking(text) { view in
            let authority = HTTPAuthority(view)
            #expect(authority?.host.string == host)
            #expect(authority?.port == port)
            #expect(authority?.kind == kind)
        }
    }

    @Test(arguments: [
        "", ":80", "h:", "h:0", "h:65536", "h:123456", "h:8a", "h:-1", "a b", "a/b", "a?b", "a@b", "a,b", "ä", "[]",
        "[::1",
        "[::1]x", "[::1]80", "[:::]", "[1::2::3]", "[1:2:3:4:5:6:7]", "[1:2:3:4:5:6:7:8:9]", "[12345::]", "[g::]",
        "[::1.2.3]", "[fe80::1%25eth0]", "[1:2:3:4:5:6:7:1.2.3.4]", "256.1.1.1", "1.2.3", "127.1", "01.2.3.4", "1",
        "1.2.3.4.5", "::1", "a%41", ".a", "[1:]", "[:1]",
    ])
    func whatIsNoHostIsNil(_ text: String) { #expect(asking(text) { HTTPAuthority($0) == nil }) }

    @Test func localhostIncludesNamesBelowIt() {
        for (text, wanted) in [
            ("LocalHost:1", true), ("a.localhost", true), ("xlocalhost", false), ("127.0.0.1", false),
        ] {
            #expect(asking(text) { HTTPAuthority($0)?.isLocalhost } == wanted)
        }
    }

    @Test(arguments: [
        ("http://h", "h", false, true), ("http://h:80", "h", false, true), ("http://H", "h:80", false, true),
        ("https://h", "h:443", true, true), ("https://h", "h", false, false), ("http://h:81", "h", false, false),
        ("http://x", "h", false, false), ("https://h:8443", "h:8443", true, true),
    ])
    func originsAreComparedWithHosts(_ origin: String, _ host: String, _ tls: Bool, _ wanted: Bool) {
        asking(origin) { originText in
            asking(host) { hostText in
                guard let parsed = HTTPOrigin(originText), let authority = HTTPAuthority(hostText) else {
                    Issue.record("not parsed")
                    return
                }
                #expect(parsed.isSameOrigin(as: authority, tls: tls) == wanted)
            }
        }
    }

    @Test(arguments: ["null", "", "http:", "http:/", "http://", "://h", "http:h", "http://h/", "http://h/x"])
    func whatIsNoOriginIsNil(_ text: String) { #expect(asking(text) { HTTPOrigin($0) == nil }) }
}

@Suite struct DateTests {
    @Test func theThreeFormsAreOneTime() {
        for text in ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"] {
            #expect(asking(text) { HTTPDate.parse($0) } == 784_111_777)
        }
    }

    @Test func whatIsWrittenIsRead() {
        var random = SeededRandom(seed: 3)
        for _ in 0..<2000 {
            let seconds = UInt64.random(in: 0...253_402_300_799, using: &random)
            var text: [UInt8] = []
            HTTPDate.append(secondsSince1970: seconds, to: &text)
            #expect(text.count == 29)
            #expect(text.withByteView { HTTPDate.parse($0) } == seconds)
        }
        var leap: [UInt8] = []
        HTTPDate.append(secondsSince1970: 1_709_164_800, to: &leap)
        #expect(leap == bytes("Thu, 29 Feb 2024 00:00:00 GMT"))
    }

    @Test func retryAfterIsSecondsOrADate() {
        let now = WallTime(nanoseconds: 784_111_770 * 1_000_000_000)
        for (text, wanted) in [
            ("120", 120), ("0", 0), (" 7", 7), ("Sun, 06 Nov 1994 08:49:37 GMT", 7),
            ("Sunday, 06-Nov-94 08:49:37 GMT", 7), ("Sun Nov  6 08:49:37 1994", 7),
            ("Sun, 06 Nov 1994 08:49:17 GMT", 0), ("Tue, 29 Feb 2000 00:00:00 GMT", 167_670_630),
            ("soon", nil), ("-1", nil), ("", nil), (" ", nil), ("1.5", nil), ("1e3", nil),
            ("Sun, 06 Nov 1994 25:49:37 GMT", nil), ("Sun, 06 Nov 1994 24:00:00 GMT", nil),
            ("Sun, 06 Nov 1994 08:49:37", nil), ("Sun, 06 Foo 1994 08:49:37 GMT", nil),
            ("Sun, 06 Nov 1994 08:49 GMT", nil),
        ] as [(String, Int?)] {
            #expect(asking(text) { HTTPDate.retryAfterSeconds($0, now: now) } == wanted, "\(text)")
        }
    }

    @Test func retryAfterOfMoreSecondsThanFitIsTheLongestWait() {
        for text in ["9223372036854775808", "99999999999999999999999"] {
            let now = WallTime(nanoseconds: 0)
            #expect(asking(text) { HTTPDate.retryAfterSeconds($0, now: now) } == .max, "\(text)")
        }
    }
}

@Suite struct WriterTests {
    @Test func aResponseIsUnderstoodByTheDecoder() {
        var output: [UInt8] = []
        asking("{\"accepted\":1}") { body in
            HTTPWriter.appendResponse(202, contentType: "application/json", body: body, keepAlive: true, to: &output)
        }
        #expect(
            String(decoding: output, as: UTF8.self)
                == "HTTP/1.1 202 Accepted\r\ncontent-type: application/json\r\ncontent-length: 14\r\n\r\n{\"accepted\":1}"
        )
        HTTPWriter.appendEmptyResponse(204, keepAlive: false, to: &output)
        let seen = decodeResponses([output])
        #expect(seen.count == 2)
        #expect(
            seen.last
                == .response(
                    204, headers: ["connection=close"], body: [], bodyBytes: 0, isComplete: true, keepAlive: false))
    }

    @Test func aProblemIsJSONThatSaysWhatIsWrong() {
        let problem = ProblemDocument(
            code: "bad-event", status: 400, detail: "a \"quoted\"\n\u{1} thing",
            errors: [.init(detail: "missing", pointer: "/0/id"), .init(detail: "odd")], members: [("accepted", "3")])
        #expect(
            String(decoding: problem.json, as: UTF8.self)
                == #"{"type":"https://fanfare.dev/problems/bad-event","title":"Bad Request","status":400,"#
                + #""detail":"a \"quoted\"\n\u0001 thing","errors":[{"detail":"missing","pointer":"/0/id"},"#
                + #"{"detail":"odd"}],"accepted":3}"#)
        var output: [UInt8] = []
        ProblemDocument(HTTPDecodeError.headTooLong).appendResponse(
            keepAlive: false, headers: [("retry-after", "1")], to: &output)
        guard case .response(431, let headers, _, _, _, false)? = decodeResponses([output]).first else {
            Issue.record("no response")
            return
        }
        #expect(headers.contains("content-type=application/problem+json"))
        #expect(headers.contains("retry-after=1"))
    }

    @Test func bytesThatAreNotUTF8AreRepairedInJSON() {
        var output: [UInt8] = []
        ([0xFF, 0x41, 0xC3] as [UInt8]).withByteView { JSONText.appendString($0, to: &output) }
        #expect(String(decoding: output, as: UTF8.self) == "\"\u{FFFD}A\u{FFFD}\"")
    }

    @Test func numbersAreWrittenInDecimal() {
        for number in [0, 7, 10, 123, -5, Int.max, Int.min] {
            var output: [UInt8] = []
            output.append(decimal: number)
            #expect(String(decoding: output, as: UTF8.self) == "\(number)")
        }
    }
}
