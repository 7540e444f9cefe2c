import FanfareBase
import Testing

/// Parsing, places, pointers; the grammar table is shared with nothing on purpose: the event decoder has its own.
struct JSONDocumentTests {
    @Test func everyValueKnowsItsPlace() throws {
        let source = "{\n  \"é\": [1, \"x\"],\r\n\t\"b\": {\"c\": null}\r}"
        let root = try JSONDocument(source).root
        let object = try #require(root.object)
        #expect(root.location == JSONLocation(offset: 0, line: 1, column: 1))
        #expect(root.range == 0..<source.utf8.count)
        #expect(object.members.map(\.name) == ["é", "b"])
        #expect(object.members[0].location == JSONLocation(offset: 4, line: 2, column: 3))
        #expect(object.members[0].value.location == JSONLocation(offset: 10, line: 2, column: 8))
        #expect(object.members[0].value.array?[1].location == JSONLocation(offset: 14, line: 2, column: 12))
        #expect(object.members[0].value.array?[1].range == 14..<17)
        #expect(object["b"]?.object?["c"]?.location == JSONLocation(offset: 33, line: 3, column: 13))
        #expect(object["b"]?.object?["c"]?.isNull == true)
    }

    @Test func numbersKeepTheirTextAndSayWhetherTheyAreIntegers() throws {
        let source =
            "[0, -0, 12, -9223372036854775808, 9223372036854775808, 1.0, 1e2, 1E+400, 123456789012345678901234567890]"
        let numbers = try #require(try JSONDocument(source).root.array).compactMap(\.number)
        #expect(numbers.map(\.text).joined(separator: ", ") == source.dropFirst().dropLast())
        #expect(numbers.map(\.isInteger) == [true, true, true, true, true, false, false, false, true])
        #expect(numbers.map(\.integer) == [0, 0, 12, .min, nil, nil, nil, nil, nil])
        #expect(numbers[5].double == 1 && numbers[6].double == 100 && numbers[7].double == .infinity)
    }

    @Test(arguments: [
        (#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{C}\n\r\t"),
        (#""\u0041\u00e9\u20AC""#, "Aé€"),
        (#""\ud83d\uDE00!""#, "😀!"),
        (#""\uFFFF\u0000""#, "\u{FFFF}\0"),
        ("\"é€😀\u{7F}\"", "é€😀\u{7F}"),
        ("\"\"", ""),
    ])
    func stringsAreUnescapedExactly(source: String, text: String) throws {
        #expect(try JSONDocument(source).root.string?.unicodeScalars.elementsEqual(text.unicodeScalars) == true)
    }

    @Test func repeatedNamesAreReportedAndKept() throws {
        let document = try JSONDocument(#"{"a":1,"b":[{"x~/y":1,"x~\/y":2,"x~/y":3}],"\u0061":2}"#)
        #expect(document.duplicates.map(\.pointer.text) == ["/b/0/x~0~1y", "/b/0/x~0~1y", "/a"])
        #expect(document.duplicates.map(\.first.offset) == [13, 13, 1])
        #expect(document.duplicates.map(\.location.offset) == [22, 32, 43])
        #expect(document.root.object?.members.count == 3)
    }

    @Test(arguments: [
        ("", 0, 1, 1, "the end of the text", "a value"),
        ("{", 1, 1, 2, "the end of the text", "a member's name or '}'"),
        ("{\"a\" 1}", 5, 1, 6, "'1'", "':'"),
        ("{\"a\":1,}", 7, 1, 8, "'}'", "a member's name"),
        ("{\"a\":1 \"b\":2}", 7, 1, 8, "'\"'", "',' or '}'"),
        ("[1,\n 2,\n]", 8, 3, 1, "']'", "a value"),
        ("[1 2]", 3, 1, 4, "'2'", "',' or ']'"),
        ("{'a':1}", 1, 1, 2, "'''", "a member's name or '}'"),
        ("// c\n1", 0, 1, 1, "'/'", "a value"),
        ("nul", 0, 1, 1, "'n'", "a value"),
        ("NaN", 0, 1, 1, "'N'", "a value"),
        ("01", 1, 1, 2, "'1'", "the end of the text"),
        ("-", 1, 1, 2, "the end of the text", "a digit"),
        ("+1", 0, 1, 1, "'+'", "a value"),
        ("1.", 2, 1, 3, "the end of the text", "a digit"),
        ("1.e1", 2, 1, 3, "'e'", "a digit"),
        ("1e+", 3, 1, 4, "the end of the text", "a digit"),
        ("\"é\n\"", 3, 1, 3, "the end of the line", "the string to go on; control characters are escaped"),
        ("\"\u{1}\"", 1, 1, 2, "the control character 0x1", "the string to go on; control characters are escaped"),
        ("\"a", 2, 1, 3, "the end of the text", "the closing quote of the string"),
        ("\"\\x\"", 2, 1, 3, "'x'", "an escape: one of \" \\ / b f n r t u"),
        ("\"\\u12G4\"", 5, 1, 6, "'G'", "four hex digits"),
        ("\"\\ud800\"", 1, 1, 2, "half of a surrogate pair", "a Unicode character"),
        ("\"\\udc00\\ud800\"", 1, 1, 2, "half of a surrogate pair", "a Unicode character"),
        ("\"\\ud800\\u0041\"", 1, 1, 2, "half of a surrogate pair", "a Unicode character"),
        ("1 é", 2, 1, 3, "'é'", "the end of the text"),
        ("\u{FEFF}1", 0, 1, 1, "a byte order mark", "JSON without one"),
    ])
    func badTextSaysWhereWhatAndWhatInstead(
        source: String, offset: Int, line: Int, column: Int, found: String, expected: String
    ) {
        let error = JSONSyntaxError(
            location: JSONLocation(offset: offset, line: line, column: column), found: found, expected: expected)
        #expect(throws: error) { try JSONDocument(source) }
    }

    @Test func invalidUTF8IsRefusedWhereItStarts() {
        let error = #expect(throws: JSONSyntaxError.self) { try JSONDocument([0x22, 0x0A, 0xC3, 0x28, 0x22]) }
        #expect(error?.location == JSONLocation(offset: 2, line: 2, column: 1))
        #expect(error?.found == "bytes that are not UTF-8")
    }

    @Test func nestingStopsAtTheLimitAndNotBefore() throws {
        let deep = String(repeating: "[", count: 8) + String(repeating: "]", count: 8)
        _ = try JSONDocument(deep, depthMax: 8)
        let error = #expect(throws: JSONSyntaxError.self) { try JSONDocument(deep, depthMax: 7) }
        #expect(error?.location.offset == 7)
        _ = try JSONDocument(
            String(repeating: "[", count: JSONDocument.depthMax) + String(repeating: "]", count: JSONDocument.depthMax))
    }

    @Test func aTextCutAtAnyByteIsRefused() {
        let source = Array(#"{"a":[1,-2.5e+3,true,false,null,"x\u00e9\ud83d\ude00"],"é":{"b":""}}"#.utf8)
        #expect(throws: Never.self) { try JSONDocument(source) }
        for count in 0..<source.count {
            #expect(throws: JSONSyntaxError.self, "cut at \(count)") { try JSONDocument(Array(source[..<count])) }
        }
    }

    @Test func writtenStringsReadBackAsTheyWere() throws {
        let text = (0..<0x80).map { String(Unicode.Scalar(UInt8($0))) }.joined() + "é€😀"
        var bytes: [UInt8] = []
        bytes.appendJSONString(text)
        #expect(try JSONDocument(bytes).root.string == text)
        #expect(!bytes.contains { $0 < 0x20 })
    }

    @Test func whatSomeoneElseReadsMayHoldLoneSurrogates() throws {
        let text = #"{"a":"x","event":{"b":["\ud800","\ud800\n","\udc00\ud83d\ude00"],"event":1},"c":"y"}"#
        let root = try JSONDocument(Array(text.utf8), verbatim: "event").root
        let strings = root.object?["event"]?.object?["b"]?.array?.compactMap(\.string)
        #expect(strings == ["\u{FFFD}", "\u{FFFD}\n", "\u{FFFD}\u{1F600}"])
        for wrong in [
            #"{"a":"\ud800","event":{}}"#, #"{"event":{},"a":"\udc00"}"#, #"{"a":{"event":"\ud800"}}"#,
            #"{"event":"\ud80"}"#, #"{"event":"\ud800\ud80"}"#, #"{"event":"\ud800\x"}"#, #"["event","\ud800"]"#,
        ] {
            #expect(throws: JSONSyntaxError.self) { try JSONDocument(Array(wrong.utf8), verbatim: "event") }
        }
    }
}
