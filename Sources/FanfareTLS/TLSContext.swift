import CFanfareCrypto
import FanfareBase

/// What many sessions of one shard have in common: role, identity, trust, ticket keys and scratch memory.
///
/// TLS 1.3 and 1.2, AEAD ciphers with forward secrecy only, AES-128-GCM first; ALPN `http/1.1`, for clients that
/// `offerHTTP2` also `h2`. A peer without ALPN is served all the same, one that offers only others is not (RFC 7301,
/// section 3.2). Servers keep no session cache and send one ticket. Not `Sendable`: one thread makes it and
/// uses it and its sessions; at any moment one session at most is inside OpenSSL. Holds 33 KiB of scratch for all
/// sessions.
@safe package final class TLSContext {
    /// Which side its sessions are.
    package let isServer: Bool

    let handle: OpaquePointer
    let shared: UnsafeMutablePointer<fanfare_tls_shared>
    private(set) var recordsPerKeyMax: UInt32 = 1 << 23
    /// A session of this context is handing plaintext from `shared.received` to its caller.
    var isDeliveringPlaintext = false

    /// A context for the accepting side.
    ///
    /// - Parameters:
    ///   - clientTrust: when given, clients must show a certificate it trusts.
    ///   - speaksHTTP: whether clients that offer protocols (ALPN) must offer `http/1.1`; otherwise offers are not answered.
    package static func server(
        identity: TLSIdentity, tickets: TLSTicketKeys, clientTrust: TLSTrust? = nil, speaksHTTP: Bool = true
    ) throws(TLSError) -> TLSContext {
        let context = try TLSContext(isServer: true)
        try context.use(identity)
        context.replaceTicketKeys(tickets)
        if speaksHTTP { unsafe fanfare_tls_context_agree_on_http(context.handle) }
        if let clientTrust { unsafe fanfare_tls_context_trust(context.handle, clientTrust.store) }
        return context
    }

    /// A context for the connecting side.
    ///
    /// - Parameters:
    ///   - trust: who may have issued the server's certificate; with `TLSTrust.none` nothing is verified, names
    ///     neither.
    ///   - identity: the client certificate, for servers that ask for one.
    package static func client(trust: TLSTrust, identity: TLSIdentity? = nil) throws(TLSError) -> TLSContext {
        let context = try TLSContext(isServer: false)
        unsafe fanfare_tls_context_trust(context.handle, trust.store)
        if let identity { try context.use(identity) }
        return context
    }

    /// From now on sessions of this client's context offer HTTP/2 before HTTP/1.1 (ALPN `h2`, RFC 9113, section 3.2); what
    /// the server chose is in `negotiatedProtocol`.
    package func offerHTTP2() throws(TLSError) {
        guard unsafe fanfare_tls_context_offer_http2(handle) else { throw .library(OpenSSLFailure().words) }
    }

    /// From now on tickets are encrypted with the first of `keys`, and those of any of them accepted.
    package func replaceTicketKeys(_ keys: TLSTicketKeys) {
        for (index, key) in keys.keys.enumerated() {
            // Safe: at most countMax keys of exactly this struct's size, and it is plain bytes.
            unsafe withUnsafeMutableBytes(of: &shared.pointee.ticket_keys) { target in
                let size = MemoryLayout<fanfare_tls_ticket_key>.size
                unsafe target[index * size..<(index + 1) * size].copyBytes(from: key)
            }
        }
        unsafe shared.pointee.ticket_key_count = keys.keys.count
    }

    /// From now on sessions change their key after sealing `count` records, 2^23 unless called: AES-GCM is safe for
    /// 2^24.5 full-sized ones (RFC 8446, section 5.5), and OpenSSL does not count. TLS 1.2 sessions go on with their
    /// key.
    package func changeKeys(afterRecords count: UInt32) { recordsPerKeyMax = count }

    /// From now on sessions refuse TLS 1.3: what a peer that knows nothing newer is like.
    package func limitToTLS12() { unsafe fanfare_tls_context_limit_to_tls12(handle) }

    private init(isServer: Bool) throws(TLSError) {
        let shared = UnsafeMutablePointer<fanfare_tls_shared>.allocate(capacity: 1)
        // Safe: an all-zero fanfare_tls_shared is an empty one.
        unsafe UnsafeMutableRawPointer(shared).initializeMemory(
            as: UInt8.self, repeating: 0, count: MemoryLayout<fanfare_tls_shared>.size)
        guard let handle = unsafe fanfare_tls_context_new(isServer, shared) else {
            unsafe shared.deallocate()
            throw .library(OpenSSLFailure().words)
        }
        self.isServer = isServer
        unsafe self.handle = handle
        unsafe self.shared = shared
    }

    private func use(_ identity: TLSIdentity) throws(TLSError) {
        guard unsafe fanfare_tls_identity_use(handle, identity.handle) else { throw .library(OpenSSLFailure().words) }
    }

    // Sessions and resumptions hold their context, so nothing reads `shared` any more.
    deinit {
        unsafe SSL_CTX_free(handle)
        unsafe SSL_SESSION_free(shared.pointee.fresh_session)
        unsafe fanfare_tls_flight_release(shared)
        unsafe OPENSSL_cleanse(shared, MemoryLayout<fanfare_tls_shared>.size)
        unsafe shared.deallocate()
    }
}
