/// What signs a webhook: a Standard Webhooks secret as users write it.
package struct WebhookSecret: Sendable {
    /// How it signs.
    package enum Kind: Sendable {
        /// `whsec_`: HMAC-SHA256, version `v1`.
        case symmetric
        /// `whsk_`: ed25519, version `v1a`.
        case signingKey
    }

    /// How it signs.
    package let kind: Kind
    /// The key: 24 to 64 bytes, or the 32 bytes of an ed25519 seed. Never shown.
    let key: [UInt8]

    /// Parses `whsec_` and 24 to 64 bytes of base64, or `whsk_` and the base64 of an ed25519 private key (the 32-byte seed,
    /// or seed and public key together). Padding may be left out.
    package init(_ text: String) throws(WebhookSecretError) {
        let prefixes: [(String, Kind)] = [("whsec_", .symmetric), ("whsk_", .signingKey)]
        guard let (prefix, kind) = prefixes.first(where: { text.hasPrefix($0.0) }) else { throw .unknownPrefix }
        guard let key = Base64.decode(Array(text.utf8.dropFirst(prefix.utf8.count))) else { throw .notBase64 }
        self.kind = kind
        switch kind {
        case .symmetric:
            guard 24...64 ~= key.count else { throw .wrongLength(bytes: key.count, allowed: "24 to 64") }
            self.key = key
        case .signingKey:
            guard key.count == 32 || key.count == 64 else { throw .wrongLength(bytes: key.count, allowed: "32 or 64") }
            self.key = Array(key.prefix(32))
        }
    }
}

/// Why a secret is not one. None of them repeats the secret.
package enum WebhookSecretError: Error, Equatable, Sendable {
    /// It begins neither with `whsec_` nor with `whsk_`.
    case unknownPrefix
    /// What follows the prefix is not base64 (RFC 4648, section 4).
    case notBase64
    /// The key has `bytes` bytes; `allowed` says how many it may have.
    case wrongLength(bytes: Int, allowed: String)
    /// OpenSSL refuses the key.
    case refused
}
