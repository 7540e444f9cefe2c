import FanfareBase
import FanfareEvent
import FanfareLog

/// Which durability a topic has: the first rule that matches, `synced` when none does.
struct DurabilityRules {
    private let rules: [(pattern: TopicPattern, durability: Durability)]
    /// What every topic has when the first rule matches all; nil when it has to be looked up.
    private let everywhere: Durability?

    /// The rules of a configuration, whose patterns have been checked.
    init(_ rules: [Configuration.TopicRule]) {
        self.rules = rules.map { rule in
            let pattern: TopicPattern
            do throws(TopicError) { pattern = try TopicPattern(rule.match) } catch {
                invariantFailure("the configuration's patterns were checked when it was read")
            }
            return (pattern, rule.durability == .synced ? .synced : .written)
        }
        everywhere = self.rules.first.map { $0.pattern.text == ">" ? $0.durability : nil } ?? .synced
    }

    /// The durability of events published on `topic`.
    func durability(of topic: UnsafeRawBufferPointer) -> Durability {
        if let everywhere { return everywhere }
        let span = unsafe topic.bindMemory(to: UInt8.self).span
        return rules.first { $0.pattern.matches(span) }?.durability ?? .synced
    }
}
