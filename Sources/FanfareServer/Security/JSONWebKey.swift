import CFanfareCrypto
import FanfareBase

/// One key that signs JSON Web Tokens (RFC 7517), as a plain value.
///
/// Invariant: `bytes` are a usable key of `algorithm`. The kind of key fixes the algorithm, so a token cannot choose how
/// it is verified (RFC 8725, section 3.1).
package struct JSONWebKey: Sendable, Hashable, CustomReflectable {
    /// How a token is signed.
    package enum Algorithm: Sendable, Hashable {
        /// HMAC with SHA-256 and a shared secret.
        case hs256
        /// ECDSA on P-256 with SHA-256.
        case es256
        /// Ed25519.
        case edDSA

        /// The algorithm that a token's `alg` names; nil for `none` and all others.
        package init?(name: String) {
            switch name {
            case "HS256": self = .hs256
            case "ES256": self = .es256
            // The second name is that of RFC 9864.
            case "EdDSA", "Ed25519": self = .edDSA
            default: return nil
            }
        }
    }

    /// Why a key cannot be used; a sentence's end, which never shows the key.
    package struct Unusable: Error, Hashable {
        /// What was found.
        package let found: String
        /// What is allowed.
        package let allowed: String
    }

    /// The name by which tokens call it; nil when it has none.
    package let identifier: String?
    /// What it signs with.
    package let algorithm: Algorithm
    /// The shared secret, the point's coordinates, or the public key.
    private let bytes: [UInt8]

    /// For `dump` and debuggers: never the key, which may be a secret.
    package var customMirror: Mirror {
        Mirror(self, children: ["identifier": identifier ?? "", "algorithm": algorithm])
    }

    /// Bytes a shared secret has at least: as many as its MAC (RFC 7518, section 3.2).
    private static let secretBytesMin = 32

    /// Reads a member of a key set; nil when it is for something else: another kind of key, another algorithm, encryption.
    package init?(_ object: JSONObject) throws(Unusable) {
        if let use = object["use"]?.string, use != "sig" { return nil }
        switch (object["kty"]?.string, object["crv"]?.string) {
        case ("oct", _):
            algorithm = .hs256
            bytes = try Self.octets("k", object, count: Self.secretBytesMin...1024)
        case ("EC", "P-256"):
            algorithm = .es256
            let count = fanfare_p256_coordinate_bytes
            bytes = try Self.octets("x", object, count: count...count) + Self.octets("y", object, count: count...count)
        case ("OKP", "Ed25519"):
            algorithm = .edDSA
            let count = fanfare_ed25519_key_bytes
            bytes = try Self.octets("x", object, count: count...count)
        default: return nil
        }
        if let name = object["alg"]?.string, Algorithm(name: name) != algorithm { return nil }
        identifier = object["kid"]?.string
        // Safe: the array has the two coordinates that the function reads.
        if algorithm == .es256, unsafe !fanfare_p256_is_key(bytes) {
            throw Unusable(found: "\"x\" and \"y\" that are no point of P-256", allowed: "a public key of P-256")
        }
    }

    /// Whether `signature` is this key's for `message`. Off the data path: up to a tenth of a millisecond.
    package func verifies(_ signature: [UInt8], of message: [UInt8]) -> Bool {
        // Safe: each function reads as many bytes of signature and key as were checked before.
        switch algorithm {
        case .hs256:
            guard signature.count == fanfare_sha256_bytes else { return false }
            return unsafe fanfare_hmac_sha256_verify(bytes, bytes.count, signature, message, message.count)
        case .es256:
            guard signature.count == fanfare_p256_signature_bytes else { return false }
            return unsafe fanfare_p256_verify(bytes, signature, message, message.count)
        case .edDSA:
            guard signature.count == fanfare_ed25519_signature_bytes else { return false }
            return unsafe fanfare_ed25519_verify(bytes, signature, message, message.count)
        }
    }

    private static func octets(
        _ name: String, _ object: JSONObject, count: ClosedRange<Int>
    ) throws(Unusable) -> [UInt8] {
        let number = count.lowerBound == count.upperBound ? "\(count.lowerBound)" : "\(count.lowerBound) or more"
        let allowed = "\"\(name)\" with base64url of \(number) bytes"
        guard let text = object[name]?.string, let bytes = Base64.decodeURL(text.utf8) else {
            throw Unusable(found: "no \"\(name)\" in base64url", allowed: allowed)
        }
        guard count.contains(bytes.count) else {
            throw Unusable(found: "\"\(name)\" of \(bytes.count) bytes", allowed: allowed)
        }
        return bytes
    }
}

/// The keys of a JWK Set file (RFC 7517, section 5) that this service can use.
package struct JSONWebKeySet: Sendable, Hashable {
    /// Keys of one set at most: a token without `kid` may be tried with one only, so more would only cost memory.
    package static let keysMax = 256

    /// Where they were read.
    package let path: String
    /// The usable ones, in their order.
    package let keys: [JSONWebKey]

    /// No keys yet, until a file names them.
    static let none = JSONWebKeySet(path: "", keys: [])

    private init(path: String, keys: [JSONWebKey]) {
        self.path = path
        self.keys = keys
    }

    /// Reads the file at `path`, whose content is `text`. Keys of other kinds are passed over, as the RFC asks.
    ///
    /// - Throws: what is wrong, and where in the file.
    package init(path: String, _ text: [UInt8]) throws(JSONWebKey.Unusable) {
        let allowed = "a JWK Set: {\"keys\": […]}"
        let document: JSONDocument
        do throws(JSONSyntaxError) { document = try JSONDocument(text) } catch {
            throw JSONWebKey.Unusable(found: "no JSON (\(error.location))", allowed: allowed)
        }
        guard document.duplicates.isEmpty, let elements = document.root.object?["keys"]?.array,
            elements.count <= Self.keysMax
        else { throw JSONWebKey.Unusable(found: "no list of at most \(Self.keysMax) \"keys\"", allowed: allowed) }
        var keys: [JSONWebKey] = []
        for (index, element) in elements.enumerated() {
            guard let object = element.object else {
                throw JSONWebKey.Unusable(found: "/keys/\(index), which is no object", allowed: allowed)
            }
            do throws(JSONWebKey.Unusable) {
                guard let key = try JSONWebKey(object) else { continue }
                let isRepeated = keys.contains {
                    $0.identifier != nil && $0.identifier == key.identifier && $0.algorithm == key.algorithm
                }
                if isRepeated { throw JSONWebKey.Unusable(found: "its \"kid\" again", allowed: "one key of each") }
                keys.append(key)
            } catch {
                throw JSONWebKey.Unusable(found: "/keys/\(index) with \(error.found)", allowed: error.allowed)
            }
        }
        guard !keys.isEmpty else {
            throw JSONWebKey.Unusable(
                found: "no key for HS256, ES256 or EdDSA",
                allowed: "at least one of \"kty\" \"oct\", \"EC\" with \"P-256\", or \"OKP\" with \"Ed25519\"")
        }
        self.init(path: path, keys: keys)
    }

    /// The key for a token with these header fields; without a `kid` only when there is no choice.
    func key(_ algorithm: JSONWebKey.Algorithm, identifier: String?) -> JSONWebKey? {
        let candidates = keys.filter { $0.algorithm == algorithm && (identifier == nil || $0.identifier == identifier) }
        return candidates.count == 1 ? candidates[0] : nil
    }
}
