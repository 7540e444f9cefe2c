import FanfareBase

/// What is wrong with a topic or pattern.
package enum TopicError: Error, Hashable, Sendable, CustomStringConvertible {
    /// There is no text.
    case empty
    /// Two dots beside each other, or one at an end.
    case emptyToken
    /// A token longer than `EventLimits.topicTokenBytesMax`.
    case tokenTooLong
    /// More than `EventLimits.topicTokensMax` tokens.
    case tooManyTokens
    /// A byte that is no letter, digit, `_` or `-` (in a pattern: nor a wildcard that is a whole token).
    case character(UInt8)
    /// A `*` or `>` beside other characters of a token.
    case wildcardInToken
    /// A `>` that is not the last token.
    case tailNotLast

    package var description: String {
        switch self {
        case .empty: "is empty"
        case .emptyToken: "has an empty token (a dot at an end, or two beside each other)"
        case .tokenTooLong: "has a token of more than \(EventLimits.topicTokenBytesMax) characters"
        case .tooManyTokens: "has more than \(EventLimits.topicTokensMax) tokens"
        case .character(let byte):
            "has \(Self.words(for: byte)) where only A-Z a-z 0-9 _ - and dots between tokens may be"
        case .wildcardInToken: "has a wildcard inside a token; * and > stand for whole tokens"
        case .tailNotLast: "has > before its last token"
        }
    }

    private static func words(for byte: UInt8) -> String {
        switch byte {
        case 0x20: "a space"
        case 0x21...0x7E: "'\(Character(Unicode.Scalar(byte)))'"
        default: "the byte 0x\(String(byte, radix: 16, uppercase: true))"
        }
    }
}

/// Where an event is published: 1 to 16 tokens of `[A-Za-z0-9_-]{1,64}` joined by dots.
package struct Topic: Hashable, Sendable, CustomStringConvertible {
    /// The text.
    package let text: String

    /// The topic `text`.
    package init(_ text: String) throws(TopicError) {
        let bytes = Array(text.utf8)
        try Self.validate(bytes.span)
        self.text = text
    }

    package var description: String { text }

    /// The tokens that belong to the service begin with this one.
    static let reservedToken: StaticString = "fanfare"

    /// Throws unless `bytes` are a topic.
    package static func validate(_ bytes: Span<UInt8>) throws(TopicError) {
        guard !bytes.isEmpty else { throw .empty }
        var tokens = 1
        var start = 0
        while true {
            let end = tokenEnd(bytes, start)
            // What is wrong is found out, and said, by the grammar of all.
            guard end > start, end &- start <= EventLimits.topicTokenBytesMax, tokens <= EventLimits.topicTokensMax
            else { return try validateTokens(bytes, wildcards: false) }
            if end == bytes.count { return }
            guard bytes[end] == UInt8(ascii: ".") else { return try validateTokens(bytes, wildcards: false) }
            start = end &+ 1
            tokens &+= 1
        }
    }

    /// Whether a topic (or pattern) lies under `fanfare.`: the service's own.
    package static func isReserved(_ bytes: Span<UInt8>) -> Bool {
        bytes.count > reservedToken.utf8CodeUnitCount && isAtOrBelow(reservedToken, bytes)
    }

    /// Whether the first tokens of `bytes` are those of `tokens`.
    static func isAtOrBelow(_ tokens: StaticString, _ bytes: Span<UInt8>) -> Bool {
        let count = tokens.utf8CodeUnitCount
        guard bytes.count >= count, bytes.count == count || bytes[count] == UInt8(ascii: ".") else { return false }
        return equals(bytes.extracting(first: count), tokens)
    }

    /// The grammar of topics and, with `wildcards`, of patterns.
    static func validateTokens(_ bytes: Span<UInt8>, wildcards: Bool) throws(TopicError) {
        guard !bytes.isEmpty else { throw .empty }
        var tokens = 1
        var start = 0
        for index in 0..<bytes.count {
            let byte = bytes[index]
            if byte == UInt8(ascii: ".") {
                guard index > start else { throw .emptyToken }
                tokens += 1
                guard tokens <= EventLimits.topicTokensMax else { throw .tooManyTokens }
                start = index + 1
            } else if wildcards, byte == UInt8(ascii: "*") || byte == UInt8(ascii: ">") {
                let isWhole = index == start && (index + 1 == bytes.count || bytes[index + 1] == UInt8(ascii: "."))
                guard isWhole else { throw .wildcardInToken }
                guard byte == UInt8(ascii: "*") || index + 1 == bytes.count else { throw .tailNotLast }
            } else {
                guard isTokenCharacter(byte) else { throw .character(byte) }
                guard index - start < EventLimits.topicTokenBytesMax else { throw .tokenTooLong }
            }
        }
        guard start < bytes.count else { throw .emptyToken }
    }

    @inline(__always)
    private static func isTokenCharacter(_ byte: UInt8) -> Bool {
        let letter = byte | 0x20
        return letter >= UInt8(ascii: "a") && letter <= UInt8(ascii: "z") || byte &- UInt8(ascii: "0") <= 9
            || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
    }
}
