import FanfareBase
import FanfareLog
import FanfareWire

/// A change of one subscription that someone asks for: decided on shard 0, answered when durable.
struct SubscriptionChange: Sendable {
    /// What is asked, by whom.
    let request: ChangeRequest
    /// Where the answer goes.
    let reply: ReplyAddress

    private var id: String { request.id }

    /// Decides and does it; on shard 0. The answer follows when the change is durable.
    func apply(_ shard: Shard) {
        guard let registry = shard.registry else { return }
        guard shard.service.isAccepting, !registry.journal.isFull else {
            return shard.deliver(
                .problem(503, "no-space", "The journal cannot take changes now.", headers: [("retry-after", "5")]),
                to: reply)
        }
        do throws(ChangeRequest.Refusal) {
            let known = shard.service.subscriptions[id]
            try request.check(
                known?.known, isFull: shard.service.subscriptions.count >= Limits.subscriptionsMax,
                quota: quota(registry, shard))
            switch request.kind {
            case .put(let definition, let secret): put(definition, secret, known, registry, shard)
            case .remove: finish(known, registry, shard) { registry.remove($0, shard) }
            case .enable: finish(known, registry, shard) { registry.enable($0, shard) }
            case .disable: finish(known, registry, shard) { registry.disable($0, shard) }
            case .rotate(let secret, let overlap): rotate(known, secret, overlap, registry, shard)
            }
        } catch {
            shard.deliver(answer(to: error), to: reply)
        }
    }

    private func put(
        _ definition: SubscriptionDefinition, _ secret: String, _ known: SubscriptionEntry?,
        _ registry: SubscriptionRegistry,
        _ shard: Shard
    ) {
        let (definition, made) = ChangeRequest.signed(definition, known: known?.known, secret: secret)
        guard definition.stored.count <= LogLimits.journalValueBytesMax else {
            return shard.deliver(
                .problem(413, "definition-too-large", "The definition is too large to be kept."), to: reply)
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
                        400, "invalid-definition", error.detail,
                        errors: [.init(detail: error.detail, pointer: "/start")]),
                    to: reply)
            }
        }
        let json = SubscriptionJSON(service: shard.service).shown(done.entry, signingSecret: made)
        registry.answer(reply, .json(known == nil ? 201 : 200, json.line), whenSynced: done.through)
    }

    /// How many subscriptions the tenant of a definition may have, and has besides this one; nil without a bound.
    private func quota(_ registry: SubscriptionRegistry, _ shard: Shard) -> (allowed: Int, others: Int)? {
        guard case .put(let definition, _) = request.kind,
            let quota = registry.quotas[definition.tenant] ?? registry.quotas["*"]
        else { return nil }
        let others = shard.service.subscriptions.all.count {
            $0.id != id && $0.definition?.tenant == definition.tenant
        }
        return (quota, others)
    }

    private func rotate(
        _ known: SubscriptionEntry?, _ secret: String, _ overlapMilliseconds: Int, _ registry: SubscriptionRegistry,
        _ shard: Shard
    ) {
        guard let known, var definition = known.definition else { return }
        let now = shard.time.wall
        let until = WallTime(nanoseconds: now.nanoseconds + UInt64(overlapMilliseconds) * 1_000_000)
        definition.webhook = definition.webhook.rotated(to: Secret(secret), now: now, until: until)
        let done = registry.replace(known, with: definition, shard)
        let json = SubscriptionJSON(service: shard.service).shown(done.entry, signingSecret: secret)
        registry.answer(reply, .json(200, json.line), whenSynced: done.through)
    }

    private func finish(
        _ known: SubscriptionEntry?, _ registry: SubscriptionRegistry, _ shard: Shard,
        _ change: (SubscriptionEntry) -> UInt64
    ) {
        guard let known else { return }
        let through = change(known)
        let answer =
            shard.service.subscriptions[id].map {
                Answer.json(200, SubscriptionJSON(service: shard.service).shown($0).line)
            }
        registry.answer(reply, answer ?? .empty(204), whenSynced: through)
    }

    private func answer(to refusal: ChangeRequest.Refusal) -> Answer {
        switch refusal {
        case .notFound: AdminEndpoint.noSubscription(id)
        case .ofFile(let path):
            .problem(409, "defined-in-file", "The file \(path) defines \(id): change or remove that, then reload.")
        case .forbidden(let detail): Router.forbidden(detail)
        case .paused(let reason): .problem(409, "paused", "\(id) is paused: \(reason).")
        case .quota(let tenant, let count):
            .problem(
                403, "quota-exceeded", "The tenant \(tenant) may have \(count) subscriptions, and has as many.")
        case .full:
            .problem(
                503, "too-many-subscriptions",
                "There are \(Limits.subscriptionsMax) subscriptions, which is the limit.",
                headers: [("retry-after", "60")])
        }
    }
}
