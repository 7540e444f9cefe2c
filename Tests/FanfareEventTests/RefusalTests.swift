import FanfareBase
import FanfareEvent
import Testing

/// Everything that is refused, with what is said about it.
struct RefusalTests {
    private static func error(_ body: () throws -> Void) -> EventError? {
        do { try body() } catch let error as EventError { return error } catch {}
        return nil
    }

    private static let twice = "This name is used more than once."
    private static let letters = "Attribute names are made of a-z and 0-9."
    private static let bits = "An integer is between -2147483648 and 2147483647."
    private static let fraction = "A number in an attribute is an integer, without fraction or exponent."
    private static let string = "This attribute is a string."
    private static let empty = "This attribute is empty."
    private static let base64 = "data_base64 is a string of base64 with padding."
    private static let version = "specversion is 1.0; nothing else is supported."
    private static let object = "An event is a JSON object."
    private static let both = "An event has data or data_base64, not both."
    private static let reserved = "Topics under fanfare are the service's own; nobody else publishes there."
    private static let reservedType = "Types under dev.fanfare are the service's own; nobody else publishes them."
    private static func has(_ what: String) -> String { "The value has \(what), which no attribute may have." }
    private static func character(_ value: UInt32) -> String { Unicode.Scalar(value).map { String($0) } ?? "" }

    private static let rows: [(String, EventError.Reason, String, String)] = [
        // Envelope names
        (event(#""id":"1""#), .duplicateName, "/id", twice),
        (event(#""\u0069\u0064":"1""#), .duplicateName, "/id", twice),
        (event(#""x":1,"x":1"#), .duplicateName, "/x", twice),
        (event(#""x":null,"x":1"#), .duplicateName, "/x", twice),
        (event(#""data":1,"data":1"#), .duplicateName, "/data", twice),
        (event(#""data_base64":"","data_base64":"""#), .duplicateName, "/data_base64", twice),
        (
            event(#""fanfareposition":"","fanfareposition":"""#), .duplicateName, "/fanfareposition",
            twice
        ),
        (event(#""Subject":"x""#), .attributeName, "/Subject", letters),
        (event(#""a_b":"x""#), .attributeName, "/a_b", letters),
        (event(#""a/b~":"x""#), .attributeName, "/a~1b~0", letters),
        (event(#""é":"x""#), .attributeName, "/é", letters),
        (event(#""":"x""#), .attributeName, "/", "A name has 1 to 64 characters; this one has 0."),
        (
            event("\"\(String(repeating: "a", count: 65))\":1"), .attributeName,
            "/" + String(repeating: "a", count: 65),
            "A name has 1 to 64 characters; this one has 65."
        ),
        // Values
        (event(#""x":{}"#), .attributeType, "/x", "An attribute is a string, an integer or a boolean, no object."),
        (event(#""x":[1]"#), .attributeType, "/x", "An attribute is a string, an integer or a boolean, no array."),
        (event(#""x":1.0"#), .attributeType, "/x", fraction),
        (event(#""x":1e2"#), .attributeType, "/x", fraction),
        (event(#""x":2147483648"#), .attributeType, "/x", bits),
        (event(#""x":-2147483649"#), .attributeType, "/x", bits),
        (event(#""x":123456789012345"#), .attributeType, "/x", bits),
        (event(#""subject":1"#), .attributeType, "/subject", string),
        (event(#""datacontenttype":true"#), .attributeType, "/datacontenttype", string),
        (event(#""dataschema":1"#), .attributeType, "/dataschema", string),
        (event(#""time":1"#), .attributeType, "/time", string),
        (
            event(#""fanfaretopic":{}"#), .attributeType, "/fanfaretopic",
            "An attribute is a string, an integer or a boolean, no object."
        ),
        (event(#""fanfaretopic":7"#), .attributeType, "/fanfaretopic", string),
        (event(#""subject":"""#), .empty, "/subject", empty),
        (event(#""datacontenttype":"""#), .empty, "/datacontenttype", empty),
        // Characters
        (event(#""x":"a\n""#), .attributeCharacters, "/x", has("the control character U+000A")),
        (event(#""x":"\u0000""#), .attributeCharacters, "/x", has("the control character U+0000")),
        (event(#""x":"\u001F""#), .attributeCharacters, "/x", has("the control character U+001F")),
        (event("\"x\":\"\u{7F}\""), .attributeCharacters, "/x", has("the control character U+007F")),
        (event("\"x\":\"a\u{80}\""), .attributeCharacters, "/x", has("the control character U+0080")),
        (event("\"x\":\"a\u{9F}\""), .attributeCharacters, "/x", has("the control character U+009F")),
        (event(#""x":"\u009f""#), .attributeCharacters, "/x", has("the control character U+009F")),
        (event("\"x\":\"\(character(0xFDD0))\""), .attributeCharacters, "/x", has("the noncharacter U+FDD0")),
        (event("\"x\":\"\(character(0xFDEF))\""), .attributeCharacters, "/x", has("the noncharacter U+FDEF")),
        (event("\"x\":\"\u{FFFE}\""), .attributeCharacters, "/x", has("the noncharacter U+FFFE")),
        (event(#""x":"\uffff""#), .attributeCharacters, "/x", has("the noncharacter U+FFFF")),
        (event("\"x\":\"\u{10FFFF}\""), .attributeCharacters, "/x", has("the noncharacter U+10FFFF")),
        (event(#""x":"\ud83f\udffe""#), .attributeCharacters, "/x", has("the noncharacter U+1FFFE")),
        (event(#""x":"\ud800""#), .attributeCharacters, "/x", has("half a surrogate pair")),
        (event(#""x":"\udc00\ud800""#), .attributeCharacters, "/x", has("half a surrogate pair")),
        (event(#""x":"\ud800\u0041""#), .attributeCharacters, "/x", has("half a surrogate pair")),
        (event(id: #"\t"#), .attributeCharacters, "/id", has("the control character U+0009")),
        // Data
        (event(#""data":1,"data_base64":"""#), .dataTwice, "/data_base64", both),
        (event(#""data_base64":"","data":null"#), .dataTwice, "/data", both),
        (event(#""data_base64":"QQ""#), .base64, "/data_base64", base64),
        (event(#""data_base64":"QQ=""#), .base64, "/data_base64", base64),
        (event(#""data_base64":"Q===""#), .base64, "/data_base64", base64),
        (event(#""data_base64":"QQ==QUJD""#), .base64, "/data_base64", base64),
        (event(#""data_base64":"QU_-""#), .base64, "/data_base64", base64),
        (event(#""data_base64":"QU\n""#), .base64, "/data_base64", base64),
        (event(#""data_base64":1"#), .base64, "/data_base64", base64),
        (event(#""data_base64":{}"#), .base64, "/data_base64", base64),
        // Required
        ("{}", .missing, "/specversion", "The attribute specversion is missing."),
        (#"{"specversion":"1.0"}"#, .missing, "/id", "The attribute id is missing."),
        (#"{"specversion":"1.0","id":null}"#, .missing, "/id", "The attribute id is missing."),
        (#"{"specversion":"1.0","id":"1"}"#, .missing, "/source", "The attribute source is missing."),
        (#"{"specversion":"1.0","id":"1","source":"/"}"#, .missing, "/type", "The attribute type is missing."),
        (event(id: ""), .empty, "/id", empty),
        (event(type: ""), .empty, "/type", empty),
        (event().replacing("/s", with: ""), .empty, "/source", empty),
        (event().replacing("1.0", with: "0.3"), .specVersion, "/specversion", version),
        (event().replacing("1.0", with: ""), .specVersion, "/specversion", version),
        (event().replacing("\"1.0\"", with: "1.0"), .attributeType, "/specversion", fraction),
        (event(#""time":"yesterday""#), .time, "/time", "time is an RFC 3339 time such as 2026-01-31T09:30:00.5Z."),
        // The whole
        ("[]", .notAnEvent, "", object),
        ("\"x\"", .notAnEvent, "", object),
        ("null", .notAnEvent, "", object),
        // Topics
        (
            event(type: "a b"), .topic, "/type",
            "The type cannot be the topic: it has a space where only A-Z a-z 0-9 _ - and dots between tokens may be. Name a topic with ?topic= or the attribute fanfaretopic."
        ),
        (
            event(type: "https://x"), .topic, "/type",
            "The type cannot be the topic: it has ':' where only A-Z a-z 0-9 _ - and dots between tokens may be. Name a topic with ?topic= or the attribute fanfaretopic."
        ),
        (
            event(#""fanfaretopic":"a..b""#), .topic, "/fanfaretopic",
            "The topic in fanfaretopic has an empty token (a dot at an end, or two beside each other)."
        ),
        (event(#""fanfaretopic":"""#), .topic, "/fanfaretopic", "The topic in fanfaretopic is empty."),
        (event(#""fanfaretopic":"fanfare.x""#), .reservedTopic, "/fanfaretopic", reserved),
        (event(type: "fanfare.x"), .reservedTopic, "/type", reserved),
        (event(type: "f\\u0061nfare.x"), .reservedTopic, "/type", reserved),
        // Types
        (event(type: "dev.fanfare.gap"), .reservedType, "/type", reservedType),
        (event(type: "dev.fanfare"), .reservedType, "/type", reservedType),
        (event(type: "dev.f\\u0061nfare.gap"), .reservedType, "/type", reservedType),
        (event(#""fanfaretopic":"a.b""#, type: "dev.fanfare.gap"), .reservedType, "/type", reservedType),
    ]

    @Test(arguments: rows)
    func rulesAreNamedWithTheirPlace(body: String, reason: EventError.Reason, pointer: String, detail: String) {
        let decoding = Decoding()
        let expected = EventError(reason, detail, pointer: pointer)
        #expect(Self.error { try decoding.structured(body) } == expected)
        #expect(decoding.staging.isEmpty && decoding.staging.byteCount == 0)
        // In a batch the same, one level down; nothing of the batch stays.
        if reason != .notAnEvent || !body.hasPrefix("[") {
            let inBatch = EventError(reason, detail, pointer: "/1" + pointer)
            #expect(Self.error { try decoding.batch("[\(event()),\(body)]") } == inBatch)
        }
        #expect(decoding.staging.isEmpty && decoding.staging.byteCount == 0)
        #expect(expected.status == ([.reservedTopic, .reservedType].contains(reason) ? 403 : 400))
    }

    @Test(arguments: ["dev.fanfares", "dev.fanfare-x.gap", "Dev.fanfare.gap", "x.dev.fanfare.gap", "dev"])
    func aTypeThatOnlyLooksLikeOursIsTaken(type: String) {
        #expect(Self.error { try Decoding().structured(event(type: type)) } == nil)
    }

    @Test func aTypeOfOursIsRefusedInEveryForm() {
        func reason(_ body: () throws -> Void) -> EventError.Reason? { Self.error(body)?.reason }
        let gap = event(type: "dev.fanfare.gap")
        #expect(reason { try Decoding().structured(gap, topic: "a.b") } == .reservedType)
        #expect(reason { _ = try Decoding().line(gap) } == .reservedType)
        #expect(reason { try Decoding().plain("dev.fanfare.gap", "a/b", []) } == .reservedType)
        let headers = [
            ("ce-specversion", "1.0"), ("ce-id", "1"), ("ce-source", "/s"), ("ce-type", "dev.fanfare%2Egap"),
        ]
        #expect(reason { try Decoding().binary(headers, "a/b", []) } == .reservedType)
    }

    @Test(arguments: [
        ("", 0, 1, 1, "", "found the end of the text", "a value"),
        ("{", 1, 1, 2, "", "found the end of the text", "a member's name in quotes"),
        ("{\"a\" 1}", 5, 1, 6, "", "found '1'", "':'"),
        ("{\"a\":1 1}", 7, 1, 8, "", "found '1'", "',' or '}'"),
        ("{\n \"data\":[1,\n  x]}", 16, 3, 3, "/data", "found 'x'", "a value"),
        ("{\"é\": tru}", 7, 1, 7, "/é", "found 't'", "a value"),
        (
            "{\"a/b\":\"x\ny\"}", 9, 1, 10, "/a~1b", "found the end of the line",
            "the rest of the string; control characters are escaped"
        ),
        (event() + ",", 57, 1, 58, "", "found ','", "the end of the text"),
        (event() + event(), 57, 1, 58, "", "found '{'", "the end of the text"),
    ])
    func brokenJSONSaysWhere(
        body: String, offset: Int, line: Int, column: Int, pointer: String, found: String, expected: String
    ) {
        let location = JSONLocation(offset: offset, line: line, column: column)
        let error = EventError(
            .syntax, "Not JSON: \(found) at \(location), expected \(expected).", pointer: pointer, location: location)
        #expect(Self.error { try Decoding().structured(body) } == error)
    }

    @Test func aBatchSaysInWhichEventItBroke() {
        #expect(Self.error { try Decoding().batch("{}") }?.reason == .notAnEvent)
        #expect(Self.error { try Decoding().batch("[\(event()),{\"x\":}]") }?.pointer == "/1/x")
        #expect(Self.error { try Decoding().batch("[\(event()),]") }?.pointer == "/1")
        #expect(Self.error { try Decoding().batch("[\(event())") }?.reason == .syntax)
        #expect(Self.error { try Decoding().batch("[] 1") }?.reason == .syntax)
        #expect(Self.error { try Decoding().batch("[\(event()) \(event())]") }?.reason == .syntax)
    }

    @Test func invalidUTF8IsRefusedWhereItStarts() {
        var bytes = Array(event("\"data\":\"\n\"").utf8)
        bytes[bytes.count - 3] = 0xC0
        let error = Self.error { try Decoding().structured(bytes) }
        #expect(error?.reason == .syntax && error?.location?.offset == bytes.count - 3)
    }

    @Test func nestingIsTakenToTheLimitAndNotBeyond() throws {
        func nested(_ levels: Int) -> String {
            event("\"data\":" + String(repeating: "[", count: levels) + String(repeating: "]", count: levels))
        }
        try Decoding().structured(nested(EventLimits.depthMax - 1))
        let error = Self.error { try Decoding().structured(nested(EventLimits.depthMax)) }
        #expect(error?.reason == .tooDeep && error?.pointer == "/data")
        #expect(Self.error { try Decoding().structured(nested(100_000)) }?.reason == .tooDeep)
        let arrays = (0..<EventLimits.depthMax).map { _ in "{\"a\":[" }.joined()
        #expect(Self.error { try Decoding().structured(event("\"data\":" + arrays)) }?.reason == .tooDeep)
    }

    @Test func membersAreCountedAsTheyAreRead() throws {
        func extended(_ count: Int) -> String {
            event((0..<count - 4).map { "\"x\($0)\":\($0)" }.joined(separator: ","))
        }
        try Decoding().structured(extended(EventLimits.membersMax - 1))
        let error = Self.error { try Decoding().structured(extended(EventLimits.membersMax + 1)) }
        #expect(error?.reason == .tooManyMembers)
    }

    @Test func anEventCutAtAnyByteIsRefusedAndLeavesNothing() {
        let body = Array(event(#""x":"é\u00e9\ud83d\ude00","n":-12,"t":true,"z":null,"data":{"a":[1.5e-3,"\\"]}"#).utf8)
        let decoding = Decoding()
        #expect(throws: Never.self) { try decoding.structured(body) }
        for count in 0..<body.count {
            #expect(Self.error { try decoding.structured(Array(body[..<count])) }?.reason == .syntax, "cut at \(count)")
        }
        #expect(decoding.staging.count == 1)
    }

    @Test(arguments: [
        ("2026-11-23T13:17:43Z", true), ("2026-11-23t13:17:43z", true), ("2026-11-23T13:17:43.1234567890-00:00", true),
        ("2000-02-29T00:00:00Z", true), ("2016-12-31T23:59:60Z", true), ("0000-01-01T00:00:00+14:00", true),
        ("1900-02-29T00:00:00Z", false), ("2026-00-01T00:00:00Z", false), ("2026-13-01T00:00:00Z", false),
        ("2026-04-31T00:00:00Z", false), ("2026-01-00T00:00:00Z", false), ("2026-01-01T24:00:00Z", false),
        ("2026-01-01T00:60:00Z", false), ("2026-01-01T00:00:61Z", false), ("2026-01-01T00:00:00", false),
        ("2026-01-01T00:00:00.Z", false), ("2026-01-01 00:00:00Z", false), ("2026-01-01", false), ("", false),
        ("2026-01-01T00:00:00+1:00", false), ("2026-01-01T00:00:00+24:00", false), ("2026-01-01T00:00:00+0100", false),
        ("2026-01-01T00:00:00ZZ", false), ("20260101T000000Z....", false), ("2026-01-01T00:00:00.1", false),
    ])
    func timesAreThoseOfRFC3339(text: String, isTime: Bool) {
        let error = Self.error { try Decoding().structured(event(#""time":"\#(text)""#)) }
        #expect(error?.reason == (isTime ? nil : .time))
    }

    @Test(arguments: [
        (#""abc":"1","a\u0062c":"2""#, "/abc"), (#""a\u0062c":"1","abc":"2""#, "/abc"),
        (#""a\u0062c":"1","\u0061bc":2"#, "/abc"), (#""s\u006furce":"/t""#, "/source"),
        (#""data":1,"d\u0061ta":null"#, "/data"),
        (#""subject":"a","x":1,"subject":"b""#, "/subject"), (#""x":"1","y":"2","x":"3""#, "/x"),
    ])
    func aNameSpeltInTwoWaysIsUsedTwice(members: String, pointer: String) {
        let error = Self.error { try Decoding().structured(event(members)) }
        #expect(error?.reason == .duplicateName)
        #expect(error?.pointer == pointer)
    }

    /// Nearly all events are accepted at first sight; a member that is null sends them through every rule.
    @Test(arguments: [
        "", #""data":{"a":[1]}"#, #""time":"2026-11-23T13:17:43Z","subject":"x""#, #""abc":"","data":"y""#,
        #""x1":"é\u00e9""#,
        #""a":"1","b":"2","n":-7,"t":true"#,
        #""datacontenttype":"text/plain","dataschema":"urn:x","data_base64":"AAEC""#,
    ])
    func whatIsAcceptedAtFirstSightIsWhatTheRulesAccept(members: String) throws {
        let decoding = Decoding()
        try decoding.structured(event(members))
        try decoding.structured(event([members, #""gone":null"#].filter { !$0.isEmpty }.joined(separator: ",")))
        let records = decoding.records
        #expect(records[0].isValid && records[1].isValid)
        #expect(records[0].canonical == records[1].canonical)
        #expect(records[0].attributes == records[1].attributes)
        #expect(records[0].data == records[1].data && records[0].key == records[1].key)
    }

    @Test(arguments: [
        #""time":"now""#, #""subject":"""#, #""ABC":"1""#, #""datacontenttype":"a\u0001""#, "\"x\":\"\u{7F}\"",
        #""n":1.5"#,
        #""dataschema":"""#,
    ])
    func whatIsWrongIsRefusedBesideWhatIsPlainlyRightOrNot(members: String) {
        let alone = Self.error { try Decoding().structured(event(members)) }
        let beside = Self.error { try Decoding().structured(event(#""gone":null,"# + members)) }
        #expect(alone != nil && alone == beside)
    }
}
