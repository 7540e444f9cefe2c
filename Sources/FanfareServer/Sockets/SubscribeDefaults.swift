/// Where a subscriber begins and what is done when it falls behind: as its first `subscribe` says, else as its URL does, else
/// as is usual.
final class SubscribeDefaults {
    /// Where it begins.
    let start: StartPoint
    /// What is done when it falls behind.
    let slowPolicy: Subscriber.SlowPolicy

    /// What `from` and `slow` say; what is nil is as `otherwise` has it.
    init(from: String?, slow: String?, otherwise: SubscribeDefaults? = nil) throws(Shard.SubscribeError) {
        if let from {
            guard let start = StartPoint(from) else {
                throw Shard.SubscribeError(title: "invalid-from", detail: "\"from\" must be \(StartPoint.allowed).")
            }
            self.start = start
        } else {
            start = otherwise?.start ?? .latest
        }
        if let slow {
            guard let policy = Subscriber.SlowPolicy(rawValue: slow) else {
                throw Shard.SubscribeError(title: "invalid-slow", detail: "\"slow\" must be catch_up, skip or close.")
            }
            slowPolicy = policy
        } else {
            slowPolicy = otherwise?.slowPolicy ?? .catchUp
        }
    }

    /// Whether it says nothing that would not hold anyway.
    var isUsual: Bool { start == .latest && slowPolicy == .catchUp }
}
