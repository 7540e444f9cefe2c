import FanfareEvent
import Testing

/// RFC 8259's grammar in the place where it matters, `data`; the names' first letters are those of JSONTestSuite
/// (Seriot, "Parsing JSON is a Minefield"): y has to be accepted, n refused.
struct JSONGrammarTests {
    static let accepted: [String: String] = [
        "y_array_arraysWithSpaces": "[[]   ]", "y_array_empty": "[]", "y_array_emptyString": #"[""]"#,
        "y_array_false": "[false]", "y_array_heterogeneous": #"[null, 1, "1", {}]"#, "y_array_null": "[null]",
        "y_array_trailingSpace": "[2] ", "y_array_lineBreaks": "[\n1\r\n]", "y_array_tabs": "\t[\t1\t]\t",
        "y_number_0e1": "[0e1]", "y_number_0ePlus1": "[0e+1]", "y_number_afterSpace": "[ 4]",
        "y_number_doubleCloseToZero": "[-0.000000000000000000000000000000000000000000000001]",
        "y_number_minusZero": "[-0]", "y_number_negativeOne": "[-1]", "y_number_realCapitalE": "[1E22]",
        "y_number_realExponent": "[123e45]", "y_number_huge": "[1e400]", "y_number_tiny": "[1e-400]",
        "y_number_hugeInteger": "[-123123123123123123123123123123]", "y_number_bigExponent": "[0.4e00669999999999999]",
        "y_number_simple": "[123.456789]", "y_number_realNegExp": "[1e-2]",
        "y_object_basic": #"{"asd":"sdf"}"#, "y_object_duplicatedKey": #"{"a":"b","a":"c"}"#, "y_object_empty": "{}",
        "y_object_emptyKey": #"{"":0}"#, "y_object_escapedNull": #"{"foo\u0000bar": 42}"#,
        "y_object_longStrings": #"{"x":[{"id": "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}]}"#,
        "y_object_withNewlines": "{\n\"a\": \"b\"\n}", "y_object_deepMix": #"{"a":[{"b":[{}]},[],{"c":[[{}]]}]}"#,
        "y_string_1234ByteSequences": #"["\u0060\u012a\u12AB"]"#, "y_string_allowedEscapes": #"["\"\\\/\b\f\n\r\t"]"#,
        "y_string_backslashAndU": #"["\\u0000"]"#, "y_string_comments": #"["a/*b*/c/*d//e"]"#,
        "y_string_del": "[\"\u{7F}\"]", "y_string_noncharacter": "[\"\u{FFFF}\"]", "y_string_loneLow": #"["\uDADA"]"#,
        "y_string_loneHigh": #"["\ud800"]"#, "y_string_invertedPair": #"["\udd1e\ud834"]"#,
        "y_string_pair": #"["\uD801\udc37"]"#, "y_string_nonCharacterEscape": #"["\uDBFF\uDFFE"]"#,
        "y_string_u2028": "[\"\u{2028}\u{2029}\"]", "y_string_utf8": "[\"€𝄞\"]",
        "y_string_unescapedBig": "[\"\u{10FFFF}\"]",
        "y_string_space": #"" ""#, "y_string_eightBytes": #""12345678""#, "y_string_sevenAndQuote": #""1234567""#,
        "y_string_escapeAtWordEnd": #""1234567\n12345678""#, "y_structure_lonelyFalse": "false",
        "y_structure_lonelyInt": "42", "y_structure_lonelyNegativeReal": "-0.1", "y_structure_lonelyNull": "null",
        "y_structure_lonelyString": #""asd""#, "y_structure_whitespaceArray": " [] ",
    ]

    static let refused: [String: String] = [
        "n_array_1TrueWithoutComma": "[1 true]", "n_array_colonInsteadOfComma": #"["": 1]"#,
        "n_array_commaAfterClose": #"[""],"#, "n_array_doubleComma": "[1,,2]", "n_array_doubleExtraComma": #"["x",,]"#,
        "n_array_extraClose": #"["x"]]"#, "n_array_extraComma": #"["",]"#, "n_array_incomplete": #"["x""#,
        "n_array_justComma": "[,]", "n_array_justMinus": "[-]", "n_array_missingValue": "[   , \"\"]",
        "n_array_innerNoComma": "[3[4]]", "n_array_star": "[*]", "n_array_unclosed": "[1,\n1\n,1",
        "n_array_closedByBrace": "[1}", "n_object_closedByBracket": #"{"a":1]"#,
        "n_incomplete_false": "[fals]", "n_incomplete_null": "[nul]", "n_incomplete_true": "[tru]",
        "n_number_plusPlus": "[++1234]", "n_number_plusOne": "[+1]", "n_number_minus01": "[-01]",
        "n_number_minus1.0.": "[-1.0.]",
        "n_number_minus2.": "[-2.]", "n_number_minusNaN": "[-NaN]", "n_number_.minus1": "[.-1]",
        "n_number_.2e3": "[.2e-3]",
        "n_number_0.1.2": "[0.1.2]", "n_number_0.3ePlus": "[0.3e+]", "n_number_0.e1": "[0.e1]",
        "n_number_0eMinus": "[0e-]",
        "n_number_1_000": "[1 000.0]", "n_number_1eE2": "[1eE2]", "n_number_hex": "[0x42]", "n_number_inf": "[Inf]",
        "n_number_infinity": "[Infinity]", "n_number_nan": "[NaN]", "n_number_expression": "[1+2]",
        "n_number_fullwidth": "[１]", "n_number_leadingZero": "[012]", "n_number_trailingLetter": "[1ea]",
        "n_number_withAlpha": "[1.2a-3]", "n_number_minusSpace": "[- 1]",
        "n_object_badValue": #"["x", truth]"#, "n_object_bracketKey": #"{[: "x"}"#,
        "n_object_commaInsteadOfColon": #"{"x", null}"#,
        "n_object_doubleColon": #"{"x"::"b"}"#, "n_object_garbageAtEnd": #"{"a":"a" 123}"#,
        "n_object_keyWithSingleQuotes": "{key: 'value'}", "n_object_missingColon": #"{"a" b}"#,
        "n_object_missingKey": #"{:"b"}"#,
        "n_object_missingSemicolon": #"{"a" "b"}"#, "n_object_missingValue": #"{"a":"#, "n_object_noColon": #"{"a"#,
        "n_object_nonStringKey": "{1:1}", "n_object_severalTrailingCommas": #"{"id":0,,,,,}"#,
        "n_object_singleQuote": "{'a':0}",
        "n_object_trailingComma": #"{"id":0,}"#, "n_object_trailingComment": #"{"a":"b"}/**/"#,
        "n_object_unquotedKey": #"{a: "b"}"#,
        "n_object_twoCommas": #"{"a":"b",,"c":"d"}"#, "n_string_1Surrogate1Escape": #"["\uD800\u"]"#,
        "n_string_surrogateEscape1": #"["\uD800\u1"]"#, "n_string_accentNoQuotes": "[é]",
        "n_string_escapeX": #"["\x00"]"#,
        "n_string_escapedControl": "[\"\\\t\"]", "n_string_escapedEmoji": "[\"\\🌀\"]",
        "n_string_incompleteEscape": #"["\"]"#,
        "n_string_incompleteUnicode": #"["\u00A"]"#, "n_string_invalidEscape": #"["\a"]"#,
        "n_string_capitalU": #"["\UA66D"]"#,
        "n_string_singleQuote": "['x']", "n_string_noClosing": "\"", "n_string_null": "[\"a\u{0}a\"]",
        "n_string_newline": "[\"new\nline\"]",
        "n_string_tab": "[\"\t\"]", "n_string_controlAtWordEnd": "\"1234567\u{1F}89\"", "n_structure_bom": "\u{FEFF}{}",
        "n_structure_empty": "", "n_structure_angle": "<.>", "n_structure_capitalTrue": "[True]",
        "n_structure_doubleArray": "[][]",
        "n_structure_formFeed": "[\u{C}]", "n_structure_noBreakSpace": "[\u{A0}]", "n_structure_loneClose": "]",
        "n_structure_wordJoiner": "[\u{2060}]", "n_structure_nullByte": "\u{0}", "n_structure_trueAndMore": "truex",
    ]

    @Test(arguments: accepted.sorted { $0.key < $1.key })
    func validDataIsAccepted(name: String, json: String) throws {
        for decode in Self.ways { try decode(json) }
    }

    @Test(arguments: refused.sorted { $0.key < $1.key })
    func invalidDataIsRefused(name: String, json: String) {
        for (index, decode) in Self.ways.enumerated() where index == 0 || !json.isEmpty {
            let error = #expect(throws: EventError.self) { try decode(json) }
            #expect(error?.reason == .syntax)
        }
    }

    /// Inside a structured event, and as a body of its own (where no bytes at all are no data).
    private static let ways: [@Sendable (String) throws -> Void] = [
        { try Decoding().structured(event("\"data\":\($0)")) },
        { try Decoding().plain("t", "application/json", Array($0.utf8)) },
    ]

    @Test func noControlCharacterStandsInAStringWhereverItStands() {
        for control in 0..<UInt8(0x20) {
            for place in 0..<24 {
                for member in ["data", "subject", "datacontenttype"] {
                    let decoding = Decoding()
                    var body = Array(#"{"specversion":"1.0","id":"1","source":"/","type":"t","\#(member)":"a/b"#.utf8)
                    body += [UInt8](repeating: UInt8(ascii: "c"), count: place) + [control]
                    body += Array(#"and then","more":"to make the text long"}"#.utf8)
                    #expect(throws: EventError.self, "\(control) at \(place) of \(member)") {
                        try decoding.structured(body)
                    }
                    #expect(decoding.staging.isEmpty)
                }
            }
        }
    }

    @Test func aStringEndsAtItsQuoteWhateverItsLengthAndWhatItHolds() throws {
        for piece in ["x", "é", #"\""#, #"\\"#, #"\n"#, "\u{7F}", #"\ud83d\ude00"#] {
            for before in 0..<40 {
                for after in [0, 1, 7, 8, 15, 16, 17, 33] {
                    let text = String(repeating: "a", count: before) + piece + String(repeating: "b", count: after)
                    let decoding = Decoding()
                    try decoding.structured(event("\"data\":\"\(text)\""))
                    #expect(decoding.records.map(\.data) == ["\"\(text)\""])
                    // Cut off behind the string, so that nothing follows that could be looked at by mistake.
                    try decoding.plain("t", "application/json", Array("\"\(text)\"".utf8))
                    #expect(decoding.records.last?.data == "\"\(text)\"")
                    let open = #expect(throws: EventError.self) {
                        try decoding.plain("t", "application/json", Array("\"\(text)".utf8))
                    }
                    #expect(open?.location?.offset == text.utf8.count + 1)
                }
            }
        }
    }
}
