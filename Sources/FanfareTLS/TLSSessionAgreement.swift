import CFanfareCrypto

/// What client and server agreed on in the handshake.
extension TLSSession {
    /// The protocol agreed on with ALPN (`http/1.1`, `h2`), or nil.
    package var negotiatedProtocol: String? {
        var count: UInt32 = 0
        guard let name = unsafe fanfare_tls_protocol(handle, &count) else { return nil }
        // Safe: the name lives as long as the session and is copied.
        return unsafe String(decoding: UnsafeBufferPointer(start: name, count: Int(count)), as: UTF8.self)
    }

    /// `TLSv1.3` or `TLSv1.2`, once established.
    package var version: String { unsafe String(cString: SSL_get_version(handle)) }

    /// The handshake was short: client and server knew each other from an earlier session.
    package var isResumed: Bool { unsafe SSL_session_reused(handle) == 1 }
}
