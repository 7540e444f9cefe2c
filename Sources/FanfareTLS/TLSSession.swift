import CFanfareCrypto
import FanfareBase

/// One TLS connection as a transformation of bytes: ciphertext in, plaintext out, and back. It never sees a descriptor.
///
/// Belongs to its context's thread. Memory of an idle established server session: about 15 KB of heap, all OpenSSL's.
///
/// Bytes go on the wire in the order they are made: what `output` got, then what is sealed afterwards.
///
/// Phases only go forward: handshaking, established, failed; `isClosedByPeer` is set once, while established.
@safe package final class TLSSession {
    /// How far a session has come.
    package enum Phase: Sendable {
        /// Not yet agreed on keys: nothing can be sealed.
        case handshaking
        /// Data flows.
        case established
        /// Beyond use: close the connection after sending what `output` got.
        case failed
    }

    /// The most plaintext in one record.
    package static let recordPlaintextBytesMax = 16_384
    /// The most ciphertext a record has beyond its plaintext, and a key update sent before it.
    package static let sealedOverheadBytesMax = 128

    /// How far it has come.
    package var phase: Phase { currentPhase }
    /// The peer sent close_notify: it sends nothing more, but may still receive.
    package private(set) var isClosedByPeer = false
    /// We sent close_notify: nothing more can be sealed, but data may still be received.
    package var isClosed: Bool { hasClosed }
    /// Keys are agreed on and nothing has failed.
    package var isEstablished: Bool { phase == .established }

    // Private, since for what no other module sees the compiler can prove exclusive access instead of checking it in
    // every `seal`.
    private var currentPhase = Phase.handshaking
    private var hasClosed = false
    private var isReceiving = false
    private let context: TLSContext
    let handle: OpaquePointer
    // Empty on the server's side.
    private let serverName: String
    // Sealed with our newest key.
    private var recordsOfKey: UInt32 = 0
    private var resumption: TLSResumption?

    /// The accepting side of a new connection: wait for the client's bytes.
    ///
    /// - Precondition: `context` is a server's.
    package init(accepting context: TLSContext) throws(TLSError) {
        invariant(context.isServer, "a client's context cannot accept")
        guard let handle = unsafe fanfare_tls_session_new(context.handle, true, context.shared) else {
            throw .library(OpenSSLFailure().words)
        }
        self.context = context
        unsafe self.handle = handle
        serverName = ""
    }

    /// The connecting side of a new connection: go on with `startHandshake`.
    ///
    /// - Parameters:
    ///   - serverName: a host name (sent as SNI and verified) or an IPv4 or IPv6 literal, brackets allowed (verified).
    ///   - resumption: from an earlier session; ignored unless it is of this context and server.
    ///
    /// Throws `badServerName`.
    ///
    /// - Precondition: `context` is a client's.
    package init(
        connectingWith context: TLSContext, serverName: String, resumption: TLSResumption? = nil
    ) throws(TLSError) {
        invariant(!context.isServer, "a server's context cannot connect")
        let name = try Self.normalised(serverName)
        guard let handle = unsafe fanfare_tls_session_new(context.handle, false, context.shared) else {
            throw .library(OpenSSLFailure().words)
        }
        self.context = context
        unsafe self.handle = handle
        self.serverName = name
        guard unsafe fanfare_tls_session_expect(handle, name) else { throw .badServerName(serverName) }
        if let resumption, resumption.isFor(context, serverName: name) {
            // Its failure means a full handshake: nothing to report.
            _ = unsafe SSL_set_session(handle, resumption.session)
        }
    }

    deinit {
        // A connection cut short says nothing about keys: its session stays resumable (RFC 5246, section 7.2.1), which
        // OpenSSL does only for those that look closed. After an error it does not.
        if currentPhase != .failed { unsafe SSL_set_shutdown(handle, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN) }
        unsafe SSL_free(handle)
    }

    /// Appends the client's first message to `output`. Once, before anything else.
    package func startHandshake(output: inout [UInt8]) throws(TLSError) {
        unsafe fanfare_tls_no_input(context.shared)
        let result = unsafe SSL_do_handshake(handle)
        takeFlight(into: &output)
        guard unsafe SSL_get_error(handle, result) == SSL_ERROR_WANT_READ else { throw fail() }
    }

    /// Takes all of `ciphertext`; `plaintext` is called with each record's data, `output` gets what must be sent now
    /// (handshake, alerts, key updates), also when it throws.
    ///
    /// The bytes given to `plaintext` are valid until it returns; it may seal on other sessions, but not on this one (a
    /// key update that follows would overtake the record), nor receive on one of this context. Throws what the peer did
    /// wrong and fails the session; after `isClosedByPeer` input is ignored.
    @discardableResult
    package func receive(
        _ ciphertext: UnsafeRawBufferPointer, output: inout [UInt8], plaintext: (UnsafeRawBufferPointer) -> Void
    ) throws(TLSError) -> Phase {
        guard currentPhase != .failed else { throw .sessionFailed }
        invariant(!context.isDeliveringPlaintext, "plaintext is used before more is received")
        let shared = unsafe context.shared
        var rest = unsafe ciphertext
        while true {
            var error: Int32 = 0
            let count = unsafe fanfare_tls_read(handle, shared, rest.baseAddress, rest.count, &error)
            unsafe rest = UnsafeRawBufferPointer(start: shared.pointee.input, count: shared.pointee.input_bytes)
            unsafe shared.pointee.input_bytes = 0
            if unsafe shared.pointee.flight_bytes > 0 { takeFlight(into: &output) }
            if unsafe shared.pointee.fresh_session != nil { keepFreshSession() }
            if currentPhase == .handshaking, unsafe SSL_is_init_finished(handle) == 1 { currentPhase = .established }
            guard count > 0 else {
                try unsafe stop(error, ciphertext)
                return currentPhase
            }
            context.isDeliveringPlaintext = true
            isReceiving = true
            unsafe plaintext(UnsafeRawBufferPointer(start: fanfare_tls_received(shared), count: Int(count)))
            isReceiving = false
            context.isDeliveringPlaintext = false
        }
    }

    /// The connection's end was read: throws `truncated` unless the peer said goodbye first.
    package func receiveEnd() throws(TLSError) {
        if !isClosedByPeer { throw .truncated }
    }

    /// Encrypts `plaintext` into `target`, as records of at most `recordPlaintextBytesMax`, and returns their bytes; 0 when
    /// the session has failed (now or before) or `isClosed`. Empty plaintext makes no record and returns 0. Allocates
    /// nothing of ours.
    ///
    /// - Precondition: not handshaking, and `target` has room for `sealedBytesMax`.
    package func seal(_ plaintext: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer) -> Int {
        invariant(target.count >= Self.sealedBytesMax(plaintext.count), "what is sealed fits its target")
        var begun = 0
        var sealed = 0
        while begun < plaintext.count {
            let end = min(begun + Self.recordPlaintextBytesMax, plaintext.count)
            let piece = unsafe UnsafeRawBufferPointer(rebasing: plaintext[begun..<end])
            let count = unsafe seal(piece, into: target, from: sealed)
            guard count > 0 else { return 0 }
            sealed += count
            begun = end
        }
        return sealed
    }

    /// As `seal`, of several slices in order; more than one are gathered in the context's scratch, a record at a time.
    package func seal(
        gathering slices: UnsafeBufferPointer<UnsafeRawBufferPointer>, into target: UnsafeMutableRawBufferPointer
    ) -> Int {
        if slices.count == 1 { return unsafe seal(slices[0], into: target) }
        let record = unsafe UnsafeMutableRawBufferPointer(
            start: fanfare_tls_gathered(context.shared), count: Self.recordPlaintextBytesMax)
        var gathered = 0
        var sealed = 0
        for index in slices.indices {
            var rest = unsafe slices[index]
            while unsafe !rest.isEmpty {
                if gathered == record.count {
                    let count = unsafe seal(UnsafeRawBufferPointer(record), into: target, from: sealed)
                    guard count > 0 else { return 0 }
                    sealed += count
                    gathered = 0
                }
                let piece = unsafe UnsafeRawBufferPointer(rebasing: rest.prefix(record.count - gathered))
                unsafe UnsafeMutableRawBufferPointer(rebasing: record[gathered...]).copyMemory(from: piece)
                gathered += piece.count
                unsafe rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(piece.count))
            }
        }
        guard gathered > 0 else { return 0 }
        let count = unsafe seal(UnsafeRawBufferPointer(rebasing: record[..<gathered]), into: target, from: sealed)
        return count > 0 ? sealed + count : 0
    }

    /// The room that `seal` needs for this much plaintext.
    @inlinable package static func sealedBytesMax(_ plaintextBytes: Int) -> Int {
        let records = (plaintextBytes + recordPlaintextBytesMax - 1) / recordPlaintextBytesMax
        return plaintextBytes + records * sealedOverheadBytesMax
    }

    /// Appends close_notify to `output`: nothing can be sealed afterwards. Nothing is appended unless established, nor
    /// twice.
    package func close(output: inout [UInt8]) {
        guard currentPhase == .established, !hasClosed else { return }
        hasClosed = true
        unsafe SSL_shutdown(handle)
        takeFlight(into: &output)
        ERR_clear_error()
    }

    /// The newest session the server gave, to be offered next time; nil when there is none or it was taken before. With
    /// TLS 1.3 it comes after the handshake, so ask when the connection is put away.
    package func takeResumption() -> TLSResumption? {
        defer { resumption = nil }
        return resumption
    }
}

// MARK: - Inside

extension TLSSession {
    /// Handles the end of a run of reads: throws unless more ciphertext is all that is missing.
    private func stop(_ error: Int32, _ ciphertext: UnsafeRawBufferPointer) throws(TLSError) {
        switch error {
        case SSL_ERROR_WANT_READ: return
        case SSL_ERROR_ZERO_RETURN: isClosedByPeer = true
        default: throw fail(isHTTP: unsafe PlaintextHTTP.begins(ciphertext))
        }
    }

    /// Fails the session and says why; `isHTTP` when that is what was being received.
    private func fail(isHTTP: Bool = false) -> TLSError {
        let wasHandshaking = currentPhase == .handshaking
        currentPhase = .failed
        let failure = OpenSSLFailure()
        if wasHandshaking, isHTTP || failure.isReason(fanfare_tls_reason_http_request) { return .plaintextHTTP }
        if failure.isReason(fanfare_tls_reason_verify_failed) {
            let code = unsafe SSL_get_verify_result(handle)
            return .untrustedPeer(TLSUntrusted(code: code, expected: serverName))
        }
        if let code = failure.alertReceived { return .alertReceived(code: code, words: failure.words) }
        return .protocolFailure(failure.words)
    }

    /// Encrypts `plaintext` as one record into `target` from `offset` on; 0 when the session has failed or is closed.
    private func seal(
        _ plaintext: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer, from offset: Int
    ) -> Int {
        invariant(currentPhase != .handshaking, "data is sealed after the handshake")
        invariant(!isReceiving, "records are sent in the order they are made: seal after receive has returned")
        guard currentPhase == .established, !hasClosed else { return 0 }
        recordsOfKey += 1
        if recordsOfKey > context.recordsPerKeyMax { changeKey() }
        let room = unsafe UnsafeMutableRawBufferPointer(rebasing: target[offset...])
        let count = unsafe fanfare_tls_seal(
            handle, context.shared, plaintext.baseAddress, plaintext.count, room.baseAddress, room.count)
        if count == 0 { _ = fail() }
        return count
    }

    /// Makes the next record be preceded by a key update. TLS 1.2 has none: its explicit nonces last longer.
    private func changeKey() {
        recordsOfKey = 1
        unsafe SSL_key_update(handle, SSL_KEY_UPDATE_NOT_REQUESTED)
        ERR_clear_error()
    }

    /// Moves what OpenSSL wants to send to the caller's bytes.
    private func takeFlight(into output: inout [UInt8]) {
        let shared = unsafe context.shared
        // Safe: the flight's first flight_bytes were written by the session just now.
        unsafe output.append(
            contentsOf: UnsafeBufferPointer(start: shared.pointee.flight, count: shared.pointee.flight_bytes))
        unsafe shared.pointee.flight_bytes = 0
    }

    /// Keeps the session that the server gave during the last call.
    private func keepFreshSession() {
        guard let fresh = unsafe context.shared.pointee.fresh_session else { return }
        unsafe context.shared.pointee.fresh_session = nil
        resumption = unsafe TLSResumption(taking: fresh, context: context, serverName: serverName)
    }

    /// A server name without brackets and final dot.
    private static func normalised(_ name: String) throws(TLSError) -> String {
        var text = name[...]
        if text.first == "[", text.last == "]" { text = text.dropFirst().dropLast() }
        if text.last == "." { text = text.dropLast() }
        guard (1...253).contains(text.utf8.count), !text.utf8.contains(0) else { throw .badServerName(name) }
        return String(text)
    }
}
