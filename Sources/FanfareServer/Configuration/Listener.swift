/// One place where the service listens.
package struct Listener: Sendable, Hashable {
    /// Unique among the listeners; shown in logs and metrics.
    package var name: String
    /// Where it listens.
    package var address: ListenerAddress
    /// What is spoken there.
    package var `protocol` = TransportProtocol.http
    /// Certificate and key; nil for plain connections.
    package var tls: TLSFiles?
    /// What it gives to those who may; empty only where WebSockets are echoed.
    package var serves: Set<Service> = [.publish, .subscribe]
    /// The names it goes by, in lowercase without port: what `Host` may say besides a literal address or `localhost`.
    package var hosts: [String] = []
    /// Web origins (`scheme://host[:port]`) whose pages may use it.
    package var origins: [String] = []
    /// Whether clients without a token may do everything it serves.
    package var anonymous = false
    /// It only sends WebSocket messages back (`fanfare serve --websocket-echo`); no configuration file can say so.
    package private(set) var echoesWebSockets = false

    /// A plain HTTP listener that serves publishing and subscribing.
    package init(name: String, address: ListenerAddress) {
        self.name = name
        self.address = address
    }

    /// The listener of conformance mode: any WebSocket client gets its own messages back, and nothing else.
    package static func webSocketEcho(_ address: ListenerAddress) -> Listener {
        var listener = Listener(name: "websocket-echo", address: address)
        listener.serves = []
        listener.anonymous = true
        listener.echoesWebSockets = true
        return listener
    }

    /// What a configuration without `listeners` has: plain, 127.0.0.1:8080, everything served.
    package static var `default`: Listener {
        var listener = Listener(
            name: "local", address: ListenerAddress(text: "127.0.0.1:8080", kind: .tcp(.v4(0x7F00_0001), port: 8080)))
        listener.serves = Set(Service.allCases)
        return listener
    }

    /// What is spoken on a listener.
    package enum TransportProtocol: String, Sendable, Hashable, CaseIterable {
        /// HTTP/1.1 with WebSocket and Server-Sent Events.
        case http
        /// Newline-delimited JSON both ways.
        case stream
    }

    /// A group of requests that a listener may serve.
    package enum Service: String, Sendable, Hashable, CaseIterable {
        /// Publishing events.
        case publish
        /// Reading events and subscribing to them.
        case subscribe
        /// Subscriptions, dead letters, connections, reload.
        case manage
        /// `/metrics`, `/healthz`, `/readyz`.
        case probe
    }

    /// Paths of PEM files.
    package struct TLSFiles: Sendable, Hashable {
        /// The certificate chain, leaf first.
        package var certificate: String
        /// Its private key.
        package var privateKey: String

        /// The files at these resolved paths.
        package init(certificate: String, privateKey: String) {
            self.certificate = certificate
            self.privateKey = privateKey
        }
    }
}

/// Where a listener listens: `HOST:PORT`, `[IPV6]:PORT` or `unix:PATH`.
package struct ListenerAddress: Sendable, Hashable {
    /// What was written.
    package var text: String
    /// What it means.
    package var kind: Kind

    /// An address whose text means `kind`.
    package init(text: String, kind: Kind) {
        self.text = text
        self.kind = kind
    }

    /// The two kinds of places.
    package enum Kind: Sendable, Hashable {
        /// A TCP port on an address of this machine; port 0 lets the kernel choose, 0.0.0.0 and :: are all addresses.
        case tcp(IPAddress, port: UInt16)
        /// A Unix socket at a resolved path of at most `ListenerAddress.unixPathBytesMax` bytes.
        case unix(path: String)
    }

    /// What fits into a sockaddr_un with its final zero (unix(7)).
    package static let unixPathBytesMax = 107

    /// Whether only this machine can reach it: a loopback address or a Unix socket.
    package var isLocal: Bool {
        switch kind {
        case .tcp(let address, port: _): address.isLoopback
        case .unix: true
        }
    }

    /// The address that `text` spells, a relative Unix path left as it is; nil when it is none.
    ///
    /// Only literal addresses and `localhost` (127.0.0.1): a name that is looked up might be anywhere tomorrow.
    package init?(_ text: String) {
        if text.utf8.starts(with: "unix:".utf8) {
            let path = String(text.dropFirst(5))
            guard !path.isEmpty, !path.utf8.contains(0) else { return nil }
            self.init(text: text, kind: .unix(path: path))
            return
        }
        guard let colon = text.lastIndex(of: ":") else { return nil }
        guard let port = Self.port(text[text.index(after: colon)...]) else { return nil }
        var host = String(text[..<colon])
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = String(host.dropFirst().dropLast())
            guard let address = IPAddress(host), case .v6 = address else { return nil }
            self.init(text: text, kind: .tcp(address, port: port))
            return
        }
        if host == "localhost" { host = "127.0.0.1" }
        guard let address = IPAddress(host), case .v4 = address else { return nil }
        self.init(text: text, kind: .tcp(address, port: port))
    }

    /// The port that `text` spells in at most five digits; nil when it is none.
    package static func port(_ text: some StringProtocol) -> UInt16? {
        guard (1...5).contains(text.utf8.count), text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
            return nil
        }
        return UInt16(text)
    }
}
