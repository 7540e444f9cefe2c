/// What can go wrong with certificates and with peers; `description` is a sentence for a person.
package enum TLSError: Error, Equatable, Sendable, CustomStringConvertible {
    /// A file of certificates or keys could not be read.
    case unreadableFile(path: String, reason: String)
    /// No PEM certificates, or one of them is damaged. `source` is a path, or what the text was for.
    case badCertificate(source: String)
    /// No PEM private key, a damaged one, or one encrypted with a passphrase.
    case badPrivateKey(source: String)
    /// The private key belongs to another certificate.
    case keyDoesNotMatchCertificate(key: String, certificate: String)
    /// Bytes that are not a serialised `TLSTicketKeys`.
    case badTicketKeys
    /// A host name that TLS cannot carry: empty, longer than 253 bytes, or with a NUL.
    case badServerName(String)
    /// The peer speaks HTTP without TLS.
    case plaintextHTTP
    /// The peer's certificate was refused.
    case untrustedPeer(TLSUntrusted)
    /// The peer ended the session with this alert (RFC 8446, section 6).
    case alertReceived(code: UInt8, words: String)
    /// The peer broke the protocol, or the two of us have no version or cipher in common; OpenSSL's words.
    case protocolFailure(String)
    /// The connection ended without close_notify: what was received may be incomplete.
    case truncated
    /// The session failed before; nothing can be received or sent any more.
    case sessionFailed
    /// OpenSSL refused what it never refuses (out of memory, no random numbers); its words.
    case library(String)

    package var description: String {
        switch self {
        case .unreadableFile(let path, let reason): "\(path): cannot be read: \(reason)"
        case .badCertificate(let source): "\(source): holds no PEM certificate, or a damaged one"
        case .badPrivateKey(let source):
            "\(source): holds no PEM private key, or one that is damaged or has a passphrase"
        case .keyDoesNotMatchCertificate(let key, let certificate):
            "\(key): the private key does not belong to the certificate in \(certificate)"
        case .badTicketKeys: "the stored TLS ticket keys are damaged"
        case .badServerName(let name): "'\(name)' cannot be a TLS server name"
        case .plaintextHTTP: "the peer speaks plain HTTP, not TLS"
        case .untrustedPeer(let untrusted): "the peer's certificate was refused: \(untrusted)"
        case .alertReceived(_, let words): "the peer ended TLS: \(words)"
        case .protocolFailure(let words): "TLS failed: \(words)"
        case .truncated: "the connection ended without a TLS close_notify"
        case .sessionFailed: "the TLS session has failed before"
        case .library(let words): "OpenSSL failed: \(words)"
        }
    }
}

/// Why a peer's certificate was refused.
package enum TLSUntrusted: Equatable, Sendable, CustomStringConvertible {
    /// No trusted issuer leads to it: none has its name, or none of that name signed it.
    case unknownIssuer
    /// It, or an issuer, signed itself and is not trusted.
    case selfSigned
    /// It has expired.
    case expired
    /// It is not valid yet: one of the clocks may be wrong.
    case notYetValid
    /// It is for other names than `expected`.
    case wrongHost(expected: String)
    /// Anything else, in OpenSSL's words.
    case other(String)

    package var description: String {
        switch self {
        case .unknownIssuer: "its issuer is not trusted"
        case .selfSigned: "it is self-signed and not trusted"
        case .expired: "it has expired"
        case .notYetValid: "it is not valid yet"
        case .wrongHost(let expected): "it is not for \(expected)"
        case .other(let words): words
        }
    }
}
