/// `HOST`, `HOST:PORT` or `[IPV6]:PORT`, taken apart but not judged.
package struct HostAndPort: Sendable, Hashable {
    /// Without brackets.
    package var host: String
    /// Nil when none is named.
    package var port: UInt16?
    /// Whether the host stood in brackets.
    package var isBracketed: Bool

    /// Takes `text` apart; nil when the host is empty or the port is no number from 0 to 65535.
    package init?(_ text: some StringProtocol) {
        var rest = text[...]
        if text.hasPrefix("[") {
            guard let end = text.firstIndex(of: "]") else { return nil }
            host = String(text[text.index(after: text.startIndex)..<end])
            isBracketed = true
            rest = text[text.index(after: end)...]
        } else {
            let end = text.firstIndex(of: ":") ?? text.endIndex
            host = String(text[..<end])
            isBracketed = false
            rest = text[end...]
        }
        guard !host.isEmpty else { return nil }
        guard !rest.isEmpty else { return }
        guard rest.hasPrefix(":"), let port = ListenerAddress.port(rest.dropFirst()) else { return nil }
        self.port = port
    }
}

/// What the host of a URL or of a `Host` header is.
package enum HostLiteral: Sendable, Hashable {
    /// A name to look up, in lowercase without a final dot.
    case name(String)
    /// An address in its regular spelling.
    case address(IPAddress)
    /// An address as inet_aton(3) would take it (`2130706433`, `0x7f.1`, `0177.0.0.1`), or digits that are none: some
    /// libraries connect there, so it is never taken for a name. The address when there is one.
    case irregular(IPAddress?)
    /// Neither.
    case invalid

    /// Judges `text`, the host without brackets.
    package init(_ text: String, bracketed: Bool) {
        if bracketed {
            if let address = IPAddress(text), case .v6 = address { self = .address(address) } else { self = .invalid }
            return
        }
        if let address = IPAddress(text), case .v4 = address {
            self = .address(address)
            return
        }
        let name = (text.hasSuffix(".") ? String(text.dropLast()) : text).lowercased()
        let labels = name.split(separator: ".", omittingEmptySubsequences: false)
        if let last = labels.last, Self.isNumber(last) {
            self = .irregular(Self.address(labels))
        } else {
            self = Self.isName(name, labels) ? .name(name) : .invalid
        }
    }

    /// Letters, digits, hyphens and underscores, 63 a label and 253 in all (RFC 1123, section 2.1).
    private static func isName(_ name: String, _ labels: [Substring]) -> Bool {
        guard name.utf8.count <= 253 else { return false }
        return labels.allSatisfy { label in
            guard (1...63).contains(label.utf8.count), !label.hasPrefix("-"), !label.hasSuffix("-") else {
                return false
            }
            return label.utf8.allSatisfy { byte in
                (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte) || byte == 0x2D || byte == 0x5F
            }
        }
    }

    /// Whether a label is digits or `0x` and hex digits: no top-level domain is, so the host means an address
    /// (WHATWG URL, "ends in a number").
    private static func isNumber(_ label: Substring) -> Bool {
        if label.hasPrefix("0x") { return label.dropFirst(2).utf8.allSatisfy { hexDigit($0) != nil } }
        return !label.isEmpty && label.utf8.allSatisfy { (0x30...0x39).contains($0) }
    }

    /// One to four numbers, the last filling what the others leave (inet_aton(3)).
    private static func address(_ labels: [Substring]) -> IPAddress? {
        guard (1...4).contains(labels.count) else { return nil }
        var value: UInt64 = 0
        for (index, label) in labels.enumerated() {
            guard let number = number(label) else { return nil }
            let isLast = index == labels.count - 1
            let bits = UInt64(isLast ? 8 * (5 - labels.count) : 8)
            guard number < 1 << bits else { return nil }
            value = value << bits | number
        }
        return .v4(UInt32(value))
    }

    private static func number(_ label: Substring) -> UInt64? {
        if label.hasPrefix("0x") { return label.count == 2 ? 0 : UInt64(label.dropFirst(2), radix: 16) }
        if label.count > 1, label.hasPrefix("0") { return UInt64(label, radix: 8) }
        return UInt64(label)
    }

    private static func hexDigit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x61...0x66: byte - 0x61 + 10
        case 0x41...0x46: byte - 0x41 + 10
        default: nil
        }
    }
}
