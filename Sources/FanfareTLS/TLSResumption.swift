import CFanfareCrypto

/// What a server gave a client so that the next handshake with it is short: kept per endpoint by the pool and offered
/// with the next session. Belongs to the shard whose context made it.
@safe package final class TLSResumption {
    let session: OpaquePointer
    let context: TLSContext
    let serverName: String

    init(taking session: OpaquePointer, context: TLSContext, serverName: String) {
        unsafe self.session = unsafe session
        self.context = context
        self.serverName = serverName
    }

    /// Whether the server's name was verified for this context: the certificate is not looked at again when resuming.
    func isFor(_ context: TLSContext, serverName: String) -> Bool {
        self.context === context && self.serverName == serverName
    }

    deinit { unsafe SSL_SESSION_free(session) }
}
