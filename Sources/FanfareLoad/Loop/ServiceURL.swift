import FanfareBase

/// Where a service is and how it is spoken to: `http://`, `https://`, `tcp://`, `tls://` with a host and a port, or
/// `unix:PATH` (the stream protocol on a Unix socket).
package struct ServiceURL: Sendable, Hashable, CustomStringConvertible {
    /// How it is spoken to.
    package enum Scheme: String, Sendable {
        /// HTTP/1.1 without and with TLS.
        case http, https
        /// The stream protocol without and with TLS.
        case tcp, tls
        /// The stream protocol on a Unix socket.
        case unix
    }

    /// Why a text is no such URL; a sentence for a person.
    package struct ParseError: Error, Hashable, CustomStringConvertible {
        /// What was found, what is allowed.
        package let description: String
    }

    /// How it is spoken to.
    package let scheme: Scheme
    /// The name or address, without brackets; empty for Unix sockets.
    package let host: String
    /// The port; 0 for Unix sockets.
    package let port: UInt16
    /// What requests' paths begin with, never ending in `/`; the socket's path for Unix sockets.
    package let path: String

    /// Parses `text`. Without a port, 80 and 443 are meant for `http` and `https`.
    package init(_ text: String) throws(ParseError) {
        if text.hasPrefix("unix:") {
            path = String(text.dropFirst("unix:".count))
            (scheme, host, port) = (.unix, "", 0)
            guard !path.isEmpty else { throw Self.refusal(text) }
            return
        }
        guard let colon = text.firstRange(of: "://"),
            let scheme = Scheme(rawValue: text[..<colon.lowerBound].lowercased()),
            scheme != .unix
        else { throw Self.refusal(text) }
        let rest = text[colon.upperBound...]
        let authority = rest.prefix { $0 != "/" }
        var path = rest[authority.endIndex...]
        while path.last == "/" { path = path.dropLast() }
        guard let (host, port) = Self.split(authority) else { throw Self.refusal(text) }
        let isPrintable = text.utf8.allSatisfy { (0x21...0x7E).contains($0) }
        guard isPrintable, !authority.contains("@"), !path.contains(where: { $0 == "?" || $0 == "#" }) else {
            throw Self.refusal(text)
        }
        guard let port = port ?? Self.defaultPort(scheme) else {
            throw ParseError(description: "\"\(text)\" names no port; \(scheme.rawValue):// needs one")
        }
        self.scheme = scheme
        self.host = String(host)
        self.port = port
        self.path = String(path)
    }

    /// Whether it speaks TLS.
    package var isEncrypted: Bool { scheme == .https || scheme == .tls }
    /// Whether it speaks HTTP.
    package var isHTTP: Bool { scheme == .http || scheme == .https }

    /// The Host header.
    package var authority: String {
        let name = host.contains(":") ? "[\(host)]" : host
        return Self.defaultPort(scheme) == port ? name : "\(name):\(port)"
    }

    package var description: String {
        scheme == .unix ? "unix:\(path)" : "\(scheme.rawValue)://\(authority)\(path)"
    }

    private static func defaultPort(_ scheme: Scheme) -> UInt16? {
        switch scheme {
        case .http: 80
        case .https: 443
        case .tcp, .tls, .unix: nil
        }
    }

    /// Host and port of `authority`; a nil port when none is named, nil when it is malformed.
    private static func split(_ authority: Substring) -> (host: Substring, port: UInt16?)? {
        var host = authority
        var port: Substring?
        if authority.hasPrefix("[") {
            guard let end = authority.firstIndex(of: "]") else { return nil }
            host = authority[authority.index(after: authority.startIndex)..<end]
            let rest = authority[authority.index(after: end)...]
            guard rest.isEmpty || rest.hasPrefix(":") else { return nil }
            port = rest.isEmpty ? nil : rest.dropFirst()
        } else if let colon = authority.firstIndex(of: ":") {
            host = authority[..<colon]
            port = authority[authority.index(after: colon)...]
        }
        guard !host.isEmpty else { return nil }
        guard let port else { return (host, nil) }
        guard port.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }), let number = UInt16(port)
        else { return nil }
        return (host, number)
    }

    private static func refusal(_ text: String) -> ParseError {
        ParseError(
            description:
                "\"\(text)\" is not http://HOST:PORT, https://HOST:PORT, tcp://HOST:PORT, tls://HOST:PORT or unix:PATH")
    }
}
