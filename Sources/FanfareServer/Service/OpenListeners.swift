import FanfareBase
import FanfareRing
import FanfareTLS
import Glibc

/// The listening sockets of a service: one per shard and listener with SO_REUSEPORT; a Unix socket is shared.
package struct OpenListeners: Sendable {
    /// Where a listener was opened, for the start-up message.
    package struct Address: Sendable {
        /// As configured.
        package var listener: FanfareServer.Listener
        /// As bound: a port of 0 has become a real one.
        package var text: String
    }

    /// A socket, and what it takes to accept on it.
    struct Opened: Sendable {
        var configuration: FanfareServer.Listener
        var descriptor: Int32
    }

    /// Where it listens.
    package private(set) var addresses: [Address] = []
    private var sockets: [[Opened]]
    /// What encrypts TLS tickets: the same on every shard.
    var tickets: TLSTicketKeys

    /// Opens the listeners of `configuration` for so many shards.
    init(_ configuration: Configuration, shards: Int) throws(Service.StartError) {
        sockets = Array(repeating: [], count: shards)
        tickets = TLSTicketKeys()
        for listener in configuration.listeners {
            if listener.tls != nil { _ = try Self.context(listener, tickets) }
            try open(listener, shards)
        }
    }

    /// Listeners of `configuration` that exist already: `descriptors[shard][listener]`. What a simulated machine has.
    init(_ configuration: Configuration, descriptors: [[Int32]]) {
        tickets = TLSTicketKeys()
        sockets = descriptors.map { row in
            zip(configuration.listeners, row).map { Opened(configuration: $0, descriptor: $1) }
        }
    }

    private mutating func open(_ listener: FanfareServer.Listener, _ shards: Int) throws(Service.StartError) {
        do throws(ListenerError) {
            switch listener.address.kind {
            case .unix(let path):
                let descriptor = try Self.patiently { () throws(ListenerError) in
                    try FanfareRing.Listener.openUnix(path: path)
                }
                for shard in 0..<shards {
                    sockets[shard].append(Opened(configuration: listener, descriptor: descriptor))
                }
                addresses.append(Address(listener: listener, text: "unix:\(path)"))
            case .tcp(let address, let port):
                var bound = SocketAddress(octets: address.bytes, port: port)
                if port > 0 { try Self.requireUnused(bound) }
                for shard in 0..<shards {
                    let descriptor = try FanfareRing.Listener.openTCP(address: bound, reusePort: true)
                    if shard == 0 { bound = SocketAddress.local(of: descriptor) ?? bound }
                    sockets[shard].append(Opened(configuration: listener, descriptor: descriptor))
                }
                addresses.append(Address(listener: listener, text: bound.description))
            }
        } catch {
            throw Service.StartError("\(listener.name) (\(listener.address.text)): \(error)", exitCode: EX.unavailable)
        }
    }

    /// With SO_REUSEPORT a second service would get part of the first one's connections without a word: so the address is
    /// taken once without it.
    private static func requireUnused(_ address: SocketAddress) throws(ListenerError) {
        let probe = try patiently { () throws(ListenerError) in
            try FanfareRing.Listener.openTCP(address: address, reusePort: false)
        }
        close(probe)
    }

    /// The sockets of a service that was killed live on until the kernel has taken its rings apart: waits that long.
    private static func patiently(_ body: () throws(ListenerError) -> Int32) throws(ListenerError) -> Int32 {
        for _ in 0..<Limits.listenerAttempts {
            do throws(ListenerError) { return try body() } catch {
                guard case .inUse = error else { throw error }
                usleep(UInt32(Limits.listenerRetryMilliseconds * 1_000))
            }
        }
        return try body()
    }

    private static func context(
        _ listener: FanfareServer.Listener, _ tickets: TLSTicketKeys
    ) throws(Service.StartError) -> TLSContext? {
        guard let files = listener.tls else { return nil }
        do throws(TLSError) {
            return try TLSContext.server(
                identity: TLSIdentity(
                    certificateChainPath: files.certificate, privateKeyPath: files.privateKey), tickets: tickets,
                speaksHTTP: listener.protocol == .http)
        } catch {
            throw Service.StartError("\(listener.name): \(error)", exitCode: EX.configuration)
        }
    }

    /// The listeners of one shard, each with a TLS context of its own; on that shard's thread.
    func make(shard: Int) throws(Service.StartError) -> [ListenerState] {
        var states: [ListenerState] = []
        for opened in sockets[shard] {
            states.append(
                ListenerState(
                    configuration: opened.configuration, descriptor: opened.descriptor,
                    tls: try Self.context(opened.configuration, tickets)))
        }
        return states
    }
}
