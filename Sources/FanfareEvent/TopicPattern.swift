import FanfareBase

/// Which topics are wanted: a topic in which `*` stands for any one token and a final `>` for one or more.
///
/// Topics of the service's own (those under `fanfare.`) are matched only by patterns that spell out `fanfare`.
package struct TopicPattern: Hashable, Sendable, CustomStringConvertible {
    /// The text's UTF-8, valid by construction.
    let bytes: [UInt8]

    /// The pattern `text`.
    package init(_ text: some StringProtocol) throws(TopicError) {
        bytes = Array(text.utf8)
        try Topic.validateTokens(bytes.span, wildcards: true)
    }

    /// The text.
    package var text: String { String(decoding: bytes, as: UTF8.self) }

    package var description: String { text }

    /// Whether it asks for the service's own topics.
    package var isReserved: Bool { Topic.isReserved(bytes.span) }

    /// Whether `topic`, a valid topic, is one of those wanted.
    package func matches(_ topic: Span<UInt8>) -> Bool {
        let pattern = bytes.span
        if Topic.isReserved(topic) && !isReserved { return false }
        var at = 0
        for index in 0..<pattern.count {
            switch pattern[index] {
            case UInt8(ascii: "*"):
                guard at < topic.count else { return false }
                while at < topic.count, topic[at] != UInt8(ascii: ".") { at &+= 1 }
            case UInt8(ascii: ">"):
                return at < topic.count
            default:
                guard at < topic.count, topic[at] == pattern[index] else { return false }
                at &+= 1
            }
        }
        return at == topic.count
    }

    /// Whether every topic that `other` wants is wanted by this pattern too: what a right has to say about a request.
    package func covers(_ other: TopicPattern) -> Bool {
        if other.isReserved != isReserved { return false }
        let ours = bytes.split(separator: UInt8(ascii: "."))
        let theirs = other.bytes.split(separator: UInt8(ascii: "."))
        for (index, token) in ours.enumerated() {
            guard index < theirs.count else { return false }
            if token == [UInt8(ascii: ">")] { return true }
            if theirs[index] == [UInt8(ascii: ">")] { return false }
            if token != [UInt8(ascii: "*")] && token != theirs[index] { return false }
        }
        return ours.count == theirs.count
    }
}
