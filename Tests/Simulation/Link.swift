import FanfareRing

/// A client's end of a connection.
protocol SimulatedClient: AnyObject {
    /// Bytes arrived.
    func received(_ bytes: ArraySlice<UInt8>)
    /// The server's side has ended, or the connection is broken.
    func ended()
}

/// One connection: bytes under way in both directions, and what the server has in flight on it.
final class Link {
    let descriptor: Int32
    let shard: Int
    weak var client: (any SimulatedClient)?

    // Towards the server.
    var inbound: [UInt8] = []
    var inboundEnded = false
    var isReset = false
    var receive: Token?
    var lastArrival: UInt64 = 0

    // Towards the client.
    var outbound: [UInt8] = []
    var capacity: Int
    var poll: Token?
    var serverEnded = false
    var serverClosed = false
    var isDraining = false
    /// The client takes nothing until then.
    var stalledUntil: UInt64 = 0
    /// The network takes everything and brings nothing, in both directions, and tells nobody.
    var isSwallowing = false
    /// The most a client takes at once, and how long it then needs.
    var readBytes: Int
    var readPause: Int

    init(descriptor: Int32, shard: Int, client: any SimulatedClient, dice: Dice) {
        self.descriptor = descriptor
        self.shard = shard
        self.client = client
        capacity = dice.pick([700, 4_096, 20_000, 100_000])
        readBytes = dice.pick([100, 1_500, 16_384, 65_536])
        readPause = dice.pick([10_000, 100_000, 1_000_000])
    }

    var room: Int { isReset || serverEnded ? 0 : capacity - outbound.count }
}
