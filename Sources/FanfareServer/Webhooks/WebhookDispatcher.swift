import FanfareBase
import FanfareRing

/// The webhook subscriptions of one shard.
struct WebhookDispatcher {
    /// Set in the slots of members that are webhook subscriptions, not connections.
    static let memberBit: UInt32 = 1 << 31

    /// Nothing is in flight.
    var isIdle: Bool { true }

    mutating func dispatch(_ shard: Shard) {}
    mutating func visited(member: UInt32, _ shard: Shard) {}
    mutating func blockArrived(slot: UInt32, failed: Bool, _ shard: Shard) {}
    mutating func timerFired(slot: UInt32, _ shard: Shard) {}
    mutating func connectCompleted(_ completion: Completion, _ shard: Shard) {}
}
