import CFanfareCrypto
import FanfareBase

/// The newest entry of OpenSSL's error queue of this thread, which is the one closest to what we asked for (older ones
/// are from deeper inside); reading it empties the queue.
struct OpenSSLFailure {
    /// SSL_R_… of libssl, or another library's; 0 when there was no entry.
    let reason: Int32
    /// OpenSSL's words.
    let words: String

    init() {
        let code = ERR_peek_last_error()
        reason = ERR_GET_REASON(code)
        // Safe: the words are in OpenSSL's static tables.
        words = unsafe ERR_reason_error_string(code).map { unsafe String(cString: $0) } ?? "no reason given"
        ERR_clear_error()
    }

    /// The alert that the peer sent, when that is what happened (ssl.h: alerts are reasons from 1,000).
    var alertReceived: UInt8? {
        UInt8(exactly: Int(reason) - fanfare_tls_reason_alert)
    }

    func isReason(_ other: Int) -> Bool { Int(reason) == other }
}

extension TLSUntrusted {
    /// The refusal with X509_V_ERR_… code `code`.
    init(code: Int, expected: String) {
        switch Int32(truncatingIfNeeded: code) {
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
            X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, X509_V_ERR_CERT_SIGNATURE_FAILURE:
            self = .unknownIssuer
        case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN: self = .selfSigned
        case X509_V_ERR_CERT_HAS_EXPIRED: self = .expired
        case X509_V_ERR_CERT_NOT_YET_VALID: self = .notYetValid
        case X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH: self = .wrongHost(expected: expected)
        default:
            // Safe: the words are in OpenSSL's static tables.
            self = .other(unsafe String(cString: X509_verify_cert_error_string(code)))
        }
    }
}
