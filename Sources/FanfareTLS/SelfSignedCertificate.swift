import CFanfareCrypto
import FanfareBase

/// A P-256 certificate made on the spot and its key, for `fanfare receive --tls`, the demo and tests.
@safe package struct SelfSignedCertificate: Sendable {
    /// The certificate as PEM.
    package let certificatePEM: String
    /// Its private key as PEM, unencrypted.
    package let privateKeyPEM: String

    /// A new certificate for `hosts`: names and address literals, of which the first is also the common name.
    ///
    /// - Parameters:
    ///   - issuer: who signs it; nil: it signs itself.
    ///   - isAuthority: it may sign others.
    ///   - validSeconds: from when to when it is valid, in seconds from now; by default from an hour ago for 30 days.
    ///
    /// Throws `library` when a host cannot stand in a certificate.
    ///
    /// - Precondition: at least one host.
    package static func make(
        hosts: [String], issuer: SelfSignedCertificate? = nil, isAuthority: Bool = false,
        validSeconds: Range<Int> = -3600..<30 * 86_400
    ) throws(TLSError) -> SelfSignedCertificate {
        invariant(!hosts.isEmpty, "a certificate is for some host")
        var certificate: OpaquePointer?
        var key: OpaquePointer?
        let made = unsafe withCStrings(hosts + [issuer?.certificatePEM ?? "", issuer?.privateKeyPEM ?? ""]) { texts in
            // Safe: the request and its texts are only read during the call.
            unsafe texts.withUnsafeBufferPointer { texts in
                var request = unsafe fanfare_certificate_request()
                unsafe request.hosts = texts.baseAddress
                unsafe request.host_count = hosts.count
                unsafe request.authority = isAuthority
                unsafe request.valid_from = validSeconds.lowerBound
                unsafe request.valid_to = validSeconds.upperBound
                unsafe request.issuer_certificate = issuer == nil ? nil : texts[hosts.count]
                unsafe request.issuer_key = issuer == nil ? nil : texts[hosts.count + 1]
                return unsafe fanfare_certificate_make(&request, &certificate, &key)
            }
        }
        guard made else { throw .library(OpenSSLFailure().words) }
        return unsafe SelfSignedCertificate(certificatePEM: takeText(certificate), privateKeyPEM: takeText(key))
    }

    /// The text in a memory BIO, which is freed.
    private static func takeText(_ bio: OpaquePointer?) -> String {
        var count = 0
        let bytes = unsafe fanfare_bio_bytes(bio, &count)
        // Safe: the BIO keeps its `count` bytes until it is freed below.
        let text = unsafe String(decoding: UnsafeRawBufferPointer(start: bytes, count: count), as: UTF8.self)
        unsafe BIO_free(bio)
        return text
    }

    /// Calls `body` with NUL-terminated copies of `texts` that live as long as the call.
    private static func withCStrings<Result>(
        _ texts: [String], _ body: ([UnsafePointer<CChar>?]) -> Result
    ) -> Result {
        var copies = unsafe texts.map { text in unsafe UnsafePointer(strdup(text)) }
        defer { for index in unsafe copies.indices { unsafe free(UnsafeMutablePointer(mutating: copies[index])) } }
        unsafe copies.append(nil)
        return unsafe body(copies)
    }
}
