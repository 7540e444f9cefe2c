import FanfareBase
import FanfareDelivery
import FanfareEvent
import FanfareLog
import FanfareTLS

/// The webhook subscriptions of one shard and the connections to their endpoints.
///
/// In a turn: completions give answers and connections, which only mark what can go on; `settle` tells the journal what was
/// decided; `dispatch` and `visited`, when everything of the turn has been announced, begin attempts.
///
/// Isolation: a subscription spends its own window, its pool's connections and a bounded share of each turn.
final class WebhookDispatcher {
    /// Set in the slots of members that are webhook subscriptions, not connections.
    static let memberBit: UInt32 = 1 << 31
    /// The timer key of looking at quiet subscriptions.
    static let quietSlot: UInt32 = .max
    /// The timer key of looking whether the journal can take more.
    static let heldSlot: UInt32 = .max - 1

    var subscriptions: [WebhookSubscription?] = []
    private var freeSlots: [UInt32] = []
    private var slots: [SubscriptionNumber: UInt32] = [:]
    var pools: [EndpointKey: EndpointPool] = [:]
    private var contexts: [SubscriptionDefinition.TLSFiles: TLSContext] = [:]
    private var policy: AddressPolicy?
    /// What the schedule installed last is based on.
    private var basisBefore: WebhookScheduleBasis?

    /// Connections being opened, by the slots of their connect operations.
    var openings = SlotTable<EndpointConnection>(capacity: 1 << 20)
    /// Connections that can take their delivery's request.
    var ready: [EndpointConnection] = []
    /// HTTP/2 connections with something to send.
    private var dirtyCarriers: [HTTP2Carrier] = []
    /// What one of them sends; kept for its memory.
    var carrierBytes: [UInt8] = []
    /// Subscriptions to advance.
    var toAdvance = RingQueue<UInt32>(limit: .max >> 1)
    /// Subscriptions whose cursor, counts or timers may have changed.
    var changed: [WebhookSubscription] = []
    /// What the journal is to be told, in this order.
    var entries: [JournalEntry] = []
    /// Attempts in flight.
    var inFlight = 0
    /// Attempts this turn may still begin.
    var budget = 0
    /// The request being made; kept for its memory.
    var requestBytes: [UInt8] = []
    /// Ranges being collected; kept for their memory.
    var ranges: [ClosedRange<SequenceNumber>] = []
    /// Where quiet subscriptions have been moved to.
    var quietHead = SequenceNumber.zero
    var quietTimer: TimerID?
    /// No subscription has anything that the next look could take from it.
    var isQuiet = true
    /// No attempts are begun at present.
    var isHeld = false
    var heldTimer: TimerID?

    /// Nothing is in flight.
    var isIdle: Bool { inFlight == 0 && changed.isEmpty && entries.isEmpty }
    /// The next turn is to come at once.
    var hasWork: Bool { !changed.isEmpty || !(toAdvance.isEmpty || isHeld) || !ready.isEmpty || !entries.isEmpty }

    // MARK: Subscriptions

    /// Starts delivering, or replaces the definition of a running subscription: cursor and retries stay, and the next
    /// attempt, also of a retry, uses the new one.
    func install(_ installation: WebhookInstallation, _ shard: Shard) {
        if let slot = slots[installation.number], let subscription = subscriptions[Int(slot)] {
            return replace(subscription, installation, shard)
        }
        let slot = freeSlots.popLast() ?? UInt32(subscriptions.count)
        let restored = installation.restored
        let start = installation.start
        let schedule = WebhookSchedule(
            basis(of: installation.definition.webhook, shard),
            cursor: WebhookCursor(low: start, acknowledged: restored?.acknowledged ?? []),
            retries: restored?.retries.values.sorted { $0.sequence < $1.sequence }.map(\.retry) ?? [],
            disabled: (restored?.disabled).map { WebhookDisabled(word: $0.reason) },
            health: restored.map { WebhookHealth($0) } ?? WebhookHealth(), now: shard.time)
        let subscription = WebhookSubscription(
            slot: slot, installation, schedule: schedule, member: MemberCursor(after: start, wire: .stream),
            pool: pool(for: installation.definition.webhook, shard))
        if case .time(let time) = installation.definition.start { subscription.notBefore = time }
        if Int(slot) == subscriptions.count { subscriptions.append(nil) }
        subscriptions[Int(slot)] = subscription
        slots[installation.number] = slot
        for redelivery in restored?.redeliveries ?? [] { begin(redelivery, of: subscription) }
        askAnew(subscription)
        subscription.pool.join(concurrency: subscription.webhook.concurrency)
        join(subscription, installation.definition.topics, shard)
        begin(subscription)
    }

    private func begin(_ subscription: WebhookSubscription) {
        subscription.status.update { status in
            if let reason = subscription.schedule.disabled { status.show(reason) }
            status.cursor = subscription.schedule.cursor.low
            status.retrying = subscription.schedule.retryCount
        }
        markChanged(subscription)
        markReady(subscription)
    }

    private func replace(_ subscription: WebhookSubscription, _ installation: WebhookInstallation, _ shard: Shard) {
        let before = subscription.webhook
        let old = subscription.pool
        leave(subscription, shard)
        subscription.replace(installation.definition)
        subscription.status = installation.status
        subscription.waitsForConnection = false
        subscription.schedule.replace(basis(of: subscription.webhook, shard))
        subscription.pool = pool(for: installation.definition.webhook, shard)
        release(old, concurrency: before.concurrency, shard)
        let webhook = subscription.webhook
        // One that refused may have had its reason in what has changed.
        let isOpen = subscription.consent.map { !$0.isGranted } ?? false
        if webhook.consent != before.consent || webhook.url != before.url || isOpen && webhook != before {
            askAnew(subscription)
        }
        subscription.pool.join(concurrency: webhook.concurrency)
        // What was pending before counted; new topics count from here on.
        join(subscription, installation.definition.topics, shard)
        markChanged(subscription)
        markReady(subscription)
    }

    /// Forgets a subscription; what is in flight ends without consequence.
    func remove(_ number: SubscriptionNumber, _ shard: Shard) {
        guard let slot = slots.removeValue(forKey: number), let subscription = subscriptions[Int(slot)] else { return }
        subscription.isRemoved = true
        if let timer = subscription.timer { shard.timers.cancel(timer) }
        leave(subscription, shard)
        release(subscription.pool, concurrency: subscription.webhook.concurrency, shard)
        for connection in subscription.fetching { ready.append(connection) }
        subscription.fetching = []
        subscriptions[Int(slot)] = nil
        freeSlots.append(slot)
    }

    /// Begins no attempts until `resume`; what is in flight finishes.
    func pause(_ number: SubscriptionNumber, _ shard: Shard) {
        guard let subscription = subscription(number) else { return }
        subscription.schedule.disable(.requested)
        subscription.status.update { $0.state = "paused" }
    }

    /// Begins attempts again, after a pause or when it was disabled.
    func resume(_ number: SubscriptionNumber, _ shard: Shard) {
        guard let subscription = subscription(number) else { return }
        // The journal may hear of a failure from before only after it heard `enable`.
        if subscription.schedule.health.failingSince != nil { entries.append(.unsuccessful(number, since: nil)) }
        subscription.schedule.enable()
        subscription.status.update { status in
            status.state = "active"
            status.disabledBecause = nil
            status.failingSince = nil
        }
        if let consent = subscription.consent, !consent.isGranted { askAnew(subscription) }
        markReady(subscription)
    }

    func subscription(_ number: SubscriptionNumber) -> WebhookSubscription? {
        slots[number].flatMap { subscriptions[Int($0)] }
    }

    /// What schedules of such webhooks share; most have the same as the one installed before.
    private func basis(of webhook: SubscriptionDefinition.Webhook, _ shard: Shard) -> WebhookScheduleBasis {
        let options = WebhookScheduleOptions(
            webhook, disableAfterMilliseconds: shard.service.configuration.webhooks.disableAfterMilliseconds)
        if let basisBefore, basisBefore.options == options { return basisBefore }
        let basis = WebhookScheduleBasis(options)
        basisBefore = basis
        return basis
    }

    // MARK: The fan-out

    private func join(_ subscription: WebhookSubscription, _ topics: [String], _ shard: Shard) {
        subscription.defect = nil
        do {
            // The definition was checked when it was accepted; a secret read from a file may be wrong all the same.
            _ = try WebhookRequest(subscription.webhook, now: shard.time.wall)
            let patterns = try topics.map { text throws(TopicError) in try TopicPattern(text) }
            join(subscription, patterns, shard)
        } catch {
            fail(subscription, "\(error)", shard)
        }
        // `join` moves the place to the head when nothing pends: never past history.
        subscription.member.place = StreamPlace(after: subscription.schedule.taken)
    }

    private func join(_ subscription: WebhookSubscription, _ patterns: [TopicPattern], _ shard: Shard) {
        for pattern in patterns {
            let id = shard.patterns.add(pattern).id
            let before = subscription.member.interestCount
            let mayHave = shard.fanout.join(
                subscription.slot | Self.memberBit, &subscription.member, InterestID(id.rawValue))
            // Each interest of the member is one use of its pattern.
            if subscription.member.interestCount == before { _ = shard.patterns.remove(id) }
            guard mayHave else {
                subscription.defect = "more than \(DeliveryLimits.interestsPerMember) different topics"
                return
            }
        }
    }

    private func leave(_ subscription: WebhookSubscription, _ shard: Shard) {
        while subscription.member.interestCount > 0 {
            let interest = subscription.member.interest(0)
            _ = shard.patterns.remove(PatternID(interest.rawValue))
            shard.fanout.leave(&subscription.member, interest)
        }
        subscription.member.place = StreamPlace(after: subscription.schedule.taken)
    }

    // MARK: Pools

    private func pool(for webhook: SubscriptionDefinition.Webhook, _ shard: Shard) -> EndpointPool {
        let key = EndpointKey(webhook, policy: addressPolicy(shard))
        if let pool = pools[key] { return pool }
        let pool: EndpointPool
        do throws(TLSError) {
            pool = EndpointPool(
                key, literal: webhook.url.literalAddresses, tls: key.scheme == .https ? try context(key.tls) : nil,
                failure: nil)
        } catch {
            pool = EndpointPool(key, literal: webhook.url.literalAddresses, tls: nil, failure: "TLS: \(error)")
        }
        pools[key] = pool
        return pool
    }

    private func release(_ pool: EndpointPool, concurrency: Int, _ shard: Shard) {
        pool.leave(concurrency: concurrency)
        guard pool.users == 0 else { return }
        pools[pool.key] = nil
        endIdle(in: pool, shard)
    }

    /// Ends the connections that nothing is under way on: the service drains.
    func endIdle(_ shard: Shard) {
        for pool in pools.values { endIdle(in: pool, shard) }
    }

    private func endIdle(in pool: EndpointPool, _ shard: Shard) {
        for carrier in pool.carriers { carrier.retire(shard) }
        while let connection = pool.takeIdle() { end(connection, shard) }
    }

    private func context(_ files: SubscriptionDefinition.TLSFiles) throws(TLSError) -> TLSContext {
        if let context = contexts[files] { return context }
        var identity: TLSIdentity?
        if let certificate = files.clientCertificate, let key = files.clientKey {
            identity = try TLSIdentity(certificateChainPath: certificate, privateKeyPath: key)
        }
        let trust = if let ca = files.ca { try TLSTrust.file(ca) } else { try TLSTrust.system() }
        let context = try TLSContext.client(trust: trust, identity: identity)
        try context.offerHTTP2()
        contexts[files] = context
        return context
    }

    private func addressPolicy(_ shard: Shard) -> AddressPolicy {
        if let policy { return policy }
        let made = shard.service.configuration.addressPolicy(
            ownAddresses: OwnAddresses.ofMachine(), bound: OwnAddresses.bound(shard.listeners))
        policy = made
        return made
    }

    // MARK: Marks

    /// Puts an HTTP/2 connection on the list of those that send at the end of the turn.
    func markDirty(_ carrier: HTTP2Carrier) {
        guard !carrier.isDirty else { return }
        carrier.isDirty = true
        dirtyCarriers.append(carrier)
    }

    /// Gives what HTTP/2 connections have to say to their bytes. Before outputs are flushed.
    func flushCarriers(_ shard: Shard) {
        // By index: ending one may mark another.
        var index = 0
        while index < dirtyCarriers.count {
            let carrier = dirtyCarriers[index]
            index += 1
            carrier.flush(shard)
        }
        dirtyCarriers.removeAll(keepingCapacity: true)
    }

    /// Puts a subscription on the list of those to advance.
    func markReady(_ subscription: WebhookSubscription) {
        guard !subscription.isReady, !subscription.isRemoved else { return }
        subscription.isReady = true
        _ = toAdvance.append(subscription.slot)
    }

    /// Puts a subscription on the list of those to settle.
    func markChanged(_ subscription: WebhookSubscription) {
        guard !subscription.isChanged else { return }
        subscription.isChanged = true
        changed.append(subscription)
    }
}

extension WebhookURL {
    /// The addresses that no lookup is needed for.
    var literalAddresses: [IPAddress]? {
        if let address { return [address] }
        return literalAddress == nil ? nil : [.v4(0x7F00_0001), .v6(0, 1)]
    }
}
