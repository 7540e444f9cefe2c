import FanfareBase
import FanfareEvent

/// Which topics a cursor wants, so that what holds none of them need not be read.
struct TopicSelection {
    /// The patterns; an event is wanted when one of them matches its topic.
    let patterns: [TopicPattern]
    /// The same for the same patterns: cursors that want the same share what was found out about a segment.
    let key: String

    /// The selection of `patterns`; nil when it leaves out nothing worth knowing.
    init?(_ patterns: [TopicPattern]) {
        let texts = Set(patterns.map(\.text)).sorted()
        guard !texts.isEmpty, !texts.contains(">") else { return nil }
        self.patterns = patterns
        key = texts.joined(separator: " ")
    }

    /// Whether an event of `topic` may be wanted.
    func matches(_ topic: UnsafeRawBufferPointer) -> Bool {
        let span = unsafe topic.bindMemory(to: UInt8.self).span
        return patterns.contains { $0.matches(span) }
    }
}
