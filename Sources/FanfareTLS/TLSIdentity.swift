import CFanfareCrypto

/// A certificate with its chain and its private key, checked against each other: who a server, or a client with a
/// client certificate, is.
///
/// Read once and shared by the contexts of all shards, so that they agree even when the files change meanwhile.
/// Immutable.
@safe package final class TLSIdentity: @unchecked Sendable {
    // Sendable: never changed after init, and OpenSSL counts the references to what it holds atomically.
    let handle: OpaquePointer

    /// The identity in two PEM files: the leaf followed by its issuers, and an unencrypted key. May be the same file.
    ///
    /// Throws `unreadableFile`, `badCertificate`, `badPrivateKey` or `keyDoesNotMatchCertificate`, with the path.
    package convenience init(certificateChainPath: String, privateKeyPath: String) throws(TLSError) {
        let chain = try FileContents.read(certificateChainPath)
        let key = try FileContents.read(privateKeyPath)
        try self.init(chain: chain, chainSource: certificateChainPath, key: key, keySource: privateKeyPath)
    }

    /// The identity in two PEM texts.
    package convenience init(certificateChainPEM: String, privateKeyPEM: String) throws(TLSError) {
        try self.init(
            chain: Array(certificateChainPEM.utf8), chainSource: "the certificate",
            key: Array(privateKeyPEM.utf8), keySource: "the private key")
    }

    private init(chain: [UInt8], chainSource: String, key: [UInt8], keySource: String) throws(TLSError) {
        var parsed: OpaquePointer?
        // Safe: both arrays are only read, within their counts; the result is a new object that deinit frees.
        let result = unsafe fanfare_tls_identity_parse(chain, chain.count, key, key.count, &parsed)
        switch result {
        case fanfare_tls_identity_bad_certificate: throw .badCertificate(source: chainSource)
        case fanfare_tls_identity_bad_key: throw .badPrivateKey(source: keySource)
        case fanfare_tls_identity_mismatch:
            throw .keyDoesNotMatchCertificate(key: keySource, certificate: chainSource)
        default: break
        }
        guard let parsed = unsafe parsed else { throw .library("an identity could not be made") }
        unsafe handle = parsed
    }

    deinit { unsafe fanfare_tls_identity_free(handle) }
}
