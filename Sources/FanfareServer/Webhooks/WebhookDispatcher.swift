import FanfareBase
import FanfareLog
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

    mutating func install(_ installation: WebhookInstallation, _ shard: Shard) {}
    mutating func remove(_ number: SubscriptionNumber, _ shard: Shard) {}
    mutating func pause(_ number: SubscriptionNumber, _ shard: Shard) {}
    mutating func resume(_ number: SubscriptionNumber, _ shard: Shard) {}
}
