import FanfareBase
import FanfareEvent
import Testing

/// Events whose attributes are headers or the request itself.
struct BinaryModeTests {
    private let required = [
        ("CE-SpecVersion", "1.0"), ("ce-id", "1"), ("ce-source", "/s"), ("host", "x"), ("ce-type", "a.b"),
    ]
    private let members = #""specversion":"1.0","id":"1","source":"/s","type":"a.b""#

    private func canonical(_ more: [(String, String)], _ type: String, _ body: String) throws -> Record {
        let decoding = Decoding()
        try decoding.binary(required + more, type, Array(body.utf8))
        #expect(decoding.records[0].isValid)
        _ = try JSONDocument(decoding.records[0].canonical)
        return decoding.records[0]
    }

    @Test(arguments: [
        "application/json", "Application/JSON; charset=utf-8", "text/json", "application/vnd.x+json ;v=1",
    ])
    func jsonBodiesAreEmbedded(type: String) throws {
        let record = try canonical([], type, "{\r\n\"a\": [1,\n 1e999]}\n")
        let data = "{  \"a\": [1,  1e999]} "
        #expect(
            record.canonical == CanonicalEventTests.prefix + members
                + ",\"datacontenttype\":\"\(type)\",\"data\":\(data)}")
        #expect(record.data == data && record.kind == .json && record.topic == "a.b")
    }

    @Test(arguments: ["text/plain", "application/jsonl", "application/json5", "+json", "/+json", "json", ""])
    func otherBodiesBecomeBase64(type: String) throws {
        let record = try canonical([], type, "{\"a\":")
        #expect(record.data == "eyJhIjo=" && record.kind == .base64)
        #expect(record.attributes.contains("datacontenttype=\(type)") == !type.isEmpty)
    }

    @Test func base64IsThatOfTheRFC() throws {
        // RFC 4648, section 10.
        let vectors = [
            "f": "Zg==", "fo": "Zm8=", "foo": "Zm9v", "foob": "Zm9vYg==", "fooba": "Zm9vYmE=", "foobar": "Zm9vYmFy",
        ]
        for (text, base64) in vectors { #expect(try canonical([], "text/plain", text).data == base64) }
        let decoding = Decoding()
        try decoding.plain("t", "application/octet-stream", (0...255).map { UInt8($0) } + [0xFB, 0xFF])
        #expect(decoding.records[0].data.hasPrefix("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4v"))
        #expect(decoding.records[0].data.hasSuffix("+fr7/P3+//v/") && decoding.records[0].isValid)
    }

    @Test(arguments: ["application/json", "text/plain", ""])
    func noBodyIsNoData(type: String) throws {
        let record = try canonical([], type, "")
        #expect(
            record.kind == .none && !record.canonical.contains("\"data\"") && !record.canonical.contains("data_base64"))
    }

    @Test(arguments: [
        ("plain", "plain"), ("a%20b", "a b"), ("%E2%82%AC", "€"), ("€", "€"), ("a%2520b", "a%20b"),
        (#""quoted""#, "quoted"), (#""q\"u\\o""#, #"q\"u\\o"#), (#""a%20b""#, "a b"), ("100%", "100%"),
        ("%zz%4", "%zz%4"),
        (#"""#, #"\""#), ("", ""), (#""""#, ""), ("%22", #"\""#),
    ])
    func valuesAreUnquotedAndPercentDecodedOnce(header: String, expected: String) throws {
        let record = try canonical([("ce-ext", header)], "", "")
        #expect(record.attributes.last == "ext=\(expected)")
    }

    @Test(arguments: [
        ([("ce-id", "2")], EventError.Reason.duplicateName, "/id"),
        ([("ce-data", "1")], .attributeName, "/data"),
        ([("ce-data_base64", "1")], .attributeName, "/data_base64"),
        ([("ce-", "1")], .attributeName, "/"),
        ([("ce-a-b", "1")], .attributeName, "/a-b"),
        ([("ce-ext", "%00")], .attributeCharacters, "/ext"),
        ([("ce-ext", "%0D%0A")], .attributeCharacters, "/ext"),
        ([("ce-ext", "%C3")], .attributeCharacters, "/ext"),
        ([("ce-ext", "%EF%BF%BF")], .attributeCharacters, "/ext"),
        ([("ce-subject", "")], .empty, "/subject"),
        ([("ce-time", "now")], .time, "/time"),
        ([("ce-datacontenttype", "x/y")], .duplicateName, "/datacontenttype"),
        ([("ce-fanfaretopic", "fanfare.x")], .reservedTopic, "/fanfaretopic"),
    ])
    func badHeadersAreRefused(headers: [(String, String)], reason: EventError.Reason, pointer: String) {
        let decoding = Decoding()
        let error = #expect(throws: EventError.self) { try decoding.binary(required + headers, "a/b", []) }
        #expect(error?.reason == reason && error?.pointer == pointer)
        #expect(decoding.staging.isEmpty)
        // The next event starts afresh.
        #expect(throws: Never.self) { try decoding.binary(required, "a/b", []) }
    }

    @Test func aMissingHeaderIsAMissingAttribute() {
        let error = #expect(throws: EventError.self) { try Decoding().binary(Array(required.dropFirst(2)), "", []) }
        #expect(error == EventError(.missing, "The attribute specversion is missing.", pointer: "/specversion"))
    }

    @Test func brokenJSONInTheBodyIsLocatedInTheBody() {
        let error = #expect(throws: EventError.self) {
            try Decoding().binary(required, "application/json", Array("[1,\n}".utf8))
        }
        #expect(error?.pointer == "/data" && error?.location == JSONLocation(offset: 4, line: 2, column: 1))
        // Nothing in a body can become an attribute.
        let inject = #expect(throws: EventError.self) {
            try Decoding().binary(required, "application/json", Array(#"1,"x":2"#.utf8))
        }
        #expect(inject?.reason == .syntax)
        let octets = #expect(throws: EventError.self) {
            try Decoding().binary(required, "application/json", [0x22, 0xFF, 0x22])
        }
        #expect(octets?.pointer == "/data" && octets?.location?.offset == 1)
    }

    @Test func aPlainBodyBecomesAnEventOfItsTopic() throws {
        let decoding = Decoding()
        try decoding.plain("acme.orders", id: #""key-1""#, "application/json", Array("[1]".utf8))
        try decoding.plain("acme.orders", id: "key-1", "", [])
        #expect(
            decoding.records[0].canonical == CanonicalEventTests.prefix
                + #""specversion":"1.0","id":"key-1","source":"/anonymous","type":"acme.orders","time":"2026-11-23T00:00:00Z","datacontenttype":"application/json","data":[1]}"#
        )
        #expect(decoding.records[0].topic == "acme.orders")
        #expect(decoding.records[0].key == decoding.records[1].key)
        #expect(decoding.records.allSatisfy { $0.isValid })
    }

    @Test func aPlainBodysTopicIsChecked() {
        #expect(
            throws: EventError(
                .topic, "The topic has an empty token (a dot at an end, or two beside each other).", pointer: "")
        ) {
            try Decoding().plain("a.", "", [])
        }
        let error = #expect(throws: EventError.self) { try Decoding().plain("fanfare.x", "", []) }
        #expect(error?.status == 403)
        let empty = #expect(throws: EventError.self) { try Decoding().plain("a", id: "", "", []) }
        #expect(empty?.pointer == "/id")
    }
}
