import CFanfareCrypto
import FanfareBase

/// Signs with all secrets of a subscription (Standard Webhooks: `id.timestamp.body`), one after another.
///
/// One per subscription and shard; not for two threads. The key schedule of each HMAC is prepared once, so that signing a
/// 230-byte body costs about 0.3 µs.
package final class WebhookSigner {
    private let keys: [SigningKey]
    private var message: [UInt8] = []
    private var signature: [UInt8] = []

    /// A signer with `secrets`, in the order in which their signatures are to appear.
    package init(_ secrets: [WebhookSecret]) throws(WebhookSecretError) {
        var keys: [SigningKey] = []
        for secret in secrets {
            switch secret.kind {
            case .symmetric: keys.append(try SymmetricKey(secret.key))
            case .signingKey: keys.append(try Ed25519Key(seed: secret.key))
            }
        }
        self.keys = keys
    }

    /// Characters of the header's value: known before there is anything to sign.
    package var textBytes: Int {
        keys.reduce(0) { $0 + $1.prefix.utf8CodeUnitCount + Base64.textBytes($1.signatureBytes) }
            + max(0, keys.count - 1)
    }

    /// The header's value for a message: what a receiver compares with.
    package func signature(id: String, timestamp: String, body: [UInt8]) -> String {
        var value = [UInt8](repeating: 0, count: textBytes)
        let prefix = Array("\(id).\(timestamp).".utf8)
        sign(prefix, body, &value)
        return String(decoding: value, as: UTF8.self)
    }

    /// Whether one of the signatures in `header` is one of this signer's, compared in constant time.
    package func verifies(_ header: String, id: String, timestamp: String, body: [UInt8]) -> Bool {
        let own = signature(id: id, timestamp: timestamp, body: body).split(separator: " ").map { Array($0.utf8) }
        return header.split(separator: " ").contains { candidate in
            own.contains { Self.isEqual($0, Array(candidate.utf8)) }
        }
    }

    private static func isEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        guard left.count == right.count else { return false }
        var difference: UInt8 = 0
        for index in left.indices { difference |= left[index] ^ right[index] }
        return difference == 0
    }

    /// Signs `prefix` (`id.timestamp.`) and `body`, and writes the header's value over `target` from `offset` on, where
    /// `textBytes` characters have been left for it.
    package func sign(_ prefix: [UInt8], _ body: [UInt8], _ target: inout [UInt8], at offset: Int = 0) {
        var place = offset
        for key in keys {
            if place > offset {
                target[place] = UInt8(ascii: " ")
                place += 1
            }
            signature.removeAll(keepingCapacity: true)
            key.sign(prefix, body, &message, into: &signature)
            invariant(signature.count == key.signatureBytes, "a signature has the length that was left for it")
            // Safe: a StaticString's start is valid for its utf8CodeUnitCount.
            for index in 0..<key.prefix.utf8CodeUnitCount {
                target[place] = unsafe key.prefix.utf8Start[index]
                place += 1
            }
            Base64.write(signature, over: &target, at: place)
            place += Base64.textBytes(signature.count)
        }
    }
}

/// One way to sign. A class, because its OpenSSL state has an end.
class SigningKey {
    var prefix: StaticString { invariantBroken("a key has a kind") }
    var signatureBytes: Int { invariantBroken("a key has a kind") }

    /// Appends to `signature` what is over `prefix` and `body`; `message` is room to work in.
    func sign(_ prefix: [UInt8], _ body: [UInt8], _ message: inout [UInt8], into signature: inout [UInt8]) {
        invariantBroken("a key has a kind")
    }
}

/// HMAC-SHA256 (RFC 2104) with the two padded keys hashed in advance.
@safe final class SymmetricKey: SigningKey {
    private let inner: OpaquePointer
    private let outer: OpaquePointer
    private let working: OpaquePointer

    override var prefix: StaticString { "v1," }
    override var signatureBytes: Int { 32 }

    init(_ key: [UInt8]) throws(WebhookSecretError) {
        invariant(key.count <= 64, "a key fits SHA-256's block, so it is padded and never hashed")
        guard let inner = unsafe EVP_MD_CTX_new(), let outer = unsafe EVP_MD_CTX_new(),
            let working = unsafe EVP_MD_CTX_new()
        else {
            throw .refused
        }
        unsafe self.inner = unsafe inner
        unsafe self.outer = unsafe outer
        unsafe self.working = unsafe working
        super.init()
        guard unsafe Self.prepare(inner, key, 0x36), unsafe Self.prepare(outer, key, 0x5C) else { throw .refused }
    }

    deinit {
        // Safe: this object alone holds them.
        unsafe EVP_MD_CTX_free(inner)
        unsafe EVP_MD_CTX_free(outer)
        unsafe EVP_MD_CTX_free(working)
    }

    override func sign(_ prefix: [UInt8], _ body: [UInt8], _ message: inout [UInt8], into signature: inout [UInt8]) {
        for _ in 0..<signatureBytes { signature.append(0) }
        var isDone = unsafe EVP_MD_CTX_copy_ex(working, inner) == 1
        isDone = unsafe isDone && EVP_DigestUpdate(working, prefix, prefix.count) == 1
        isDone = unsafe isDone && EVP_DigestUpdate(working, body, body.count) == 1
        isDone = unsafe isDone && EVP_DigestFinal_ex(working, &signature, nil) == 1
        isDone = unsafe isDone && EVP_MD_CTX_copy_ex(working, outer) == 1
        isDone = unsafe isDone && EVP_DigestUpdate(working, signature, signatureBytes) == 1
        isDone = unsafe isDone && EVP_DigestFinal_ex(working, &signature, nil) == 1
        invariant(isDone, "SHA-256 over memory does not fail")
    }

    private static func prepare(_ context: OpaquePointer, _ key: [UInt8], _ pad: UInt8) -> Bool {
        var block = [UInt8](repeating: pad, count: 64)
        for (index, byte) in key.enumerated() { block[index] ^= byte }
        return unsafe EVP_DigestInit_ex(context, EVP_sha256(), nil) == 1
            && EVP_DigestUpdate(context, block, block.count) == 1
    }
}

/// Ed25519 (RFC 8032), which signs a message as a whole.
@safe final class Ed25519Key: SigningKey {
    private let key: OpaquePointer
    private let context: OpaquePointer

    override var prefix: StaticString { "v1a," }
    override var signatureBytes: Int { 64 }

    init(seed: [UInt8]) throws(WebhookSecretError) {
        guard let context = unsafe EVP_MD_CTX_new() else { throw .refused }
        guard let key = unsafe EVP_PKEY_new_raw_private_key(NID_ED25519, nil, seed, seed.count) else {
            unsafe EVP_MD_CTX_free(context)
            throw .refused
        }
        unsafe self.key = unsafe key
        unsafe self.context = unsafe context
    }

    deinit {
        // Safe: this object alone holds them.
        unsafe EVP_MD_CTX_free(context)
        unsafe EVP_PKEY_free(key)
    }

    override func sign(_ prefix: [UInt8], _ body: [UInt8], _ message: inout [UInt8], into signature: inout [UInt8]) {
        message.removeAll(keepingCapacity: true)
        message += prefix
        message += body
        for _ in 0..<signatureBytes { signature.append(0) }
        var count = signatureBytes
        let isDone =
            unsafe EVP_DigestSignInit(context, nil, nil, nil, key) == 1
            && EVP_DigestSign(context, &signature, &count, message, message.count) == 1
            && EVP_MD_CTX_reset(context) == 1
        invariant(isDone, "Ed25519 over memory does not fail")
    }
}
