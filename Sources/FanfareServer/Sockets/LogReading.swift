import FanfareBase
import FanfareEvent

/// How a subscriber reads the log, beside its cursor: what it looks for there, and where that begins.
///
/// Made when it begins to, with what it asked for; let go when it lives from memory again.
final class LogReading {
    /// Everything it asked for.
    var patterns: [TopicPattern] = [] { didSet { selection = TopicSelection(patterns) } }
    /// The same, for blocks that need not be read; nil when all are to be.
    private(set) var selection: TopicSelection?
    /// Events accepted earlier are passed over (`from` was a time).
    var notBefore = WallTime(nanoseconds: 0)
    /// It asked for the last so many events and does not know yet where they begin.
    var lastSearch: LastSearch?

    /// Whether it wants this event: the rule of those who read the log.
    func wants(_ record: EventRecord) -> Bool {
        if record.time < notBefore { return false }
        let topic = unsafe record.topic.bindMemory(to: UInt8.self).span
        return patterns.contains { $0.matches(topic) }
    }
}
