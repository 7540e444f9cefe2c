import CFanfareCrypto

/// Whose certificates a peer may show. Read once and shared by the contexts of all shards.
@safe package final class TLSTrust: @unchecked Sendable {
    // Sendable: X509_STORE locks itself and counts its references atomically. Nil: anyone.
    let store: OpaquePointer?

    private init(store: OpaquePointer?) { unsafe self.store = unsafe store }

    /// Anyone, and any name: for development (`--insecure`) only.
    package static let none = unsafe TLSTrust(store: nil)

    /// The issuers the system trusts. OpenSSL looks an issuer up in the system's directory when it first meets it; the
    /// environment's SSL_CERT_FILE and SSL_CERT_DIR are honoured.
    package static func system() throws(TLSError) -> TLSTrust {
        // Safe: a new object that deinit frees.
        guard let store = unsafe fanfare_tls_trust_system() else { throw .library(OpenSSLFailure().words) }
        return unsafe TLSTrust(store: store)
    }

    /// The certificates in a PEM file and nobody else. One that is no root (a leaf, an intermediate) is trusted as it
    /// is.
    ///
    /// Throws `unreadableFile` or `badCertificate`, with the path.
    package static func file(_ path: String) throws(TLSError) -> TLSTrust {
        try parse(FileContents.read(path), source: path)
    }

    /// As `file`, with the text itself.
    package static func pem(_ text: String) throws(TLSError) -> TLSTrust {
        try parse(Array(text.utf8), source: "the trusted certificates")
    }

    private static func parse(_ pem: [UInt8], source: String) throws(TLSError) -> TLSTrust {
        // Safe: the array is only read, within its count; the result is a new object that deinit frees.
        guard let store = unsafe fanfare_tls_trust_parse(pem, pem.count) else { throw .badCertificate(source: source) }
        return unsafe TLSTrust(store: store)
    }

    deinit { unsafe X509_STORE_free(store) }
}
