import FanfareBase
import FanfareDelivery
import FanfareLog
import FanfareRing

/// How `limits.memory` is shared out: what each pool may take, and what is left for connections.
///
/// Invariant: the pools and the connections' share add up to `limits.memory`. Not in it: the program itself, what an idle
/// connection costs (under 1 KiB plain, 16 KiB with TLS), the kernel's socket buffers, the page cache.
struct MemoryPlan {
    /// A pool's share.
    struct Pool {
        /// What it holds.
        let name: String
        /// Bytes of it, all shards together.
        let bytes: Int
    }

    /// Every pool, the connections' not among them.
    let pools: [Pool]
    /// The sizes of a shard's fan-out.
    let fanout: FanoutLimits
    /// Bytes of requests, answers and unsent rests that one shard's connections may hold together.
    let connectionBytesPerShard: Int

    /// Shares out the memory of `limits` among so many shards.
    init(_ limits: Configuration.LimitSettings, shards: Int) {
        let memory = limits.memoryBytes
        fanout = Self.fanout(memory / 2 / shards)
        let wires = WireFormat.allCases.count
        let log = LogConfiguration()
        pools = [
            Pool(
                name: "receive buffers", bytes: shards * Limits.receiveBuffersPerShard * RingLimits.receiveBufferBytes),
            Pool(name: "send arenas", bytes: shards * (Limits.arenaBytes + Limits.addressBytes)),
            Pool(name: "event tails", bytes: shards * fanout.tailBytes),
            Pool(name: "frame rings", bytes: shards * wires * fanout.frameRingBytes),
            Pool(name: "matched sequences", bytes: shards * fanout.matchesTotal * 16),
            Pool(name: "log blocks", bytes: shards * Limits.logBlocksMax * Limits.logBlockBytes),
            Pool(name: "decoded requests", bytes: shards * Limits.stagingsKept * Limits.stagingBytesKept),
            Pool(name: "log backlog", bytes: log.backlogBytesMax + log.batchBytesMax + LogLimits.spareBytesMax),
            Pool(name: "journal backlog", bytes: LogLimits.journalBacklogBytesMax),
            Pool(name: "remembered event ids", bytes: memory / 16),
        ]
        connectionBytesPerShard = (memory - pools.reduce(0) { $0 + $1.bytes }) / shards
    }

    /// The first multiple of 1 MiB above `limits.memory` that is enough; every pool grows more slowly than the whole.
    static func bytesMin(_ limits: Configuration.LimitSettings, shards: Int) -> Int {
        var limits = limits
        repeat {
            limits.memoryBytes = ((limits.memoryBytes >> 20) + 1) << 20
        } while !MemoryPlan(limits, shards: shards).holds
        return limits.memoryBytes
    }

    /// Whether every pool has its share.
    var holds: Bool { connectionBytesPerShard >= Self.connectionBytesMin }

    /// Bytes that a shard's connections need at least: one large request and its answer.
    static let connectionBytesMin = 2 << 20

    /// Large pools shrink with their share, down to where they would be of no use; what they let go is read from the log.
    private static func fanout(_ share: Int) -> FanoutLimits {
        var limits = FanoutLimits()
        limits.tailBytes = clamped(share / 8, 1 << 20, limits.tailBytes)
        limits.matchesTotal = clamped(share / 4 / 16, 1 << 16, limits.matchesTotal)
        let frames = clamped(share / 32, 1 << 19, limits.frameRingBytes)
        // A frame ring's size is a power of two.
        limits.frameRingBytes = 1 << (Int.bitWidth - 1 - frames.leadingZeroBitCount)
        return limits
    }

    private static func clamped(_ value: Int, _ low: Int, _ high: Int) -> Int { min(max(value, low), high) }
}
