import FanfareBase

/// What someone asks to be changed, and whether they may: pure.
package struct ChangeRequest: Sendable {
    /// What is asked.
    package enum Kind: Sendable {
        /// Create or replace. The secret is one that was made in case it is needed.
        case put(SubscriptionDefinition, secret: String)
        /// Forget it.
        case remove
        /// Deliver again.
        case enable
        /// Make no attempts.
        case disable
        /// Sign with this secret; those there were sign for so many milliseconds more.
        case rotate(secret: String, overlapMilliseconds: Int)
    }

    /// Why a change is refused.
    package enum Refusal: Error, Hashable {
        /// There is nobody of that name.
        case notFound
        /// The file at this path is the truth.
        case ofFile(String)
        /// May not manage it, or not subscribe to a topic.
        case forbidden(String)
        /// It is paused, and enabling does not help.
        case paused(String)
        /// There are too many.
        case full
        /// The tenant has as many as it may have.
        case quota(tenant: String, Int)
    }

    /// What is asked.
    package let kind: Kind
    /// About whom.
    package let id: String
    /// Who asks.
    package let principal: Principal

    /// `principal` asks for `kind` of the subscription `id`.
    package init(_ kind: Kind, id: String, by principal: Principal) {
        self.kind = kind
        self.id = id
        self.principal = principal
    }

    /// Whether it may be done, given what is known. `isFull`: nobody can be added; `quota`: how many its tenant may have, and
    /// has besides this one.
    package func check(
        _ known: KnownSubscription?, isFull: Bool, quota: (allowed: Int, others: Int)? = nil
    ) throws(Refusal) {
        if let known, !known.isManaged(by: principal) {
            throw .forbidden("The token may not manage the subscription \(id).")
        }
        switch kind {
        case .put(let definition, _):
            guard principal.mayManage(definition.tenant) else {
                throw .forbidden("The token may not manage subscriptions of the tenant \(definition.tenant).")
            }
            for topic in definition.topics where !principal.maySubscribe(topic) {
                throw .forbidden("The token may not subscribe to \(topic).")
            }
            if known == nil, isFull { throw .full }
            if let quota, quota.others >= quota.allowed, known?.definition?.tenant != definition.tenant {
                throw .quota(tenant: definition.tenant, quota.allowed)
            }
            try refuseFile(known)
        case .remove:
            guard known != nil else { throw .notFound }
            try refuseFile(known)
        case .enable:
            guard let known else { throw .notFound }
            if let reason = known.paused { throw .paused(reason) }
        case .disable: guard known != nil else { throw .notFound }
        case .rotate:
            guard let known else { throw .notFound }
            if known.definition?.keepsSecrets != true { try refuseFile(known) }
            if known.definition == nil { throw .paused(known.paused ?? "its definition is not known") }
        }
    }

    private func refuseFile(_ known: KnownSubscription?) throws(Refusal) {
        if case .file(.some(let path)) = known?.origin { throw .ofFile(path) }
    }

    /// The definition with the secrets it signs with: its own, else those it had, else the one that was made for it.
    package static func signed(_ definition: SubscriptionDefinition, known: KnownSubscription?, secret: String)
        -> (SubscriptionDefinition, made: String?)
    {
        guard definition.webhook.signingSecrets.isEmpty else { return (definition, nil) }
        var signed = definition
        if let secrets = known?.definition?.webhook.signingSecrets, !secrets.isEmpty {
            signed.webhook.signingSecrets = secrets
            if signed.webhook.retiringSecrets.isEmpty {
                signed.webhook.retiringSecrets = known?.definition?.webhook.retiringSecrets ?? []
            }
            return (signed, nil)
        }
        signed.webhook.signingSecrets = [Secret(secret)]
        return (signed, secret)
    }
}
