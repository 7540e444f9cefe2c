import FanfareBase

/// Checks that bytes are JSON (RFC 8259) in one pass without building anything, and says where values begin and end.
///
/// Everything the grammar allows is accepted: numbers of any size, lone surrogate escapes, repeated names. The bytes are
/// known to be UTF-8. Nesting is kept in bits, not on the stack. Every access is bounds-checked.
struct JSONScanner {
    /// Where the text stops being JSON, and what could have been there.
    struct Failure: Error {
        var offset: Int
        var expected: Expected
    }

    /// What could have been there.
    enum Expected: String {
        case value = "a value"
        case memberName = "a member's name in quotes"
        case colon = "':'"
        case commaOrBrace = "',' or '}'"
        case commaOrBracket = "',' or ']'"
        case digit = "a digit"
        case restOfString = "the rest of the string; control characters are escaped"
        case escape = "an escape: one of \" \\ / b f n r t u"
        case hexDigit = "four hex digits"
        case end = "the end of the text"
        case lessDepth = "less nesting"
    }

    /// What a value is.
    enum Kind: UInt8 {
        case string, integer, fraction, boolean, null, object, array
    }

    /// What was found out about a value beside its end.
    struct Value {
        var kind: Kind
        var hasEscapes = false
    }

    /// The next byte to look at.
    var offset = 0
    /// A CR or LF was passed; valid JSON has them only between tokens.
    var passedLineBreak = false

    /// Passes one value that begins at `offset`, itself at nesting level `depth` (1 in a top-level object).
    mutating func value(_ bytes: Span<UInt8>, depth: Int) throws(Failure) -> Value {
        switch peek(bytes) {
        case UInt8(ascii: "{"):
            try nested(bytes, depth: depth)
            return Value(kind: .object)
        case UInt8(ascii: "["):
            try nested(bytes, depth: depth)
            return Value(kind: .array)
        default:
            return try scalar(bytes)
        }
    }

    /// Passes spaces, tabs and line ends.
    @inline(__always)
    mutating func space(_ bytes: Span<UInt8>) {
        while offset < bytes.count {
            let byte = bytes[offset]
            if byte > 0x20 { return }
            if byte == 0x0A || byte == 0x0D {
                passedLineBreak = true
            } else if byte != 0x20 && byte != 0x09 {
                return
            }
            offset &+= 1
        }
    }

    /// The byte at `offset`; 0, which is nowhere valid outside strings, at the end.
    @inline(__always)
    func peek(_ bytes: Span<UInt8>) -> UInt8 { offset < bytes.count ? bytes[offset] : 0 }

    /// Passes `byte` if it is next.
    @inline(__always)
    mutating func take(_ byte: UInt8, _ bytes: Span<UInt8>) -> Bool {
        guard offset < bytes.count, bytes[offset] == byte else { return false }
        offset &+= 1
        return true
    }

    /// Passes a member's name, the colon and the space around it.
    ///
    /// - Returns: Whether the name has escapes.
    @inline(__always)
    mutating func name(_ bytes: Span<UInt8>) throws(Failure) -> (end: Int, hasEscapes: Bool) {
        guard peek(bytes) == UInt8(ascii: "\"") else { throw failure(.memberName) }
        let hasEscapes = try string(bytes)
        let end = offset
        space(bytes)
        guard take(UInt8(ascii: ":"), bytes) else { throw failure(.colon) }
        space(bytes)
        return (end, hasEscapes)
    }

    func failure(_ expected: Expected) -> Failure { Failure(offset: offset, expected: expected) }

    /// Passes an array or object and everything in it. Bit n of `levels` says whether level n is an object.
    private mutating func nested(_ bytes: Span<UInt8>, depth outer: Int) throws(Failure) {
        var levels = InlineArray<8, UInt64>(repeating: 0)
        var depth = outer
        repeat {
            // At the first byte of a value.
            let byte = peek(bytes)
            if byte == UInt8(ascii: "{") || byte == UInt8(ascii: "[") {
                guard depth < EventLimits.depthMax else { throw failure(.lessDepth) }
                let isObject = byte == UInt8(ascii: "{")
                let bit = UInt64(1) << UInt64(depth & 63)
                levels[depth >> 6] = isObject ? levels[depth >> 6] | bit : levels[depth >> 6] & ~bit
                depth &+= 1
                offset &+= 1
                space(bytes)
                if take(isObject ? UInt8(ascii: "}") : UInt8(ascii: "]"), bytes) {
                    depth &-= 1
                } else {
                    if isObject { _ = try name(bytes) }
                    continue
                }
            } else {
                _ = try scalar(bytes)
            }
            // After a value: close levels until one goes on.
            while depth > outer {
                let isObject = levels[(depth &- 1) >> 6] >> UInt64((depth &- 1) & 63) & 1 == 1
                space(bytes)
                if take(UInt8(ascii: ","), bytes) {
                    space(bytes)
                    if isObject { _ = try name(bytes) }
                    break
                }
                guard take(isObject ? UInt8(ascii: "}") : UInt8(ascii: "]"), bytes) else {
                    throw failure(isObject ? .commaOrBrace : .commaOrBracket)
                }
                depth &-= 1
            }
        } while depth > outer
    }

    @inline(__always)
    private mutating func scalar(_ bytes: Span<UInt8>) throws(Failure) -> Value {
        let byte = peek(bytes)
        if byte == UInt8(ascii: "\"") { return Value(kind: .string, hasEscapes: try string(bytes)) }
        if byte &- UInt8(ascii: "0") <= 9 || byte == UInt8(ascii: "-") { return Value(kind: try number(bytes)) }
        switch byte {
        case UInt8(ascii: "t"): return try word("true", .boolean, bytes)
        case UInt8(ascii: "f"): return try word("false", .boolean, bytes)
        case UInt8(ascii: "n"): return try word("null", .null, bytes)
        default: throw failure(.value)
        }
    }

    private mutating func word(_ text: StaticString, _ kind: Kind, _ bytes: Span<UInt8>) throws(Failure) -> Value {
        let end = offset + text.utf8CodeUnitCount
        guard end <= bytes.count, equals(bytes.extracting(offset..<end), text) else { throw failure(.value) }
        offset = end
        return Value(kind: kind)
    }

    /// `-? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?`
    private mutating func number(_ bytes: Span<UInt8>) throws(Failure) -> Kind {
        _ = take(UInt8(ascii: "-"), bytes)
        if !take(UInt8(ascii: "0"), bytes) { try digits(bytes) }
        var kind = Kind.integer
        if take(UInt8(ascii: "."), bytes) {
            kind = .fraction
            try digits(bytes)
        }
        if peek(bytes) | 0x20 == UInt8(ascii: "e") {
            kind = .fraction
            offset &+= 1
            if !take(UInt8(ascii: "+"), bytes) { _ = take(UInt8(ascii: "-"), bytes) }
            try digits(bytes)
        }
        return kind
    }

    @inline(__always)
    private mutating func digits(_ bytes: Span<UInt8>) throws(Failure) {
        let start = offset
        while peek(bytes) &- UInt8(ascii: "0") <= 9 { offset &+= 1 }
        if offset == start { throw failure(.digit) }
    }

    /// Passes a string from its opening to after its closing quote, sixteen bytes at a time.
    ///
    /// - Returns: Whether it has escapes.
    @inline(__always)
    mutating func string(_ bytes: Span<UInt8>) throws(Failure) -> Bool {
        var position = offset &+ 1
        var hasEscapes = false
        while true {
            position = plainTextEnd(bytes, position, bytes.count)
            let byte = position < bytes.count ? bytes[position] : 0
            if byte == UInt8(ascii: "\"") {
                offset = position &+ 1
                return hasEscapes
            }
            offset = position
            guard byte == UInt8(ascii: "\\") else { throw failure(.restOfString) }
            hasEscapes = true
            try escape(bytes)
            position = offset
        }
    }

    private mutating func escape(_ bytes: Span<UInt8>) throws(Failure) {
        offset &+= 1
        switch peek(bytes) {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            offset &+= 1
        case UInt8(ascii: "u"):
            offset &+= 1
            for _ in 0..<4 {
                guard hexDigit(peek(bytes)) != nil else { throw failure(.hexDigit) }
                offset &+= 1
            }
        default: throw failure(.escape)
        }
    }
}

/// The value of a hex digit.
@inline(__always)
func hexDigit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
}
