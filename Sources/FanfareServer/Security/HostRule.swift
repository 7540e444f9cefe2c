/// Which `Host` a listener answers to: its configured names, a literal address, or `localhost` (CONTRACT, section 4).
///
/// A page that has bound its own name to our address (DNS rebinding) is same-origin with us for its browser; its `Host`
/// gives it away.
package struct HostRule: Sendable, Hashable {
    /// Names in lowercase, without port.
    private let names: Set<String>

    /// The rule for a listener with these names.
    package init(hosts: [String]) { names = Set(hosts.map { $0.lowercased() }) }

    /// Whether `host`, the header's value, is one of ours; its port does not matter.
    package func allows(_ host: String) -> Bool {
        guard let parts = HostAndPort(host) else { return false }
        switch HostLiteral(parts.host, bracketed: parts.isBracketed) {
        case .address: return true
        case .name(let name): return name == "localhost" || names.contains(name)
        case .irregular, .invalid: return false
        }
    }
}

/// Which web pages may use a listener (CONTRACT, section 4): asked before an upgrade and before any change of state.
package struct OriginRule: Sendable, Hashable {
    /// What an `Origin` header means here.
    package enum Verdict: Sendable, Hashable {
        /// Not from a browser's script, or a page we served ourselves: allowed, no CORS headers.
        case sameOrigin
        /// A listed origin: allowed, answered with CORS headers.
        case listed(String)
        /// 403.
        case refused
    }

    /// Origins as configured, normalised.
    private let listed: Set<String>

    /// The rule for a listener with these origins, which the reader has checked.
    package init(origins: [String]) { listed = Set(origins.map { Self.normalised($0) ?? $0 }) }

    /// Judges `origin` (nil: the header is absent) of a request with this `Host` that came over TLS or not.
    package func verdict(origin: String?, host: String, overTLS: Bool) -> Verdict {
        guard let origin else { return .sameOrigin }
        // `null` (a sandboxed frame, a file, a redirect) is anyone's, so it is nobody's.
        guard let normal = Self.normalised(origin) else { return .refused }
        if listed.contains(normal) { return .listed(origin) }
        return normal == Self.normalised("\(overTLS ? "https" : "http")://\(host)") ? .sameOrigin : .refused
    }

    /// Scheme and host in lowercase, the scheme's default port left out; nil when `text` is no web origin.
    package static func normalised(_ text: String) -> String? {
        let lower = text.lowercased()
        for (scheme, defaultPort) in [("https://", UInt16(443)), ("http://", 80)] where lower.hasPrefix(scheme) {
            guard let parts = HostAndPort(lower.dropFirst(scheme.utf8.count)) else { return nil }
            let host: String
            switch HostLiteral(parts.host, bracketed: parts.isBracketed) {
            case .name(let name): host = name
            case .address(let address): host = parts.isBracketed ? "[\(address)]" : address.description
            case .irregular, .invalid: return nil
            }
            guard let port = parts.port, port != defaultPort else { return scheme + host }
            return "\(scheme)\(host):\(port)"
        }
        return nil
    }
}

/// What tells a browser that a page of a listed origin may see an answer (Fetch, section 3.3).
package enum CrossOriginHeaders {
    /// How long a browser may remember the answer to a preflight, in seconds; browsers cap it at 2 to 24 hours.
    package static let preflightAgeSeconds = 7200

    /// Headers of an answer to a page of `origin`, which the rule has found listed.
    package static func answer(to origin: String) -> [(name: String, value: String)] {
        [
            ("access-control-allow-origin", origin), ("vary", "origin"),
            ("access-control-expose-headers", "location, retry-after, www-authenticate"),
        ]
    }

    /// Headers of the 204 that answers a preflight (`OPTIONS` with `access-control-request-method`).
    ///
    /// `requested` is the preflight's `access-control-request-headers`; given back when it is a list of header names, since
    /// a browser takes no wildcard for `ce-*`.
    package static func preflight(of origin: String, requested: String?) -> [(name: String, value: String)] {
        var headers = [
            (name: "access-control-allow-origin", value: origin),
            (name: "vary", value: "origin, access-control-request-method, access-control-request-headers"),
            (name: "access-control-allow-methods", value: "GET, POST, PUT, DELETE"),
            (name: "access-control-max-age", value: "\(preflightAgeSeconds)"),
        ]
        if let requested, isNameList(requested) {
            headers.append((name: "access-control-allow-headers", value: requested))
        }
        return headers
    }

    private static func isNameList(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.count <= 2048
            && text.utf8.allSatisfy { HTTPCharacter.isToken($0) || $0 == UInt8(ascii: ",") || $0 == UInt8(ascii: " ") }
    }
}
