import FanfareBase

/// The JSON Web Tokens a shard has had verified, each until it expires, and who waits for one that is being verified.
///
/// Invariant: at most `Limits.verifiedTokensMax` are kept; the one verified first goes first. What was refused is not
/// kept: it costs its sender a verification each time, and nobody else a place.
struct TokenCache {
    private var verified: [String: Principal] = [:]
    private var order = RingQueue<String>(limit: Limits.verifiedTokensMax)
    private var waiting: [String: [SlotTable<Connection>.Key]] = [:]

    /// Who sends `token`, if that has been found out and still holds.
    func principal(of token: String, at now: WallTime) -> Principal? {
        verified[token].flatMap { $0.isExpired(at: now) ? nil : $0 }
    }

    /// Remembers who sends `token`.
    mutating func keep(_ principal: Principal, for token: String) {
        if verified.updateValue(principal, forKey: token) != nil { return }
        if order.isFull, let oldest = order.popFirst() { verified[oldest] = nil }
        _ = order.append(token)
    }

    /// Forgets everyone: the keys have changed.
    mutating func removeAll() {
        verified.removeAll()
        order.removeAll()
    }

    /// `connection` waits for what becomes of `token`; true when it is the first to.
    mutating func wait(_ connection: SlotTable<Connection>.Key, for token: String) -> Bool {
        waiting[token, default: []].append(connection)
        return waiting[token]?.count == 1
    }

    /// Everyone who waits for `token`; nobody afterwards.
    mutating func takeWaiting(for token: String) -> [SlotTable<Connection>.Key] {
        waiting.removeValue(forKey: token) ?? []
    }
}

/// Verification of JSON Web Tokens off the data path: a signature takes a tenth of a millisecond, a turn has a few.
extension Shard {
    /// Who sends `token` on a listener, as far as that is known at once.
    func authenticate(_ token: BearerToken, on listener: Listener) -> AccessControl.Outcome {
        let outcome = access.authenticate(token, on: listener)
        guard case .unverified(let text) = outcome, let principal = tokens.principal(of: text, at: time.wall) else {
            return outcome
        }
        return .principal(principal)
    }

    /// Has a token verified on the thread for that; the connection's handler hears of it with `tokenVerified`. False when
    /// too many tokens wait.
    func verify(_ token: String, for connection: Connection) -> Bool {
        guard let verifier = access.verifier else { return false }
        guard tokens.wait(connection.key, for: token) else { return true }
        let now = time.wall
        let inbox = service.inboxes[number]
        let isTaken = service.tokenWorker.submit {
            let outcome: AccessControl.Outcome
            do throws(TokenRefusal) {
                outcome = .principal(try verifier.verify(token, at: now))
            } catch {
                outcome = .refused(error)
            }
            inbox.post(ShardTask { $0.tokenVerified(token, outcome) })
        }
        if !isTaken { _ = tokens.takeWaiting(for: token) }
        return isTaken
    }

    private func tokenVerified(_ token: String, _ outcome: AccessControl.Outcome) {
        metrics.tokensVerified.add(1)
        if case .principal(let principal) = outcome { tokens.keep(principal, for: token) }
        for key in tokens.takeWaiting(for: token) {
            guard let connection = connections.lookup(key), connection.phase == .open else { continue }
            connection.handler?.tokenVerified(outcome, on: connection, shard: self)
        }
    }
}
