/// Where something is in a text: what an editor's status line shows.
package struct JSONLocation: Hashable, Sendable, CustomStringConvertible {
    /// Bytes before it.
    package var offset: Int
    /// Line, from 1. LF, CR and CRLF end lines.
    package var line: Int
    /// Character (Unicode scalar) in the line, from 1.
    package var column: Int

    /// A place.
    package init(offset: Int, line: Int, column: Int) {
        self.offset = offset
        self.line = line
        self.column = column
    }

    /// The start of a text.
    package static var start: Self { Self(offset: 0, line: 1, column: 1) }

    /// The place of byte `offset` of `bytes`: one pass over what is before it.
    package init(of offset: Int, in bytes: [UInt8]) {
        self = .start
        advance(to: offset, in: bytes)
    }

    package var description: String { "line \(line), column \(column)" }

    /// Moves to `target`, which is not before this place, counting lines and characters on the way.
    package mutating func advance(to target: Int, in bytes: [UInt8]) {
        let end = min(target, bytes.count)
        while offset < end {
            let byte = bytes[offset]
            offset += 1
            let endsLine =
                byte == UInt8(ascii: "\n")
                || byte == UInt8(ascii: "\r") && !(offset < bytes.count && bytes[offset] == UInt8(ascii: "\n"))
            if endsLine {
                line += 1
                column = 1
            } else if byte & 0xC0 != 0x80 {
                column += 1
            }
        }
    }
}

/// Why a text is not JSON (RFC 8259), or not JSON this service takes.
package struct JSONSyntaxError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Where.
    package var location: JSONLocation
    /// What is there, in words.
    package var found: String
    /// What could have been there, in words.
    package var expected: String

    /// An error at `location`.
    package init(location: JSONLocation, found: String, expected: String) {
        self.location = location
        self.found = found
        self.expected = expected
    }

    package var description: String { "\(location): found \(found), expected \(expected)" }

    /// What is at `offset` of valid UTF-8, in words.
    package static func words(for bytes: [UInt8], at offset: Int) -> String {
        guard offset < bytes.count else { return "the end of the text" }
        switch bytes[offset] {
        case UInt8(ascii: "\n"), UInt8(ascii: "\r"): return "the end of the line"
        case UInt8(ascii: "\t"): return "a tab"
        case 0..<0x20, 0x7F: return "the control character 0x\(String(bytes[offset], radix: 16, uppercase: true))"
        default:
            let scalar = String(decoding: bytes[offset..<min(offset + 4, bytes.count)], as: UTF8.self).unicodeScalars.first
            return "'\(scalar ?? "\u{FFFD}")'"
        }
    }
}

/// A number as it is spelt; what it means is the reader's decision.
package struct JSONNumber: Hashable, Sendable {
    /// The source text.
    package var text: String
    /// Spelt without fraction and exponent.
    package var isInteger: Bool

    /// The value of an integer that fits, else nil.
    package var integer: Int? { isInteger ? Int(text) : nil }
    /// The nearest double; infinite when out of range.
    package var double: Double { Double(text) ?? .nan }
}

/// One value of a JSON text with its place in it.
package struct JSONValue: Hashable, Sendable {
    /// What a value can be.
    package enum Content: Hashable, Sendable {
        /// `null`.
        case null
        /// `true` or `false`.
        case boolean(Bool)
        /// A number, as spelt.
        case number(JSONNumber)
        /// A string, unescaped.
        case string(String)
        /// An array.
        case array([JSONValue])
        /// An object.
        case object(JSONObject)
    }

    /// The value itself.
    package var content: Content
    /// Its first character.
    package var location: JSONLocation
    /// Its bytes in the source, from the first character to after the last.
    package var range: Range<Int>

    /// The string, or nil when it is something else.
    package var string: String? { if case .string(let text) = content { text } else { nil } }
    /// The boolean, or nil when it is something else.
    package var boolean: Bool? { if case .boolean(let flag) = content { flag } else { nil } }
    /// The number, or nil when it is something else.
    package var number: JSONNumber? { if case .number(let number) = content { number } else { nil } }
    /// The elements, or nil when it is something else.
    package var array: [JSONValue]? { if case .array(let elements) = content { elements } else { nil } }
    /// The object, or nil when it is something else.
    package var object: JSONObject? { if case .object(let object) = content { object } else { nil } }
    /// Whether it is `null`.
    package var isNull: Bool { content == .null }

    /// What it is, for error messages: "an object", "the string \"x\"", "the number 1.5".
    package var summary: String {
        switch content {
        case .null: "null"
        case .boolean(let flag): flag ? "true" : "false"
        case .number(let number): "the number \(number.text)"
        case .string(let text): "the string \"\(text.prefix(64))\""
        case .array: "an array"
        case .object: "an object"
        }
    }
}

/// The members of a JSON object, in their order, duplicates included.
package struct JSONObject: Hashable, Sendable {
    /// One name and its value.
    package struct Member: Hashable, Sendable {
        /// The name, unescaped.
        package var name: String
        /// The name's opening quote.
        package var location: JSONLocation
        /// The value.
        package var value: JSONValue
    }

    /// All of them, as in the source.
    package var members: [Member] = []

    /// The value of the first member called `name`.
    package subscript(_ name: String) -> JSONValue? { members.first { $0.name == name }?.value }
}

/// A whole JSON text as a tree in which every value knows its place: for configuration, API bodies and socket operations,
/// never for events on the data path.
///
/// Strict RFC 8259, UTF-8 without a byte order mark. Beyond the grammar, refused are strings that are no Unicode (lone
/// surrogate escapes) and nesting deeper than the caller's limit.
package struct JSONDocument: Sendable {
    /// Two members of one object with the same name; the grammar allows it, most readers should not.
    package struct Duplicate: Hashable, Sendable {
        /// Where the member is.
        package var pointer: JSONPointer
        /// The name of the later member.
        package var location: JSONLocation
        /// The name of the first one.
        package var first: JSONLocation
    }

    /// Nesting of arrays and objects taken when the caller names no limit; deeper text is refused, because the tree is
    /// walked recursively.
    package static let depthMax = 128

    /// The value that the text is.
    package let root: JSONValue
    /// Every repeated name, in the order of the source.
    package let duplicates: [Duplicate]

    /// Parses `bytes`.
    ///
    /// - Throws: The first thing that is wrong.
    package init(_ bytes: [UInt8], depthMax: Int = Self.depthMax) throws(JSONSyntaxError) {
        var parser = JSONParser(bytes, depthMax: depthMax)
        root = try parser.document()
        duplicates = parser.duplicates
    }

    /// Parses the UTF-8 of `text`.
    package init(_ text: String, depthMax: Int = Self.depthMax) throws(JSONSyntaxError) {
        try self.init(Array(text.utf8), depthMax: depthMax)
    }
}
