/// Where something is in a text: what an editor's status line shows.
public struct JSONLocation: Hashable, Sendable, CustomStringConvertible {
    /// Bytes before it.
    public var offset: Int
    /// Line, from 1. LF, CR and CRLF end lines.
    public var line: Int
    /// Character (Unicode scalar) in the line, from 1.
    public var column: Int

    /// A place.
    public init(offset: Int, line: Int, column: Int) {
        self.offset = offset
        self.line = line
        self.column = column
    }

    /// The start of a text.
    public static var start: Self { Self(offset: 0, line: 1, column: 1) }

    /// The place of byte `offset` of `bytes`: one pass over what is before it.
    public init(of offset: Int, in bytes: [UInt8]) {
        self = .start
        advance(to: offset, in: bytes)
    }

    public var description: String { "line \(line), column \(column)" }

    /// Moves to `target`, which is not before this place, counting lines and characters on the way.
    public mutating func advance(to target: Int, in bytes: [UInt8]) {
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
public struct JSONSyntaxError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Where.
    public var location: JSONLocation
    /// What is there, in words.
    public var found: String
    /// What could have been there, in words.
    public var expected: String

    /// An error at `location`.
    public init(location: JSONLocation, found: String, expected: String) {
        self.location = location
        self.found = found
        self.expected = expected
    }

    public var description: String { "\(location): found \(found), expected \(expected)" }

    /// What is at `offset` of valid UTF-8, in words.
    public static func words(for bytes: [UInt8], at offset: Int) -> String {
        guard offset < bytes.count else { return "the end of the text" }
        switch bytes[offset] {
        case UInt8(ascii: "\n"), UInt8(ascii: "\r"): return "the end of the line"
        case UInt8(ascii: "\t"): return "a tab"
        case 0..<0x20, 0x7F: return "the control character 0x\(String(bytes[offset], radix: 16, uppercase: true))"
        default:
            let scalar = String(decoding: bytes[offset..<min(offset + 4, bytes.count)], as: UTF8.self).unicodeScalars
                .first
            return "'\(scalar ?? "\u{FFFD}")'"
        }
    }
}

/// A number as it is spelt; what it means is the reader's decision.
public struct JSONNumber: Hashable, Sendable {
    /// The source text.
    public var text: String
    /// Spelt without fraction and exponent.
    public var isInteger: Bool

    /// The value of an integer that fits, else nil.
    public var integer: Int? { isInteger ? Int(text) : nil }
    /// The nearest double; infinite when out of range.
    public var double: Double { Double(text) ?? .nan }
}

/// One value of a JSON text with its place in it.
public struct JSONValue: Hashable, Sendable {
    /// What a value can be.
    public enum Content: Hashable, Sendable {
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
    public var content: Content
    /// Its first character.
    public var location: JSONLocation
    /// Its bytes in the source, from the first character to after the last.
    public var range: Range<Int>

    /// The string, or nil when it is something else.
    public var string: String? { if case .string(let text) = content { text } else { nil } }
    /// The boolean, or nil when it is something else.
    public var boolean: Bool? { if case .boolean(let flag) = content { flag } else { nil } }
    /// The number, or nil when it is something else.
    public var number: JSONNumber? { if case .number(let number) = content { number } else { nil } }
    /// The elements, or nil when it is something else.
    public var array: [JSONValue]? { if case .array(let elements) = content { elements } else { nil } }
    /// The object, or nil when it is something else.
    public var object: JSONObject? { if case .object(let object) = content { object } else { nil } }
    /// Whether it is `null`.
    public var isNull: Bool { content == .null }

    /// What it is, for error messages: "an object", "the string \"x\"", "the number 1.5".
    public var summary: String {
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
public struct JSONObject: Hashable, Sendable {
    /// One name and its value.
    public struct Member: Hashable, Sendable {
        /// The name, unescaped.
        public var name: String
        /// The name's opening quote.
        public var location: JSONLocation
        /// The value.
        public var value: JSONValue
    }

    /// All of them, as in the source.
    public var members: [Member] = []

    /// The value of the first member called `name`.
    public subscript(_ name: String) -> JSONValue? { members.first { $0.name == name }?.value }
}

/// A whole JSON text as a tree in which every value knows its place: for configuration, API bodies and socket operations,
/// never for events on the data path.
///
/// Strict RFC 8259, UTF-8 without a byte order mark. Beyond the grammar, refused are strings that are no Unicode (lone
/// surrogate escapes) and nesting deeper than the caller's limit.
public struct JSONDocument: Sendable {
    /// Two members of one object with the same name; the grammar allows it, most readers should not.
    public struct Duplicate: Hashable, Sendable {
        /// Where the member is.
        public var pointer: JSONPointer
        /// The name of the later member.
        public var location: JSONLocation
        /// The name of the first one.
        public var first: JSONLocation
    }

    /// Nesting of arrays and objects taken when the caller names no limit; deeper text is refused, because the tree is
    /// walked recursively.
    public static let depthMax = 128

    /// The value that the text is.
    public let root: JSONValue
    /// Every repeated name, in the order of the source.
    public let duplicates: [Duplicate]

    /// Parses `bytes`.
    ///
    /// - Parameter verbatim: the member of the root object that someone else reads, from its bytes: in it lone surrogate
    ///   escapes are taken, as U+FFFD here.
    /// - Throws: The first thing that is wrong.
    public init(
        _ bytes: [UInt8], depthMax: Int = Self.depthMax, verbatim: String? = nil
    ) throws(JSONSyntaxError) {
        var parser = JSONParser(bytes, depthMax: depthMax, verbatim: verbatim)
        root = try parser.document()
        duplicates = parser.duplicates
    }

    /// Parses the UTF-8 of `text`.
    public init(_ text: String, depthMax: Int = Self.depthMax) throws(JSONSyntaxError) {
        try self.init(Array(text.utf8), depthMax: depthMax)
    }
}
