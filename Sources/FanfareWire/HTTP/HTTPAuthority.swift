/// A host and perhaps a port, as in a Host header, an absolute target or an origin: `name`, `192.0.2.1`, `[2001:db8::1]`.
package struct HTTPAuthority {
    /// What kind of host it is.
    package enum Kind: Sendable {
        case name, ipv4, ipv6
    }

    /// Without brackets and port, as sent: compare names without regard to case.
    package let host: ByteView
    /// Nil when it is not given.
    package let port: Int?
    /// What `host` is.
    package let kind: Kind

    /// Whether the host is an address rather than a name.
    package var isAddressLiteral: Bool { kind != .name }
    /// Whether the host is `localhost` or a name below it.
    package var isLocalhost: Bool {
        kind == .name
            && (host.equalsIgnoringCase("localhost")
                || host.count > 10 && host.slice(from: host.count - 10).equalsIgnoringCase(".localhost"))
    }

    /// Nil when `text` is not a host, or its port is not a number of 1 to 65,535.
    package init?(_ text: ByteView) {
        guard let portSeparator = Self.hostEnd(text), portSeparator > 0 else { return nil }
        if portSeparator < text.count {
            let digits = text.slice(from: portSeparator + 1)
            guard digits.count <= 5, let number = digits.decimal, number > 0, number <= 65_535 else { return nil }
            port = number
        } else {
            port = nil
        }
        let name = text.slice(0..<portSeparator)
        if name[0] == UInt8(ascii: "[") {
            host = name.slice(1..<name.count - 1)
            kind = .ipv6
            guard Self.isIPv6(host) else { return nil }
        } else {
            host = name
            guard let kind = Self.kind(ofName: name) else { return nil }
            self.kind = kind
        }
    }

    /// Where the host ends: at a colon or at the end. Nil when a bracket is not closed or something else follows it.
    private static func hostEnd(_ text: ByteView) -> Int? {
        guard !text.isEmpty else { return nil }
        guard text[0] == UInt8(ascii: "[") else { return text.firstIndex(of: UInt8(ascii: ":")) ?? text.count }
        guard let bracket = text.firstIndex(of: UInt8(ascii: "]")) else { return nil }
        let end = bracket + 1
        return end == text.count || text[end] == UInt8(ascii: ":") ? end : nil
    }

    /// Letters, digits, `-`, `.` and `_`, at most 253 of them. A last label of digits only makes it an address or nothing
    /// (as the URL standard has it, so that `127.1` is no name).
    private static func kind(ofName name: ByteView) -> Kind? {
        guard name.count <= 254 else { return nil }
        var lastLabelStart = 0
        for index in 0..<name.count {
            let byte = name[index]
            if byte == UInt8(ascii: ".") {
                if index + 1 < name.count { lastLabelStart = index + 1 }
                continue
            }
            guard ASCII.isUnreserved(byte), byte != UInt8(ascii: "~") else { return nil }
        }
        if name[0] == UInt8(ascii: ".") { return nil }
        for index in lastLabelStart..<name.count where !ASCII.isDigit(name[index]) { return .name }
        return isIPv4(name) ? .ipv4 : nil
    }

    /// Four decimal numbers of 0 to 255 without leading zeros.
    private static func isIPv4(_ text: ByteView) -> Bool {
        var parts = 0
        var rest = text
        while true {
            let end = rest.firstIndex(of: UInt8(ascii: ".")) ?? rest.count
            let part = rest.slice(0..<end)
            guard part.count <= 3, let number = part.decimal, number <= 255 else { return false }
            guard part.count == 1 || part[0] != UInt8(ascii: "0") else { return false }
            parts += 1
            if end == rest.count { return parts == 4 }
            rest = rest.slice(from: end + 1)
        }
    }

    /// RFC 4291 text: up to eight groups of hex digits, one `::`, an IPv4 address as the last two groups. No zone.
    private static func isIPv6(_ text: ByteView) -> Bool {
        var groups = 0
        var compressed = false
        var index = 0
        if text.hasPrefix("::") {
            compressed = true
            index = 2
            if text.count == 2 { return true }
        }
        while index < text.count {
            let end = text.firstIndex(of: UInt8(ascii: ":"), from: index) ?? text.count
            let group = text.slice(index..<end)
            if end == text.count, group.firstIndex(of: UInt8(ascii: ".")) != nil {
                return isIPv4(group) && (compressed ? groups <= 5 : groups == 6)
            }
            guard group.count >= 1, group.count <= 4 else { return false }
            for byte in group where ASCII.hexValue(byte) == nil { return false }
            groups += 1
            if end == text.count { return compressed ? groups <= 7 : groups == 8 }
            index = end + 1
            if index < text.count, text[index] == UInt8(ascii: ":") {
                if compressed { return false }
                compressed = true
                index += 1
                if index == text.count { return groups <= 7 }
            } else if index == text.count {
                return false
            }
        }
        return false
    }
}

/// An Origin header (RFC 6454): scheme and authority, or the opaque `null`.
package struct HTTPOrigin {
    /// `http`, `https` or what an extension says.
    package let scheme: ByteView
    /// Host and perhaps port.
    package let authority: HTTPAuthority
    /// Host and port as sent.
    package let authorityText: ByteView

    /// Nil when `text` is `null` or not an origin.
    package init?(_ text: ByteView) {
        guard let colon = text.firstIndex(of: UInt8(ascii: ":")), colon > 0, text.count > colon + 3,
            text[colon + 1] == UInt8(ascii: "/"), text[colon + 2] == UInt8(ascii: "/")
        else { return nil }
        scheme = text.slice(0..<colon)
        authorityText = text.slice(from: colon + 3)
        guard let authority = HTTPAuthority(authorityText) else { return nil }
        self.authority = authority
    }

    /// Whether a page of this origin was served from `host`, the request's Host, over TLS or not: same scheme, same host
    /// and the same port after defaults.
    package func isSameOrigin(as host: HTTPAuthority, tls: Bool) -> Bool {
        guard scheme.equalsIgnoringCase(tls ? "https" : "http") else { return false }
        let defaultPort = tls ? 443 : 80
        return authority.host.equalsIgnoringCase(host.host)
            && (authority.port ?? defaultPort) == (host.port ?? defaultPort)
    }
}
