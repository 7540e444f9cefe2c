import FanfareWire
import Testing

@Suite struct WebSocketHandshakeTests {
    static let lines = [
        "Host: server.example.com", "Upgrade: websocket", "Connection: keep-alive, Upgrade",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13",
    ]

    private func check(
        _ lines: [String], requestLine: String = "GET /chat HTTP/1.1", body: String = ""
    ) -> Result<String, WebSocketHandshakeError> {
        asking(([requestLine] + lines + ["", body]).joined(separator: "\r\n")) { view in
            var input = view
            var decoder = HTTPRequestDecoder(limits: HTTPLimits())
            guard case .request(let request)? = decoder.decode(&input) else {
                Issue.record("no request")
                return .failure(.method)
            }
            do throws(WebSocketHandshakeError) {
                return .success(try WebSocketHandshake.check(request).string)
            } catch {
                return .failure(error)
            }
        }
    }

    @Test func theExampleOfRFC6455IsAccepted() {
        #expect(check(Self.lines) == .success("dGhlIHNhbXBsZSBub25jZQ=="))
        var output: [UInt8] = []
        WebSocketHandshake.appendAccept(forKey: ByteView("dGhlIHNhbXBsZSBub25jZQ=="), to: &output)
        #expect(output == bytes("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="))
    }

    @Test func eachMissingPartIsNamed() {
        func without(_ prefix: String, _ replacement: String...) -> [String] {
            Self.lines.filter { !$0.hasPrefix(prefix) } + replacement
        }
        #expect(check(Self.lines, requestLine: "POST / HTTP/1.1") == .failure(.method))
        #expect(check(Self.lines, requestLine: "GET / HTTP/1.0") == .failure(.connection))
        #expect(check(without("Upgrade")) == .failure(.connection))
        #expect(check(without("Connection", "Connection: keep-alive")) == .failure(.connection))
        #expect(check(without("Sec-WebSocket-Version")) == .failure(.version))
        #expect(check(without("Sec-WebSocket-Version", "Sec-WebSocket-Version: 8")) == .failure(.version))
        #expect(check(without("Sec-WebSocket-Key")) == .failure(.key))
        for key in [
            "x", "dGhlIHNhbXBsZSBub25jZQ=", "dGhlIHNhbXBsZSBub25jZQ", "AAAAAAAAAAAAAAAAAAAAAAAA",
            "dGhlIHNhbXBsZSBub25jZR==",
        ] {
            #expect(check(without("Sec-WebSocket-Key", "Sec-WebSocket-Key: " + key)) == .failure(.key))
        }
        #expect(check(Self.lines + ["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="]) == .failure(.key))
        #expect(check(Self.lines + ["Content-Length: 5"], body: "hello") == .failure(.body))
    }

    /// RFC 6455, section 9.1.
    @Test(arguments: [
        "foo=\"a", "permessage deflate", "permessage-deflate; client_max_window_bits=", "permessage-deflate;",
        "permessage-deflate; ;", "permessage-deflate; =3", ";a", "a; b=\"\"", "a; b=\"c d\"", "a; b=c d", "a/b", "\"",
        "a; b=\"c\\\"", "a, b=", "a=b",
    ])
    func extensionsThatAreNoListFailTheHandshake(_ value: String) {
        #expect(check(Self.lines + ["Sec-WebSocket-Extensions: " + value]) == .failure(.extensions))
        #expect(
            check(Self.lines + ["Sec-WebSocket-Extensions: a", "Sec-WebSocket-Extensions: " + value])
                == .failure(.extensions))
    }

    @Test(arguments: [
        "", "permessage-deflate", "permessage-deflate; client_max_window_bits", "a;b=c ; d = \"e\" , f", "a,, b ,",
        "a; b=\"\\c\"", "x-webkit-deflate-frame", "permessage-deflate; unknown=77",
    ])
    func anyOtherListOfExtensionsIsNoneOfItsBusiness(_ value: String) {
        #expect(
            check(Self.lines + ["Sec-WebSocket-Extensions: " + value]) == .success("dGhlIHNhbXBsZSBub25jZQ=="))
    }

    @Test func bothSidesAgree() {
        let key = ByteView("dGhlIHNhbXBsZSBub25jZQ==")
        var request: [UInt8] = []
        WebSocketHandshake.appendRequest(
            target: ByteView("/v1/subscribe?topic=a"), host: ByteView("h:1"), key: key,
            subprotocols: ["fanfare.v1.json", "cloudevents.json"], to: &request)
        HTTPWriter.endHead(&request)
        var response: [UInt8] = []
        request.withByteView { view in
            var input = view
            var decoder = HTTPRequestDecoder(limits: HTTPLimits())
            guard case .request(let decoded)? = decoder.decode(&input) else {
                Issue.record("no request")
                return
            }
            let offers = WebSocketHandshake.offeredProtocols(decoded.headers)
            #expect(offers.map(\.string) == ["fanfare.v1.json", "cloudevents.json"])
            WebSocketHandshake.appendAcceptance(key: key, subprotocol: offers[0], to: &response)
        }
        response.withByteView { view in
            var input = view
            var decoder = HTTPResponseDecoder(mode: .stream)
            guard case .head(let decoded)? = decoder.decode(&input) else {
                Issue.record("no response")
                return
            }
            #expect(WebSocketHandshake.isAccepted(by: decoded, key: key))
            #expect(!WebSocketHandshake.isAccepted(by: decoded, key: ByteView("AAAAAAAAAAAAAAAAAAAAAA==")))
            #expect(decoded.headers[.secWebSocketProtocol]?.string == "fanfare.v1.json")
        }
    }
}
