/// The headers a subscription may add to its requests.
enum WebhookHeaders {
    /// Headers that say where a message ends, for whom it is or what becomes of the connection (RFC 9110, 9112), and those
    /// this service sets itself.
    private static let reserved: Set<String> = [
        "connection", "content-encoding", "content-length", "content-type", "expect", "fanfare-attempt", "host",
        "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "traceparent", "trailer",
        "transfer-encoding", "upgrade", "user-agent",
    ]

    /// Appends `name: value` and a line end, or says why it must not.
    static func append(
        _ name: String, _ value: String, to target: inout [UInt8]
    ) throws(WebhookRequestError) {
        let lowercased = name.lowercased()
        guard !name.isEmpty, name.utf8.allSatisfy(isToken) else { throw .invalidHeaderName(name) }
        let isOwn = lowercased.hasPrefix("webhook-") || lowercased.hasPrefix("ce-")
        guard !isOwn, !reserved.contains(lowercased) else { throw .forbiddenHeader(name) }
        guard value.utf8.allSatisfy({ (0x20...0x7E).contains($0) || $0 == 0x09 }) else {
            throw .invalidHeaderValue(name: name)
        }
        target += lowercased.utf8
        target.append(": ")
        target += value.utf8
        target.append("\r\n")
    }

    /// Whether all of `text` may stand in a request line or a host: visible ASCII, at least one character.
    static func isVisible(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy { (0x21...0x7E).contains($0) }
    }

    private static func isToken(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
    }
}
