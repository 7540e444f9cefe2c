import FanfareBase

/// The JSON Web Tokens a shard has had verified, each until it expires, and who waits for one that is being verified.
///
/// Invariant: at most `Limits.verifiedTokensMax` are kept, all of them verified with the keys of this `generation`; the one
/// verified first goes first. What was refused is not kept: it costs its sender a verification each time, and nobody else a
/// place.
package struct TokenCache<Waiter> {
    /// What follows from a verdict.
    package enum Settlement {
        /// These waited for it.
        case tell([Waiter])
        /// The keys have changed since its verification began: those who wait need another one.
        case verifyAgain
    }

    /// Counts the changes of keys.
    package private(set) var generation = 0
    private var verified: [String: Principal] = [:]
    private var order = RingQueue<String>(limit: Limits.verifiedTokensMax)
    private var waiting: [String: [Waiter]] = [:]

    /// Nobody is known.
    package init() {}

    /// Who sends `token`, if that has been found out and still holds.
    package func principal(of token: String, at now: WallTime) -> Principal? {
        verified[token].flatMap { $0.isExpired(at: now) ? nil : $0 }
    }

    /// Takes the verdict of a verification that began in `generation`; one of other keys than those of now counts for nobody.
    package mutating func settle(
        _ token: String, _ outcome: AccessControl.Outcome, begunIn generation: Int
    ) -> Settlement {
        guard generation == self.generation else { return waiting[token] == nil ? .tell([]) : .verifyAgain }
        if case .principal(let principal) = outcome { keep(principal, for: token) }
        return .tell(takeWaiting(for: token))
    }

    private mutating func keep(_ principal: Principal, for token: String) {
        if verified.updateValue(principal, forKey: token) != nil { return }
        if order.isFull, let oldest = order.popFirst() { verified[oldest] = nil }
        _ = order.append(token)
    }

    /// Forgets everyone: the keys have changed.
    package mutating func removeAll() {
        generation += 1
        verified.removeAll()
        order.removeAll()
    }

    /// `waiter` waits for what becomes of `token`; true when it is the first to.
    package mutating func wait(_ waiter: Waiter, for token: String) -> Bool {
        waiting[token, default: []].append(waiter)
        return waiting[token]?.count == 1
    }

    /// Everyone who waits for `token`; nobody afterwards.
    package mutating func takeWaiting(for token: String) -> [Waiter] {
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
        let isTaken = submit(token, to: verifier)
        if !isTaken { _ = tokens.takeWaiting(for: token) }
        return isTaken
    }

    private func submit(_ token: String, to verifier: TokenVerifier) -> Bool {
        let now = time.wall
        let inbox = service.inboxes[number]
        let generation = tokens.generation
        return service.tokenWorker.submit {
            let outcome: AccessControl.Outcome
            do throws(TokenRefusal) {
                outcome = .principal(try verifier.verify(token, at: now))
            } catch {
                outcome = .refused(error)
            }
            inbox.post(ShardTask { $0.tokenVerified(token, outcome, generation) })
        }
    }

    private func tokenVerified(_ token: String, _ outcome: AccessControl.Outcome, _ generation: Int) {
        metrics.tokensVerified.add(1)
        switch tokens.settle(token, outcome, begunIn: generation) {
        case .tell(let waiting): tell(waiting, outcome)
        case .verifyAgain:
            if let verifier = access.verifier, submit(token, to: verifier) { return }
            // The queue is full by now: they are told so.
            tell(tokens.takeWaiting(for: token), .unverified(token))
        }
    }

    private func tell(_ waiting: [SlotTable<Connection>.Key], _ outcome: AccessControl.Outcome) {
        for key in waiting {
            guard let connection = connections.lookup(key), connection.phase == .open else { continue }
            connection.handler?.tokenVerified(outcome, on: connection, shard: self)
        }
    }
}
