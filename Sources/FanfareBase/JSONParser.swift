/// The recursive-descent parser behind `JSONDocument`; one use per text.
struct JSONParser {
    private let bytes: [UInt8]
    private let depthMax: Int
    /// The root's member that someone else reads, and whether it is being parsed.
    private let verbatim: String?
    private var isVerbatim = false
    private var offset = 0
    private var depth = 0
    private var pointer = JSONPointer.root
    /// The last place that was located; places are asked for in the order of the text, so counting goes on from here.
    private var mark = JSONLocation.start

    /// Repeated names found so far.
    private(set) var duplicates: [JSONDocument.Duplicate] = []

    init(_ bytes: [UInt8], depthMax: Int, verbatim: String? = nil) {
        self.bytes = bytes
        self.depthMax = depthMax
        self.verbatim = verbatim
    }

    mutating func document() throws(JSONSyntaxError) -> JSONValue {
        try requireUTF8()
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) {
            throw failure(found: "a byte order mark", expected: "JSON without one")
        }
        skipSpace()
        let root = try value()
        skipSpace()
        if offset < bytes.count { throw failure(expected: "the end of the text") }
        return root
    }

    private func requireUTF8() throws(JSONSyntaxError) {
        do throws(UTF8.ValidationError) {
            _ = try UTF8Span(validating: bytes.span)
        } catch {
            throw failure(at: error.byteOffsets.lowerBound, found: "bytes that are not UTF-8", expected: "UTF-8")
        }
    }

    private mutating func value() throws(JSONSyntaxError) -> JSONValue {
        guard let first = peek else { throw failure(expected: "a value") }
        let location = locate()
        let content: JSONValue.Content
        switch first {
        case UInt8(ascii: "{"): content = .object(try object())
        case UInt8(ascii: "["): content = .array(try array())
        case UInt8(ascii: "\""): content = .string(try string())
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): content = .number(try number())
        case UInt8(ascii: "t"): content = try word("true", .boolean(true))
        case UInt8(ascii: "f"): content = try word("false", .boolean(false))
        case UInt8(ascii: "n"): content = try word("null", .null)
        default: throw failure(expected: "a value")
        }
        return JSONValue(content: content, location: location, range: location.offset..<offset)
    }

    /// Goes one level down, over the opening bracket; `leave` comes back.
    private mutating func enter() throws(JSONSyntaxError) {
        guard depth < depthMax else {
            throw failure(found: "nesting deeper than \(depthMax)", expected: "at most \(depthMax) levels")
        }
        depth += 1
        offset += 1
        skipSpace()
    }

    private mutating func leave(to outer: JSONPointer) {
        depth -= 1
        pointer = outer
    }

    private mutating func object() throws(JSONSyntaxError) -> JSONObject {
        var object = JSONObject()
        var firsts: [String: JSONLocation] = [:]
        let here = pointer
        try enter()
        defer { leave(to: here) }
        if take("}") { return object }
        while true {
            guard peek == UInt8(ascii: "\"") else {
                throw failure(expected: object.members.isEmpty ? "a member's name or '}'" : "a member's name")
            }
            let location = locate()
            let name = try string()
            pointer = here.appending(name)
            if let first = firsts.updateValue(location, forKey: name) {
                duplicates.append(.init(pointer: pointer, location: location, first: first))
                firsts[name] = first
            }
            skipSpace()
            guard take(":") else { throw failure(expected: "':'") }
            skipSpace()
            if depth == 1 { isVerbatim = name == verbatim }
            object.members.append(.init(name: name, location: location, value: try value()))
            if depth == 1 { isVerbatim = false }
            skipSpace()
            if take("}") { break }
            guard take(",") else { throw failure(expected: "',' or '}'") }
            skipSpace()
        }
        return object
    }

    private mutating func array() throws(JSONSyntaxError) -> [JSONValue] {
        var elements: [JSONValue] = []
        let here = pointer
        try enter()
        defer { leave(to: here) }
        if take("]") { return elements }
        while true {
            pointer = here.appending(elements.count)
            elements.append(try value())
            skipSpace()
            if take("]") { break }
            guard take(",") else { throw failure(expected: "',' or ']'") }
            skipSpace()
        }
        return elements
    }

    private mutating func word(
        _ text: StaticString, _ content: JSONValue.Content
    ) throws(JSONSyntaxError) -> JSONValue.Content {
        let letters = Array("\(text)".utf8)
        guard bytes[offset...].starts(with: letters) else { throw failure(expected: "a value") }
        offset += letters.count
        return content
    }

    /// `-? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?`
    private mutating func number() throws(JSONSyntaxError) -> JSONNumber {
        let start = offset
        var isInteger = true
        _ = take("-")
        if !take("0") { try digits() }
        if take(".") {
            isInteger = false
            try digits()
        }
        if take("e") || take("E") {
            isInteger = false
            if !take("+") { _ = take("-") }
            try digits()
        }
        return JSONNumber(text: String(decoding: bytes[start..<offset], as: UTF8.self), isInteger: isInteger)
    }

    private mutating func digits() throws(JSONSyntaxError) {
        guard let first = peek, Self.isDigit(first) else { throw failure(expected: "a digit") }
        while let byte = peek, Self.isDigit(byte) { offset += 1 }
    }

    private static func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }

    private mutating func string() throws(JSONSyntaxError) -> String {
        offset += 1
        var text: [UInt8] = []
        while let byte = peek {
            switch byte {
            case UInt8(ascii: "\""):
                offset += 1
                return String(decoding: text, as: UTF8.self)
            case UInt8(ascii: "\\"):
                text.append(contentsOf: UTF8.encode(try escape()) ?? UTF8.encodedReplacementCharacter)
            case 0..<0x20:
                throw failure(expected: "the string to go on; control characters are escaped")
            default:
                text.append(byte)
                offset += 1
            }
        }
        throw failure(expected: "the closing quote of the string")
    }

    private mutating func escape() throws(JSONSyntaxError) -> Unicode.Scalar {
        offset += 1
        guard let letter = peek else { throw failure(expected: "an escape") }
        if letter == UInt8(ascii: "u") { return try unicodeEscape() }
        guard let scalar = Self.escapes[letter] else {
            throw failure(expected: "an escape: one of \" \\ / b f n r t u")
        }
        offset += 1
        return scalar
    }

    private static let escapes: [UInt8: Unicode.Scalar] = [
        UInt8(ascii: "\""): "\"", UInt8(ascii: "\\"): "\\", UInt8(ascii: "/"): "/", UInt8(ascii: "b"): "\u{8}",
        UInt8(ascii: "f"): "\u{C}", UInt8(ascii: "n"): "\n", UInt8(ascii: "r"): "\r", UInt8(ascii: "t"): "\t",
    ]

    /// After the backslash; a high surrogate takes the low one's escape with it.
    private mutating func unicodeEscape() throws(JSONSyntaxError) -> Unicode.Scalar {
        let start = offset - 1
        let first = try codeUnit()
        if let scalar = Unicode.Scalar(first) { return scalar }
        let end = offset
        if UTF16.isLeadSurrogate(first), take("\\") {
            if peek == UInt8(ascii: "u") {
                let second = try codeUnit()
                if UTF16.isTrailSurrogate(second) {
                    let value = 0x10000 + (UInt32(first) & 0x3FF) << 10 + UInt32(second) & 0x3FF
                    if let scalar = Unicode.Scalar(value) { return scalar }
                }
            }
        }
        if isVerbatim {
            offset = end
            return "\u{FFFD}"
        }
        throw failure(at: start, found: "half of a surrogate pair", expected: "a Unicode character")
    }

    private mutating func codeUnit() throws(JSONSyntaxError) -> UInt16 {
        offset += 1
        var unit: UInt16 = 0
        for _ in 0..<4 {
            guard let byte = peek, let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
                throw failure(expected: "four hex digits")
            }
            unit = unit << 4 | UInt16(digit)
            offset += 1
        }
        return unit
    }

    private var peek: UInt8? { offset < bytes.count ? bytes[offset] : nil }

    private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
        guard peek == UInt8(ascii: scalar) else { return false }
        offset += 1
        return true
    }

    private mutating func skipSpace() {
        while let byte = peek, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { offset += 1 }
    }

    private mutating func locate() -> JSONLocation {
        mark.advance(to: offset, in: bytes)
        return mark
    }

    private func failure(at place: Int? = nil, found: String? = nil, expected: String) -> JSONSyntaxError {
        let place = place ?? offset
        return JSONSyntaxError(
            location: JSONLocation(of: place, in: bytes), found: found ?? JSONSyntaxError.words(for: bytes, at: place),
            expected: expected)
    }
}
