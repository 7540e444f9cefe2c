/// An absolute `http` or `https` URL without credentials and fragment, taken apart.
package struct WebhookURL: Sendable, Hashable, CustomStringConvertible {
    /// The URL schemes of webhooks.
    package enum Scheme: String, Sendable, Hashable {
        /// Plain.
        case http
        /// Over TLS.
        case https

        /// The port when the URL names none.
        package var defaultPort: UInt16 { self == .http ? 80 : 443 }
    }

    /// Why a text is no webhook URL.
    package struct Refusal: Error, Sendable, Hashable {
        /// What was found, when the text itself must not be shown.
        package var found: String?
        /// What is allowed instead.
        package var allowed: String
    }

    /// Bytes of a URL; a longer one is refused.
    package static let textBytesMax = 2048

    /// Plain or TLS.
    package var scheme: Scheme
    /// A name in lowercase, or an address without brackets.
    package var host: String
    /// The address when the host is one: no lookup is needed.
    package var address: IPAddress?
    /// The port, filled in when the URL names none.
    package var port: UInt16
    /// Path and query as they are sent; begins with `/`.
    package var target: String

    /// Takes `text` apart.
    ///
    /// - Throws: `Refusal` for another scheme, credentials, a fragment, characters that need escaping, a port out of
    ///   range, a name that is none, and every spelling of an IPv4 address but four decimal numbers.
    package init(_ text: String) throws(Refusal) {
        let bytes = Array(text.utf8)
        guard bytes.count <= Self.textBytesMax else {
            throw Refusal(allowed: "at most \(Self.textBytesMax) characters")
        }
        guard let scheme = Self.scheme(of: bytes) else {
            throw Refusal(allowed: "an absolute URL that begins with https://")
        }
        guard bytes.allSatisfy(Self.isURLCharacter) else {
            throw Refusal(allowed: "a URL of printable ASCII, other characters percent-encoded and names in punycode")
        }
        guard !bytes.contains(UInt8(ascii: "#")) else { throw Refusal(allowed: "a URL without #fragment") }
        self.scheme = scheme
        let rest = bytes[(scheme.rawValue.utf8.count + 3)...]
        let end = rest.firstIndex { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "?") } ?? rest.endIndex
        let authority = rest[..<end]
        guard !authority.contains(UInt8(ascii: "@")) else {
            throw Refusal(
                found: "a URL with user or password", allowed: "one without them; use \"headers\" for credentials")
        }
        (host, address, port) = try Self.authority(authority, scheme)
        let target = String(decoding: rest[end...], as: UTF8.self)
        self.target = target.hasPrefix("/") ? target : "/" + target
    }

    /// What stands in a definition until its URL has been read.
    static let placeholder = WebhookURL(scheme: .https, host: "invalid", address: nil, port: 443, target: "/")

    private init(scheme: Scheme, host: String, address: IPAddress?, port: UInt16, target: String) {
        self.scheme = scheme
        self.host = host
        self.address = address
        self.port = port
        self.target = target
    }

    package var description: String { "\(scheme.rawValue)://\(authority)\(target)" }

    /// Host and port as the `Host` header says them: brackets around IPv6, no default port.
    package var authority: String {
        let name = host.contains(":") ? "[\(host)]" : host
        return port == scheme.defaultPort ? name : "\(name):\(port)"
    }

    private static func scheme(of bytes: [UInt8]) -> Scheme? {
        let prefix = String(decoding: bytes.prefix(8), as: UTF8.self).lowercased()
        if prefix.hasPrefix("https://") { return .https }
        return prefix.hasPrefix("http://") ? .http : nil
    }

    /// RFC 3986's characters, `|` and the like refused, so that the target can be sent as it is.
    private static func isURLCharacter(_ byte: UInt8) -> Bool {
        guard byte > 0x20, byte < 0x7F else { return false }
        return !"\"<>\\^`{|}".utf8.contains(byte)
    }

    private static func authority(_ bytes: ArraySlice<UInt8>, _ scheme: Scheme) throws(Refusal) -> (
        String, IPAddress?, UInt16
    ) {
        let text = String(decoding: bytes, as: UTF8.self).lowercased()
        guard let parts = HostAndPort(text) else { throw Refusal(allowed: "a host and a port from 1 to 65535") }
        let port = parts.port ?? scheme.defaultPort
        guard port > 0 else { throw Refusal(allowed: "a host and a port from 1 to 65535") }
        switch HostLiteral(parts.host, bracketed: parts.isBracketed) {
        case .address(let address):
            return (address.description, address, port)
        case .irregular:
            throw Refusal(allowed: "an IPv4 address as four decimal numbers such as 192.0.2.1")
        case .name(let name):
            return (name, nil, port)
        case .invalid:
            throw Refusal(allowed: "a host name of letters, digits and hyphens, or an address")
        }
    }
}
