import FanfareBase
import FanfareDelivery
import Testing

@Suite struct WebhookSecretTests {
    @Test func aSecretOf24To64BytesIsAccepted() throws {
        _ = try WebhookSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
        _ = try WebhookSecret("whsec_" + String(repeating: "A", count: 86) + "==")
        _ = try WebhookSecret("whsec_" + String(repeating: "A", count: 86))
    }

    @Test(arguments: [
        ("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", WebhookSecretError.unknownPrefix),
        ("", .unknownPrefix),
        ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS.", .notBase64),
        ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw=", .notBase64),
        ("whsec_AAAAA", .notBase64),
        ("whsec_AAAB", .wrongLength(bytes: 3, allowed: "24 to 64")),
        ("whsec_" + String(repeating: "A", count: 88), .wrongLength(bytes: 66, allowed: "24 to 64")),
        ("whsk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", .wrongLength(bytes: 24, allowed: "32 or 64")),
    ])
    func anythingElseIsRefusedWithItsReason(_ text: String, _ error: WebhookSecretError) {
        #expect(throws: error) { try WebhookSecret(text) }
    }
}

@Suite struct WebhookRequestTests {
    private static let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    private static let position = Position(log: TestEvent.log, sequence: SequenceNumber(7))
    private static let id = WebhookID(position, key: HashKey(low: 1, high: 2))

    /// A request taken apart: request line, headers in order, body.
    private func request(
        _ event: TestEvent, _ mode: WebhookContentMode, secrets: [String] = [secret],
        headers: [(name: String, value: String)] = []
    ) throws -> (line: String, headers: [String], body: String) {
        let signer = try WebhookSigner(try secrets.map { try WebhookSecret($0) })
        let options = WebhookRequest.Options(
            target: "/hooks?a=1", host: "example.com:8443", version: "0.1.0", contentMode: mode, headers: headers)
        var request = try WebhookRequest(options, signer: signer)
        var bytes: [UInt8] = []
        let attempt = WebhookRequest.Attempt(
            id: Self.id, time: WallTime(nanoseconds: 1_614_265_330_900_000_000), number: 3)
        let batch = TestBatch([event])
        try request.append(batch.records[0], attempt, to: &bytes)
        let text = String(decoding: bytes, as: UTF8.self)
        let parts = text.split(separator: "\r\n\r\n", maxSplits: 1, omittingEmptySubsequences: false)
        let lines = parts[0].split(separator: "\r\n").map { String($0) }
        return (lines[0], Array(lines.dropFirst()), String(parts[1]))
    }

    @Test func aStructuredRequestCarriesTheEventWithoutItsPosition() throws {
        var event = TestEvent(sequence: 7)
        event.data = (.json, "{\"a\":1}")
        event.traceParent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        let (line, headers, body) = try request(event, .structured, headers: [("Authorization", "Bearer x")])
        #expect(line == "POST /hooks?a=1 HTTP/1.1")
        #expect(body == "{\"specversion\":\"1.0\",\"id\":\"1\",\"data\":{\"a\":1}}")
        #expect(
            headers.dropLast() == [
                "host: example.com:8443", "user-agent: fanfare/0.1.0", "authorization: Bearer x",
                "content-type: application/cloudevents+json; charset=utf-8", "content-length: \(body.utf8.count)",
                "fanfare-attempt: 3", "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                "webhook-id: \(idText)", "webhook-timestamp: 1614265330",
            ])
        #expect(headers.last!.hasPrefix("webhook-signature: v1,"))
    }

    @Test func theIdentifierIsTheSameForAnEventAndDiffersByLogAndKey() {
        #expect(idText.utf8.count == WebhookID.textBytes && idText.hasPrefix("msg_") && !idText.contains("."))
        let otherLog = Position(log: LogID(1), sequence: Self.position.sequence)
        #expect(WebhookID(Self.position, key: HashKey(low: 1, high: 2)) == Self.id)
        #expect(WebhookID(otherLog, key: HashKey(low: 1, high: 2)) != Self.id)
        #expect(WebhookID(Self.position, key: HashKey(low: 1, high: 3)) != Self.id)
    }

    @Test func thePublicVectorVerifies() throws {
        let signer = try WebhookSigner([try WebhookSecret(Self.secret)])
        let body = Array("{\"test\": 2432232314}".utf8)
        let id = "msg_p5jXN8AQM9LWM0D4loKWxJek"
        let signature = signer.signature(id: id, timestamp: "1614265330", body: body)
        #expect(signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
        for header in [signature, "v1,AAAA v2,x \(signature)"] {
            #expect(signer.verifies(header, id: id, timestamp: "1614265330", body: body))
        }
        for header in ["", "v1,", String(signature.dropLast()), signature + "=", "v1a" + signature.dropFirst(2)] {
            #expect(!signer.verifies(header, id: id, timestamp: "1614265330", body: body))
        }
        #expect(!signer.verifies(signature, id: id, timestamp: "1614265331", body: body))
    }

    @Test func whatIsSentIsWhatWasSigned() throws {
        var event = TestEvent(sequence: 7)
        event.data = (.base64, "\"aGVsbG8=\"")
        let signer = try WebhookSigner([try WebhookSecret(Self.secret)])
        for mode in [WebhookContentMode.structured, .binary, .data] {
            let (_, headers, body) = try request(event, mode)
            let header = String(headers.last!.dropFirst("webhook-signature: ".utf8.count))
            #expect(signer.verifies(header, id: idText, timestamp: "1614265330", body: Array(body.utf8)))
        }
    }

    @Test func severalSecretsGiveSeveralSignatures() throws {
        let seed = "whsk_" + "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A="
        let (_, headers, _) = try request(
            TestEvent(sequence: 7), .structured, secrets: [Self.secret, seed, Self.secret])
        let signatures = headers.last!.dropFirst("webhook-signature: ".count).split(separator: " ")
        #expect(signatures.map { $0.prefix { $0 != "," } } == ["v1", "v1a", "v1"])
        #expect(signatures.map(\.utf8.count) == [47, 92, 47])
        #expect(signatures[0] == signatures[2])
    }

    @Test func binaryModePercentEncodesAttributesAndSendsTheData() throws {
        var event = TestEvent(sequence: 7)
        event.attributes = [
            ("specversion", "\"1.0\""), ("id", "\"a b\\\"c%\""), ("source", "\"/\\u20ac\\ud83d\\ude00\""),
            ("datacontenttype", "\"application/json; charset=utf-8\""), ("priority", "5"), ("urgent", "true"),
            ("note", "\"x\\r\\nInjected: 1\""),
        ]
        event.data = (.json, "{\"a\": [1, 2]}")
        let (_, headers, body) = try request(event, .binary)
        #expect(body == "{\"a\": [1, 2]}")
        #expect(
            headers[2..<9] == [
                "content-type: application/json; charset=utf-8", "ce-specversion: 1.0", "ce-id: a%20b%22c%25",
                "ce-source: /%E2%82%AC%F0%9F%98%80", "ce-priority: 5", "ce-urgent: true",
                "ce-note: x%0D%0AInjected:%201",
            ])
    }

    @Test func binaryModeDecodesBase64AndTextThatIsNotJSON() throws {
        var event = TestEvent(sequence: 7)
        event.attributes.append(("datacontenttype", "\"text/plain\""))
        event.data = (.base64, "\"aGVsbG8=\"")
        #expect(try request(event, .binary).body == "hello")
        event.data = (.base64, "\"Pz8\\/\"")
        #expect(try request(event, .binary).body == "???")
        event.data = (.json, "\"line\\none\"")
        #expect(try request(event, .data).body == "line\none")
        event.attributes[2].1 = "\"application/vnd.x+json\""
        #expect(try request(event, .data).body == "\"line\\none\"")
    }

    @Test func dataThatIsNotBase64CannotBeDelivered() {
        var event = TestEvent(sequence: 7)
        event.data = (.base64, "\"a*b\"")
        #expect(throws: WebhookRequestError.undecodableData) { try request(event, .binary) }
    }

    @Test func dataModeSendsNoAttributes() throws {
        var event = TestEvent(sequence: 7)
        event.data = (.json, "[1]")
        let (_, headers, body) = try request(event, .data)
        #expect(body == "[1]")
        #expect(headers[2] == "content-type: application/json")
        #expect(!headers.contains { $0.hasPrefix("ce-") })
    }

    @Test func anEventWithoutDataHasAnEmptyBody() throws {
        let (_, headers, body) = try request(TestEvent(sequence: 7), .binary)
        #expect(body.isEmpty)
        #expect(headers.contains("content-length: 0"))
        #expect(!headers.contains { $0.hasPrefix("content-type") })
    }

    @Test(arguments: [
        "Host", "content-type", "Content-Length", "transfer-encoding", "connection", "webhook-id", "Webhook-Extra",
        "ce-id",
        "te", "upgrade", "fanfare-attempt",
    ])
    func headersThatFrameRouteOrForgeAreRefused(_ name: String) {
        #expect(throws: WebhookRequestError.forbiddenHeader(name)) {
            try request(TestEvent(sequence: 7), .structured, headers: [(name, "x")])
        }
    }

    @Test(arguments: ["a\r\nhost: evil", "a\nb", "a\0", "\u{7F}", "é"])
    func aHeaderValueCannotEndItsLine(_ value: String) {
        #expect(throws: WebhookRequestError.invalidHeaderValue(name: "x-a")) {
            try request(TestEvent(sequence: 7), .structured, headers: [("x-a", value)])
        }
    }

    @Test(arguments: ["", "a b", "a:", "a\r\n", "é"])
    func aHeaderNameIsAToken(_ name: String) {
        #expect(throws: WebhookRequestError.invalidHeaderName(name)) {
            try request(TestEvent(sequence: 7), .structured, headers: [(name, "x")])
        }
    }

    @Test func targetAndHostCannotEndTheirLines() throws {
        let signer = try WebhookSigner([])
        for target in ["", "hooks", "/a b", "/a\r\nx: y", "/é"] {
            let options = WebhookRequest.Options(target: target, host: "a", version: "1")
            #expect(throws: WebhookRequestError.invalidTarget) { try WebhookRequest(options, signer: signer) }
        }
        for host in ["", "a b", "a\r\nx: y"] {
            let options = WebhookRequest.Options(target: "/", host: host, version: "1")
            #expect(throws: WebhookRequestError.invalidHost) { try WebhookRequest(options, signer: signer) }
        }
    }

    @Test func aTraceContextThatCouldEndTheLineIsLeftOut() throws {
        var event = TestEvent(sequence: 7)
        event.traceParent = "00-a\r\nx: y"
        #expect(try !request(event, .structured).headers.contains { $0.hasPrefix("traceparent") || $0.hasPrefix("x:") })
    }

    private var idText: String {
        var text: [UInt8] = []
        Self.id.append(to: &text)
        return String(decoding: text, as: UTF8.self)
    }
}
