import FanfareEvent
import FanfareWire

/// Who a socket's client is: said with the first line of the stream protocol, changed by a later token, over when the token
/// expires.
extension SocketHandler {
    /// Takes the token of an `authenticate` op. The first of a connection that had to say who it is lets it in; a later one
    /// replaces the one before, which goes on to hold when the new one is refused.
    func authenticate(_ token: String, on connection: Connection, shard: Shard) {
        guard let listener = connection.listener?.configuration else { return }
        let outcome = shard.authenticate(BearerToken(authorization: "Bearer \(token)"), on: listener)
        guard case .unverified(let text) = outcome else { return settle(outcome, on: connection, shard: shard) }
        guard shard.verify(text, for: connection) else {
            return tooManyTokens(on: connection, shard: shard)
        }
        holdInput(on: connection, shard: shard)
    }

    func tokenVerified(_ outcome: AccessControl.Outcome, on connection: Connection, shard: Shard) {
        settle(outcome, on: connection, shard: shard)
        goOn(on: connection, shard: shard)
    }

    private func settle(_ outcome: AccessControl.Outcome, on connection: Connection, shard: Shard) {
        switch outcome {
        case .principal(let new): take(new, on: connection, shard: shard)
        case .refused(let refusal): refuse("unauthorized", "\(refusal)", connection, shard)
        case .missing, .invalid: refuse("unauthorized", "The token is not known here.", connection, shard)
        case .unverified: tooManyTokens(on: connection, shard: shard)
        }
    }

    /// The token cannot be verified at present. Who is known already may try again; who is not is told when to come back.
    private func tooManyTokens(on connection: Connection, shard: Shard) {
        let detail = "Too many tokens wait to be verified; try again shortly."
        shard.sendControl(message(SocketMessage.error("unavailable", detail)), on: connection)
        guard principal == nil else { return }
        sayClosing(
            "too many tokens", retryAfterMilliseconds: Limits.tokensRetrySeconds * 1_000, on: connection, shard: shard)
        close(.tryAgainLater, detail, on: connection, shard: shard)
    }

    /// From now on the client is `new`, unless it may not have what it has subscribed to.
    private func take(_ new: Principal, on connection: Connection, shard: Shard) {
        let wasKnown = principal != nil
        for pattern in connection.subscriber.map(shard.patterns(of:)) ?? [] where !new.maySubscribe(pattern) {
            return refuse("forbidden", "The new token may not subscribe to \(pattern.text).", connection, shard)
        }
        admit(new, shard)
        reschedule(connection, shard)
        if wasKnown { shard.sendControl(message(SocketMessage.authenticated(expires: new.expires)), on: connection) }
    }

    private func refuse(_ title: String, _ detail: String, _ connection: Connection, _ shard: Shard) {
        shard.sendControl(message(SocketMessage.error(title, detail)), on: connection)
        if principal == nil { close(.policyViolation, "", on: connection, shard: shard) }
    }

    /// It has not said who it is in time, whatever else it sent.
    func authenticationTimedOut(on connection: Connection, shard: Shard) {
        let detail = "The first line, {\"op\":\"authenticate\",\"token\":\"…\"}, did not come in time."
        refuse("unauthorized", detail, connection, shard)
    }

    /// The token has expired: the client may come back with another one.
    func tokenExpired(on connection: Connection, shard: Shard) {
        sendAway(.policyViolation, "token expired", retryAfterMilliseconds: 0, on: connection, shard: shard)
    }
}
