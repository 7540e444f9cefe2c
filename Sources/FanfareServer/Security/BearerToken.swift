/// The token of a request: where it may stand (CONTRACT, section 4) and how it is taken out.
package enum BearerToken: Sendable, Hashable {
    /// None is given.
    case absent
    /// This one.
    case token(String)
    /// Something else stands where a token should: another scheme, an empty token, two tokens that differ. 401.
    case malformed

    /// Characters of a token, the longest that is looked at: JSON Web Tokens of common issuers have up to 2 KiB.
    package static let textBytesMax = 4_096

    /// The token of the `Authorization` header's value; the scheme's case does not matter (RFC 9110, section 11.1).
    package init(authorization value: String?) {
        guard let value else {
            self = .absent
            return
        }
        let scheme = value.prefix(7)
        guard scheme.lowercased() == "bearer " else {
            self = .malformed
            return
        }
        self.init(checking: value.dropFirst(7).drop { $0 == " " })
    }

    /// The token of `access_token` in a query without its `?`; percent-escapes are undone.
    package init(query: String) {
        self = .absent
        for pair in query.split(separator: "&") {
            guard pair.hasPrefix("access_token=") else { continue }
            guard self == .absent, let text = Self.unescaped(pair.dropFirst("access_token=".count)) else {
                self = .malformed
                return
            }
            self.init(checking: text[...])
        }
    }

    /// The token of `bearer.TOKEN` in a `Sec-WebSocket-Protocol` list. It is never selected, only read.
    package init(subprotocols list: String?) {
        self = .absent
        for name in (list ?? "").split(whereSeparator: { $0 == "," || $0 == " " || $0 == "\t" }) {
            guard name.hasPrefix("bearer.") else { continue }
            guard self == .absent else {
                self = .malformed
                return
            }
            self.init(checking: name.dropFirst("bearer.".count))
        }
    }

    /// The one token of a request: the same token in two places is one, two different ones are malformed.
    package init(authorization: String?, query: String, subprotocols: String?) {
        self = .absent
        let places = [
            BearerToken(authorization: authorization), BearerToken(query: query),
            BearerToken(subprotocols: subprotocols),
        ]
        for place in places where place != .absent {
            self = self == .absent || self == place ? place : .malformed
        }
    }

    /// `query` with the value of `access_token` replaced, for logs.
    package static func redacted(query: String) -> String {
        query.split(separator: "&", omittingEmptySubsequences: false)
            .map { $0.hasPrefix("access_token=") ? "access_token=(hidden)" : $0 }.joined(separator: "&")
    }

    private init(checking text: Substring) {
        let isToken =
            !text.isEmpty && text.utf8.count <= Self.textBytesMax && text.utf8.allSatisfy(HTTPCharacter.isBearer)
        self = isToken ? .token(String(text)) : .malformed
    }

    private static func unescaped(_ text: Substring) -> String? {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            let digits = rest.prefix(2)
            guard digits.count == 2, digits.allSatisfy(HTTPCharacter.isHexDigit),
                let value = UInt8(String(decoding: digits, as: UTF8.self), radix: 16)
            else { return nil }
            bytes.append(value)
            rest = rest.dropFirst(2)
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// Classes of ASCII characters that HTTP's fields are made of.
package enum HTTPCharacter {
    /// `tchar` of RFC 9110, section 5.6.2: what header names and subprotocols consist of.
    package static func isToken(_ byte: UInt8) -> Bool {
        isLetterOrDigit(byte) || "!#$%&'*+-.^_`|~".utf8.contains(byte)
    }

    /// `b64token` of RFC 6750, section 2.1: what bearer tokens consist of.
    package static func isBearer(_ byte: UInt8) -> Bool { isLetterOrDigit(byte) || "-._~+/=".utf8.contains(byte) }

    /// 0 to 9, a to f, A to F.
    package static func isHexDigit(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x61...0x66).contains(byte) || (0x41...0x46).contains(byte)
    }

    /// 0 to 9, A to Z, a to z.
    package static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
    }
}
