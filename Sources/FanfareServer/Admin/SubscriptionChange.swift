import FanfareBase
import FanfareLog
import FanfareWire

/// A change of one subscription that someone asks for: decided on shard 0, answered when durable.
struct SubscriptionChange: Sendable {
    /// What is asked.
    enum Kind: Sendable {
        /// Create or replace. The secret is one that was made in case it is needed.
        case put(SubscriptionDefinition, secret: String)
        case remove, enable, disable
    }

    /// What is asked.
    let kind: Kind
    /// About whom.
    let id: String
    /// Who asks.
    let principal: Principal
    /// Where the answer goes.
    let reply: ReplyAddress

    /// Why a change is refused.
    enum Refusal: Error, Equatable {
        case notFound
        /// Its file is the truth.
        case ofFile(String)
        /// May not manage it, or not subscribe to a topic.
        case forbidden(String)
        /// It is paused, and enabling does not help.
        case paused(String)
        /// There are too many.
        case full
    }

    /// Decides and does it; on shard 0. The answer follows when the change is durable.
    func apply(_ shard: Shard) {
        guard let registry = shard.registry else { return }
        guard shard.service.isAccepting, !registry.journal.isFull else {
            return shard.deliver(
                .problem(503, "no-space", "The journal cannot take changes now.", headers: [("retry-after", "5")]), to: reply)
        }
        do throws(Refusal) {
            let known = shard.service.subscriptions[id]
            try check(known, count: shard.service.subscriptions.count)
            switch kind {
            case .put(let definition, let secret): put(definition, secret, known, registry, shard)
            case .remove: finish(known, registry, shard) { registry.remove($0, shard) }
            case .enable: finish(known, registry, shard) { registry.enable($0, shard) }
            case .disable: finish(known, registry, shard) { registry.disable($0, reason: "by request", shard) }
            }
        } catch {
            shard.deliver(answer(to: error), to: reply)
        }
    }

    /// Whether it may be done, given what is known. Pure.
    func check(_ known: SubscriptionEntry?, count: Int) throws(Refusal) {
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
            if known == nil, count >= Limits.subscriptionsMax { throw .full }
            try refuseFile(known)
        case .remove:
            guard known != nil else { throw .notFound }
            try refuseFile(known)
        case .enable:
            guard let known else { throw .notFound }
            if let reason = known.paused { throw .paused(reason) }
        case .disable: guard known != nil else { throw .notFound }
        }
    }

    private func refuseFile(_ known: SubscriptionEntry?) throws(Refusal) {
        if case .file(.some(let path)) = known?.origin { throw .ofFile(path) }
    }

    private func put(
        _ definition: SubscriptionDefinition, _ secret: String, _ known: SubscriptionEntry?, _ registry: SubscriptionRegistry,
        _ shard: Shard
    ) {
        let (definition, made) = Self.signed(definition, known: known, secret: secret)
        guard definition.stored.count <= LogLimits.journalValueBytesMax else {
            return shard.deliver(.problem(413, "definition-too-large", "The definition is too large to be kept."), to: reply)
        }
        let done: (entry: SubscriptionEntry, through: UInt64)
        if let known {
            done = registry.replace(known, with: definition, shard)
        } else {
            do throws(Shard.SubscribeError) {
                done = registry.create(definition, start: try shard.resolve(definition.start.point).after, shard)
            } catch {
                return shard.deliver(
                    .problem(
                        400, "invalid-definition", error.detail, errors: [.init(detail: error.detail, pointer: "/start")]),
                    to: reply)
            }
        }
        let json = SubscriptionJSON(service: shard.service).shown(done.entry, signingSecret: made)
        registry.answer(reply, .json(known == nil ? 201 : 200, json.line), whenSynced: done.through)
    }

    /// The definition with the secrets it signs with: its own, else those it had, else the one that was made for it.
    static func signed(_ definition: SubscriptionDefinition, known: SubscriptionEntry?, secret: String)
        -> (SubscriptionDefinition, made: String?)
    {
        guard definition.webhook.signingSecrets.isEmpty else { return (definition, nil) }
        var signed = definition
        if let secrets = known?.definition?.webhook.signingSecrets, !secrets.isEmpty {
            signed.webhook.signingSecrets = secrets
            return (signed, nil)
        }
        signed.webhook.signingSecrets = [Secret(secret)]
        return (signed, secret)
    }

    private func finish(
        _ known: SubscriptionEntry?, _ registry: SubscriptionRegistry, _ shard: Shard, _ change: (SubscriptionEntry) -> UInt64
    ) {
        guard let known else { return }
        let through = change(known)
        let answer =
            shard.service.subscriptions[id].map { Answer.json(200, SubscriptionJSON(service: shard.service).shown($0).line) }
        registry.answer(reply, answer ?? .empty(204), whenSynced: through)
    }

    private func answer(to refusal: Refusal) -> Answer {
        switch refusal {
        case .notFound: AdminEndpoint.noSubscription(id)
        case .ofFile(let path):
            .problem(409, "defined-in-file", "The file \(path) defines \(id): change or remove that, then reload.")
        case .forbidden(let detail): Router.forbidden(detail)
        case .paused(let reason): .problem(409, "paused", "\(id) is paused: \(reason).")
        case .full:
            .problem(
                503, "too-many-subscriptions", "There are \(Limits.subscriptionsMax) subscriptions, which is the limit.",
                headers: [("retry-after", "60")])
        }
    }
}
