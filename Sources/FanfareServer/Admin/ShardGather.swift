import FanfareBase
import Synchronization

/// Administration across shards: doing something on another one, and asking all of them.
extension Shard {
    /// Does `body` on shard `number`: here and now when it is this one, else there, soon.
    func perform(on number: Int, _ body: @escaping @Sendable (Shard) -> Void) {
        if number == self.number { return body(self) }
        service.mail.send(.perform(ShardTask(body)), to: number, from: self)
    }

    /// Answers a request that may be another shard's.
    func deliver(_ answer: Answer, to address: ReplyAddress) {
        perform(on: address.shard) { $0.answer(address, answer) }
    }

    /// Asks every shard, and hands over what they said, by shard, when all have.
    func gather<Part: Sendable>(
        _ ask: @escaping @Sendable (Shard) -> Part, then finish: @escaping @Sendable ([Part], Shard) -> Void
    ) {
        let gathering = Gathering<Part>(count: service.shardCount)
        let asking = number
        for target in 0..<service.shardCount {
            perform(on: target) { shard in
                let part = ask(shard)
                shard.perform(on: asking) { shard in
                    if let parts = gathering.add(part, at: target) { finish(parts, shard) }
                }
            }
        }
    }
}

/// What the shards have said so far.
private final class Gathering<Part: Sendable>: Sendable {
    private let parts: Mutex<[Part?]>

    init(count: Int) { parts = Mutex(Array(repeating: nil, count: count)) }

    /// All of them, once nobody is missing.
    func add(_ part: Part, at index: Int) -> [Part]? {
        parts.withLock { parts in
            parts[index] = part
            let complete = parts.compactMap { $0 }
            return complete.count == parts.count ? complete : nil
        }
    }
}
