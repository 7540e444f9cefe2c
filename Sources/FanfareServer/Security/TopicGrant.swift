/// A topic pattern as a right: which topics and patterns lie wholly inside it.
package struct TopicGrant: Sendable, Hashable {
    private let tokens: [Substring]

    /// The right to what `pattern` matches; nil when it is no pattern.
    package init?(_ pattern: String) {
        guard Self.isPattern(pattern) else { return nil }
        tokens = pattern.split(separator: ".", omittingEmptySubsequences: false)
    }

    /// Whether everything that `pattern` (or a topic, which is a pattern without wildcards) matches is matched by this
    /// one too. False for a text that is neither.
    ///
    /// Only a pattern that spells out `fanfare` matches the service's own topics, so `>` does not cover `fanfare.>`.
    package func covers(_ pattern: String) -> Bool {
        guard Self.isPattern(pattern) else { return false }
        let wanted = pattern.split(separator: ".", omittingEmptySubsequences: false)
        if wanted[0] == "fanfare", tokens[0] != "fanfare" { return false }
        for (index, token) in tokens.enumerated() {
            guard index < wanted.count else { return false }
            if token == ">" { return true }
            if wanted[index] == ">" { return false }
            if token != "*", token != wanted[index] { return false }
        }
        return tokens.count == wanted.count
    }

    /// Whether `text` is 1 to 16 tokens joined by `.`, each `[A-Za-z0-9_-]{1,64}`, `*`, or at the end `>`.
    package static func isPattern(_ text: String) -> Bool {
        let tokens = text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard (1...16).contains(tokens.count) else { return false }
        for (index, token) in tokens.enumerated() {
            if token.elementsEqual("*".utf8) { continue }
            if token.elementsEqual(">".utf8), index == tokens.count - 1 { continue }
            guard (1...64).contains(token.count), token.allSatisfy(isTopicCharacter) else { return false }
        }
        return true
    }

    private static func isTopicCharacter(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "_"), UInt8(ascii: "-"): true
        default: false
        }
    }
}
