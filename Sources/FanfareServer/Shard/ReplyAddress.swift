import FanfareBase

/// Where an answer that is not ready at once goes when it is: a shard, a connection of it, and the ticket the connection's
/// handler gave the request. An answer to a connection that has gone is dropped.
struct ReplyAddress: Sendable {
    /// The shard that holds the connection.
    var shard: Int
    /// The connection's slot.
    var slot: UInt32
    /// The connection's generation.
    var generation: UInt32
    /// Which of the connection's requests.
    var ticket: UInt64
}
