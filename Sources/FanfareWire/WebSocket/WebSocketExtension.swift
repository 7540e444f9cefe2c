/// The grammar of `Sec-WebSocket-Extensions` (RFC 6455, section 9.1): a value that does not conform fails the handshake,
/// whether or not any of its extensions is known here.
enum WebSocketExtension {
    /// Whether each element of `value` is a name and parameters; an empty value has no element.
    static func areWellFormed(_ value: ByteView) -> Bool {
        for element in CommaList(value) where !isWellFormed(element) { return false }
        return true
    }

    /// `token *( ";" token [ "=" ( token / quoted-string ) ] )`, with blanks around each part.
    private static func isWellFormed(_ element: ByteView) -> Bool {
        var rest: ByteView? = element
        guard isToken(takePart(&rest)) else { return false }
        while rest != nil {
            let parameter = takePart(&rest)
            let equals = parameter.firstIndex(of: UInt8(ascii: "=")) ?? parameter.count
            guard isToken(parameter.slice(0..<equals).trimmed) else { return false }
            if equals < parameter.count, !isValue(parameter.slice(from: equals + 1).trimmed) { return false }
        }
        return true
    }

    /// Takes what comes before the next semicolon; nil remains when there is none.
    private static func takePart(_ rest: inout ByteView?) -> ByteView {
        guard let text = rest else { return .empty }
        let end = DelimitedText.firstUnquoted(UInt8(ascii: ";"), in: text)
        rest = end.map { text.slice(from: $0 + 1) }
        return text.slice(0..<(end ?? text.count)).trimmed
    }

    private static func isToken(_ text: ByteView) -> Bool {
        for index in 0..<text.count where !ASCII.isToken(text[index]) { return false }
        return !text.isEmpty
    }

    /// A token, or one in quotes: also what is quoted has to be a token once its escapes are undone.
    private static func isValue(_ text: ByteView) -> Bool {
        guard !text.isEmpty, text[0] == UInt8(ascii: "\"") else { return isToken(text) }
        guard text.count > 2, text[text.count - 1] == UInt8(ascii: "\"") else { return false }
        var token: [UInt8] = []
        var index = 1
        while index < text.count - 1 {
            if text[index] == UInt8(ascii: "\\") { index += 1 }
            token.append(text[index])
            index += 1
        }
        return index == text.count - 1 && token.withByteView(isToken)
    }
}
