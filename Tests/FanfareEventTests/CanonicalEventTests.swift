import FanfareBase
import FanfareEvent
import Testing

/// What becomes of events that are accepted.
struct CanonicalEventTests {
    static let prefix = #"{"fanfareposition":"0000000000000000000000000","#

    @Test func theSmallestEventKeepsItsMembersBehindThePosition() throws {
        let decoding = Decoding()
        try decoding.structured(event())
        let record = decoding.records[0]
        #expect(record.isValid)
        #expect(record.canonical == Self.prefix + event().dropFirst())
        #expect(record.topic == "a.b")
        #expect(record.attributes == ["specversion=1.0", "id=1", "source=/s", "type=a.b"])
        #expect(record.kind == .none && record.data.isEmpty)
    }

    /// What follows the position, for what was published.
    @Test(arguments: [
        // Spacing stays, line ends become spaces, in data too.
        (
            "{ \"specversion\" :\t\"1.0\",\r\n\"id\":\"1\",\"source\":\"/s\",\"type\":\"t\",\n \"data\":{\r\n \"a\":1\r}\n}\n",
            "\"specversion\" :\t\"1.0\",  \"id\":\"1\",\"source\":\"/s\",\"type\":\"t\",  \"data\":{   \"a\":1 }}"
        ),
        // Ours and null go, wherever they stand.
        (
            #"{"fanfareposition":"x","id":"1","n":null,"specversion":"1.0","source":"/s","fanfareposition2":1,"type":"t","m":null}"#,
            #""id":"1","specversion":"1.0","source":"/s","fanfareposition2":1,"type":"t"}"#
        ),
        (
            #"{"a":null,"id":"1","specversion":"1.0", "b":null , "source":"/s","type":"t","data_base64":null}"#,
            #""id":"1","specversion":"1.0","source":"/s","type":"t"}"#
        ),
        // A name spelt with escapes is spelt without; its value stays as it is.
        (
            #"{"\u0069d":"\u0031","specversion":"1.0","source":"/s","typ\u0065":"t","x":true}"#,
            #""id":"\u0031","specversion":"1.0","source":"/s","type":"t","x":true}"#
        ),
        // Base64 with escaped slashes too.
        (
            #"{"id":"1","specversion":"1.0","source":"/s","type":"t","data_base64":"a\/b\u002B"}"#,
            #""id":"1","specversion":"1.0","source":"/s","type":"t","data_base64":"a/b+"}"#
        ),
        // The topic is told when it differs from the type.
        (
            #"{"id":"1","fanfaretopic":"x.y","specversion":"1.0","source":"/s","type":"not a topic"}"#,
            #""fanfaretopic":"x.y","id":"1","specversion":"1.0","source":"/s","type":"not a topic"}"#
        ),
        (
            #"{"id":"1","fanfaretopic":"t\u002Eu","specversion":"1.0","source":"/s","type":"t.\u0075"}"#,
            #""id":"1","specversion":"1.0","source":"/s","type":"t.\u0075"}"#
        ),
        // A publisher's own sequence and trace context are the publisher's.
        (
            #"{"id":"1","specversion":"1.0","source":"/s","type":"t","sequence":"7","traceparent":"zz"}"#,
            #""id":"1","specversion":"1.0","source":"/s","type":"t","sequence":"7","traceparent":"zz"}"#
        ),
    ])
    func membersKeepOrderAndSpelling(published: String, expected: String) throws {
        let decoding = Decoding()
        try decoding.structured(published)
        #expect(decoding.records[0].canonical == Self.prefix + expected)
        #expect(decoding.records[0].isValid)
        _ = try JSONDocument(decoding.records[0].canonical)
    }

    @Test func everyAttributeTypeIsTakenAndTabled() throws {
        let decoding = Decoding()
        try decoding.structured(
            event(
                #""s":"é\u00e9😀\"","e":"","i":-2147483648,"j":2147483647,"z":-0,"t":true,"f":false,"subject":"x","#
                    + #""time":"2024-02-29T23:59:60.123456789+23:59","datacontenttype":"a/b","dataschema":"urn:x""#))
        let record = decoding.records[0]
        #expect(
            record.attributes.dropFirst(4) == [
                #"s=é\u00e9😀\""#, "e=", "i=-2147483648", "j=2147483647", "z=-0", "t=true", "f=false", "subject=x",
                "time=2024-02-29T23:59:60.123456789+23:59", "datacontenttype=a/b", "dataschema=urn:x",
            ])
        #expect(record.isValid)
        decoding.staging.forEach { record in
            #expect(record.attribute(named: "s")?.hasEscapes == true)
            #expect(record.attribute(named: "e")?.hasEscapes == false)
            #expect(record.attribute(named: "i")?.kind == .integer)
            #expect(record.attribute(named: "f")?.kind == .boolean)
            #expect(record.attribute(named: "nothere") == nil)
        }
    }

    @Test(arguments: [
        "null", "true", "0", "-1.5E+300", "1e400", "123456789012345678901234567890", "\"text\"", "\"\"", "[]", "{}",
        "{\"a\":1,\"a\":2}", "\"\\ud800\"", "[ 1 ,\t2 ]", "\"\u{7F}\u{FFFF}\"", "\"\\u0000\"", "{\"\":{\"\":[[[]]]}}",
    ])
    func dataIsKeptByteForByte(data: String) throws {
        for body in [event("\"data\":\(data)"), "{\"data\": \(data) ," + event().dropFirst()] {
            let decoding = Decoding()
            try decoding.structured(body)
            #expect(decoding.records[0].data == data)
            #expect(decoding.records[0].kind == .json)
            #expect(decoding.records[0].isValid)
        }
    }

    @Test func base64IsTabledWithoutItsQuotes() throws {
        let decoding = Decoding()
        for text in ["", "QQ==", "QUI=", "QUJD", "+/+/"] {
            try decoding.structured(event(#""data_base64":"\#(text)""#))
        }
        try decoding.structured(event(#""data_base64":"\/\/\/\/""#))
        #expect(decoding.records.map(\.data) == ["", "QQ==", "QUI=", "QUJD", "+/+/", "////"])
        #expect(decoding.records.allSatisfy { $0.kind == .base64 && $0.isValid })
    }

    @Test func theTopicIsTheRequestsElseTheAttributesElseTheType() throws {
        let decoding = Decoding()
        try decoding.structured(event())
        try decoding.structured(event(#""fanfaretopic":"c.d""#))
        try decoding.structured(event(#""fanfaretopic":"c.d""#), topic: "e.f")
        try decoding.structured(event(#""fanfaretopic":"not a topic""#), topic: "a.b")
        try decoding.structured(event(type: "https://x/y"), topic: "x")
        #expect(decoding.records.map(\.topic) == ["a.b", "c.d", "e.f", "a.b", "x"])
        #expect(decoding.records.map { $0.canonical.contains("fanfaretopic") } == [false, true, true, false, true])
        #expect(decoding.records[2].attributes.first == "fanfaretopic=e.f")
        #expect(decoding.records.allSatisfy { $0.isValid })
    }

    @Test func theDeduplicationKeyIsOfTheTextAndNotOfItsSpelling() throws {
        let decoding = Decoding()
        try decoding.structured(event())
        try decoding.structured(event().replacing("\"1\"", with: "\"\\u0031\"").replacing("/s", with: "\\/s"))
        try decoding.structured(event(#""data":1"#))
        try decoding.structured(event(id: "2"))
        try decoding.structured(event(), topic: "other")
        try decoding.structured(event().replacing("/s", with: "/s2"))
        let keys = decoding.records.map(\.key)
        #expect(keys[0] == keys[1] && keys[0] == keys[2])
        #expect(Set(keys).count == 4)
        var hash = SipHash128(key: HashKey(low: 1, high: 2))
        let text = Array("a.b\0/s\u{0}1".utf8)
        hash.update(text.span)
        #expect(keys[0] == hash.finished())
    }

    @Test func traceHeadersAreStoredAndWhatCouldNotBeSentAgainIsNot() throws {
        let parent = Array("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".utf8)
        let state = Array("a=b".utf8)
        let decoding = Decoding()
        for baggage in ["x=y", "x\r\nevil: 1", String(repeating: "x", count: EventLimits.baggageBytesMax + 1)] {
            let baggage = Array(baggage.utf8)
            unsafe parent.withUnsafeBytes { parent in
                unsafe state.withUnsafeBytes { state in
                    unsafe baggage.withUnsafeBytes { baggage in
                        var copy = decoding
                        unsafe copy.context.traceParent = parent
                        unsafe copy.context.traceState = state
                        unsafe copy.context.baggage = baggage
                        #expect(throws: Never.self) { try copy.structured(event()) }
                    }
                }
            }
        }
        #expect(decoding.records.map(\.baggage) == ["x=y", "", ""])
        #expect(decoding.records.allSatisfy { $0.traceState == "a=b" && $0.isValid && $0.topic == "a.b" })
        #expect(decoding.records[0].traceParent.hasPrefix("00-4bf92f"))
    }

    @Test func aBatchIsAllOrNothing() throws {
        let decoding = Decoding()
        try decoding.batch(" [ \n] ")
        #expect(decoding.staging.isEmpty)
        try decoding.batch("[\(event()),\n\(event(id: "2")) , \(event(#""data":[1,2]"#, id: "3"))]")
        #expect(decoding.records.map(\.attributes[1]) == ["id=1", "id=2", "id=3"])
        let before = (decoding.staging.count, decoding.staging.byteCount)
        #expect(throws: EventError.self) { try decoding.batch("[\(event()),{}]") }
        #expect((decoding.staging.count, decoding.staging.byteCount) == before)
        decoding.staging.reset()
        #expect(decoding.staging.isEmpty && decoding.records.isEmpty)
    }

    @Test func linesMayBeBlank() throws {
        let decoding = Decoding()
        #expect(try decoding.line(event() + "\r\n"))
        #expect(try !decoding.line("") && !decoding.line(" \t\r\n"))
        #expect(decoding.staging.count == 1 && decoding.records[0].isValid)
    }

    @Test func stagingGrowsWithItsRecordsAligned() throws {
        let decoding = Decoding(staging: RecordStaging(capacity: 1))
        for id in 0..<500 {
            try decoding.structured(event(#""data":"\#(String(repeating: "x", count: id % 9))""#, id: "\(id)"))
        }
        #expect(decoding.staging.count == 500)
        #expect(decoding.records.map(\.attributes[1]) == (0..<500).map { "id=\($0)" })
        #expect(decoding.records.allSatisfy { $0.isValid })
    }

    @Test func theLimitOfAnEventIsWhatWasPublished() throws {
        var decoding = Decoding()
        decoding.context.eventBytesMax = event().utf8.count
        try decoding.structured("\n\n" + event() + "\n\n")
        let error = #expect(throws: EventError.self) { try decoding.structured(event(id: "12")) }
        #expect(error?.reason == .tooLarge && error?.status == 413)
        #expect(throws: EventError.self) { try decoding.batch("[\(event()),\(event(id: "12"))]") }
        #expect(decoding.staging.count == 1)
        decoding.context.eventBytesMax = 10
        try decoding.plain("t", "text/plain", Array(repeating: 7, count: 10))
        #expect(throws: EventError.self) { try decoding.plain("t", "text/plain", Array(repeating: 7, count: 11)) }
    }
}
