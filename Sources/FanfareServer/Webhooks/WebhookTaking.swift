import FanfareBase
import FanfareDelivery
import FanfareEvent
import FanfareLog
import FanfareRing
import FanfareTLS

/// Choosing what is attempted next: retries that are due, then events after the cursor, from memory or from the log.
extension WebhookDispatcher {
    /// What came of looking for the next event.
    private enum Taken {
        /// An attempt has begun.
        case attempt
        /// The cursor has moved; look again.
        case moved
        /// There is nothing now.
        case nothing
    }

    /// Begins attempts, once everything of this turn has been announced.
    func dispatch(_ shard: Shard) {
        budget = Limits.attemptsPerTurn
        if !ready.isEmpty {
            let connections = ready
            ready.removeAll(keepingCapacity: true)
            for connection in connections { fetch(for: connection, shard) }
        }
        scheduleQuietLook(shard)
        hold(shard)
        guard mayBegin(shard) else { return }
        var rounds = toAdvance.count
        while rounds > 0, budget > 0, let slot = toAdvance.popFirst() {
            rounds -= 1
            guard let subscription = subscriptions[Int(slot)] else { continue }
            subscription.isReady = false
            advance(subscription, shard)
        }
    }

    /// An event has matched one of a subscription's topics.
    func visited(member: UInt32, _ shard: Shard) {
        guard let subscription = subscription(inSlot: member & ~Self.memberBit) else { return }
        subscription.hasNews = true
        if budget > 0, mayBegin(shard), !subscription.isReady {
            advance(subscription, shard)
        } else {
            markReady(subscription)
        }
    }

    /// A subscription's retry is due, or its endpoint may be asked again.
    func timerFired(slot: UInt32, _ shard: Shard) {
        if slot == Self.quietSlot { return lookAtQuietOnes(shard) }
        if slot == Self.heldSlot {
            heldTimer = nil
            return
        }
        guard let subscription = subscription(inSlot: slot) else { return }
        subscription.timer = nil
        subscription.timerAt = MonotonicTime(nanoseconds: .max)
        markReady(subscription)
    }

    /// A block of the log that a subscription waited for has been read, or could not be.
    func blockArrived(slot: UInt32, failed: Bool, _ shard: Shard) {
        guard let subscription = subscription(inSlot: slot) else { return }
        subscription.awaitsBlock = false
        subscription.redeliveryAwaitsBlock = false
        let fetching = subscription.fetching
        subscription.fetching.removeAll(keepingCapacity: true)
        if failed {
            logFailed(subscription, shard)
            for connection in fetching { notMade(connection, shard) }
        } else {
            ready += fetching
        }
        markReady(subscription)
    }

    func subscription(inSlot slot: UInt32) -> WebhookSubscription? {
        Int(slot) < subscriptions.count ? subscriptions[Int(slot)] : nil
    }

    /// Whether attempts may be begun at all.
    private func mayBegin(_ shard: Shard) -> Bool {
        shard.draining == nil && !shard.service.isJournalFull && shard.arena.unusedCapacity >= Limits.arenaRoomPerVisit
    }

    /// Begins nothing while the service drains or the journal is full, and looks again in a while.
    private func hold(_ shard: Shard) {
        isHeld = shard.draining != nil || shard.service.isJournalFull
        guard isHeld, shard.draining == nil, !toAdvance.isEmpty, heldTimer == nil else { return }
        let deadline = shard.time.monotonic.advanced(byMilliseconds: Limits.journalFullPauseMilliseconds)
        heldTimer = shard.timers.insert(deadline: deadline, key: .webhook(slot: Self.heldSlot))
    }

    /// Begins what may be begun now, a visit's share at most.
    private func advance(_ subscription: WebhookSubscription, _ shard: Shard) {
        let now = shard.time.monotonic
        if subscription.hasNews {
            subscription.hasNews = false
            noteCaughtUp(false, subscription)
        }
        guard subscription.defect == nil, !subscription.waitsForConnection else { return }
        guard subscription.pausedUntil <= now else { return arm(subscription, at: subscription.pausedUntil, shard) }
        guard hasConsent(subscription, shard) else { return }
        var steps = Limits.attemptsPerVisit
        var hasNews = true
        var hasMore = true
        while steps > 0, budget > 0, shard.arena.unusedCapacity >= Limits.arenaRoomPerVisit {
            steps -= 1
            guard subscription.pool.hasRoom else {
                subscription.waitsForConnection = true
                return subscription.pool.await(subscription.slot)
            }
            switch subscription.schedule.next(now: now, hasNews: hasNews, hasMore: hasMore) {
            case .attempt(let attempt): begin(attempt, of: subscription, with: nil, shard)
            case .takeNext: if take(subscription, shard) == .nothing { hasNews = false }
            case .takeRedelivery:
                if !takeRedelivery(subscription, shard) { hasMore = false }
            case .wait: return armNext(subscription, shard)
            }
        }
        markReady(subscription)
    }

    // MARK: Taking

    /// Takes the next matching event above the cursor.
    private func take(_ subscription: WebhookSubscription, _ shard: Shard) -> Taken {
        if subscription.awaitsBlock { return .nothing }
        if !subscription.readsLog {
            switch shard.fanout.next(subscription.member) {
            case .nothing:
                pass(subscription, to: shard.fanout.head)
                noteCaughtUp(subscription.schedule.inFlightCount == 0, subscription)
                return .nothing
            case .event(let sequence, let index):
                return take(shard.fanout.record(at: index), sequence, subscription, shard)
            case .readLog: subscription.readsLog = true
            }
        }
        return takeFromLog(subscription, shard)
    }

    private func take(
        _ record: EventRecord, _ sequence: SequenceNumber, _ subscription: WebhookSubscription, _ shard: Shard
    ) -> Taken {
        if record.time < subscription.notBefore {
            pass(subscription, to: sequence)
            return .moved
        }
        let attempt = subscription.schedule.take(sequence, isOwn: record.isOwn, now: shard.time.monotonic)
        subscription.member.place = StreamPlace(after: subscription.schedule.taken)
        markChanged(subscription)
        guard let attempt else { return .moved }
        begin(attempt, of: subscription, with: record, shard)
        return .attempt
    }

    private func takeFromLog(_ subscription: WebhookSubscription, _ shard: Shard) -> Taken {
        guard let equipment = equipment(of: subscription, shard) else { return .nothing }
        let place = subscription.member.place.sequence
        let answer = shard.reader.read(
            after: place, selecting: equipment.selection, for: .webhook(slot: subscription.slot), shard)
        switch answer {
        case .waiting:
            subscription.awaitsBlock = true
            return .nothing
        case .atHead:
            subscription.readsLog = false
            return shard.fanout.next(subscription.member) == .readLog ? .nothing : .moved
        case .nothing(let sequence):
            pass(subscription, to: sequence)
            return .moved
        case .gap(let next):
            skip(subscription, to: SequenceNumber(next.rawValue - 1), shard)
            return .moved
        case .block(let block): return take(from: block, above: place, subscription, equipment, shard)
        }
    }

    private func take(
        from block: LogBlock, above place: SequenceNumber, _ subscription: WebhookSubscription,
        _ equipment: WebhookEquipment, _ shard: Shard
    ) -> Taken {
        for index in block.firstIndex(above: place)..<block.count {
            guard case .event(let record) = block[index], record.time >= subscription.notBefore,
                equipment.matches(record)
            else { continue }
            return take(record, record.sequence, subscription, shard)
        }
        pass(subscription, to: block.last)
        subscription.readsLog = shard.fanout.next(subscription.member) == .readLog
        return .moved
    }

    /// Nothing up to `sequence` is wanted.
    private func pass(_ subscription: WebhookSubscription, to sequence: SequenceNumber) {
        guard sequence > subscription.schedule.taken else { return }
        subscription.schedule.pass(to: sequence)
        subscription.member.place = StreamPlace(after: subscription.schedule.taken)
        markChanged(subscription)
    }

    /// Whether nothing pends, for whoever asks.
    private func noteCaughtUp(_ isCaughtUp: Bool, _ subscription: WebhookSubscription) {
        guard subscription.isCaughtUp != isCaughtUp else { return }
        subscription.isCaughtUp = isCaughtUp
        markChanged(subscription)
    }

    /// Everything of this turn has been visited: those who are caught up stand at the head. At the end of a turn.
    func noteVisited(_ shard: Shard) {
        if changed.isEmpty, toAdvance.isEmpty { shard.metrics.webhooksSettled.set(shard.fanout.head.rawValue) }
    }

    /// Retention has removed events that were not looked at: told, and counted as given up on.
    private func skip(_ subscription: WebhookSubscription, to sequence: SequenceNumber, _ shard: Shard) {
        let missing = subscription.schedule.skip(to: sequence)
        subscription.member.place = StreamPlace(after: subscription.schedule.taken)
        markChanged(subscription)
        for range in missing { expire(range, of: subscription, shard) }
        expire(subscription, shard)
    }

    func logFailed(_ subscription: WebhookSubscription, _ shard: Shard) {
        subscription.pausedUntil = shard.time.monotonic.advanced(byMilliseconds: Limits.damagedLogPauseMilliseconds)
        subscription.status.update { $0.lastError = "the log could not be read" }
        arm(subscription, at: subscription.pausedUntil, shard)
    }

    // MARK: Quiet ones

    /// Looks at quiet subscriptions a while after the log has grown or one of them has done something, and never while
    /// nothing happens.
    private func scheduleQuietLook(_ shard: Shard) {
        guard quietTimer == nil, shard.fanout.head > quietHead || !isQuiet, !subscriptions.isEmpty else { return }
        let deadline = shard.time.monotonic.advanced(byMilliseconds: Limits.quietCursorMilliseconds)
        quietTimer = shard.timers.insert(deadline: deadline, key: .webhook(slot: Self.quietSlot))
    }

    /// Moves the cursors of those for whom nothing pends to the head, so that a restart finds little to read again, and
    /// gives up on retries that retention has overtaken.
    private func lookAtQuietOnes(_ shard: Shard) {
        quietTimer = nil
        quietHead = shard.fanout.head
        isQuiet = true
        for case let subscription? in subscriptions {
            expire(subscription, shard)
            rest(subscription, shard)
            guard !subscription.readsLog, subscription.defect == nil, subscription.schedule.inFlightCount == 0,
                shard.fanout.next(subscription.member) == .nothing
            else { continue }
            pass(subscription, to: quietHead)
        }
    }

    /// It is not to be put to rest by the next look at quiet subscriptions.
    func noteBusy(_ subscription: WebhookSubscription) {
        subscription.isBusy = true
        isQuiet = false
    }

    /// Lets go of what only delivering needs, when nothing was done since the last look.
    private func rest(_ subscription: WebhookSubscription, _ shard: Shard) {
        defer { subscription.isBusy = false }
        guard !subscription.isBusy else { return isQuiet = false }
        guard subscription.schedule.inFlightCount == 0, !subscription.isTesting else { return }
        subscription.equipment = nil
        subscription.schedule.rest(now: shard.time.monotonic)
    }

    // MARK: Time

    private func armNext(_ subscription: WebhookSubscription, _ shard: Shard) {
        guard let deadline = subscription.schedule.deadline(now: shard.time.monotonic) else { return }
        arm(subscription, at: deadline, shard)
    }

    /// Advances the subscription at `deadline`; an entry of the wheel that fires earlier is left as it is.
    func arm(_ subscription: WebhookSubscription, at deadline: MonotonicTime, _ shard: Shard) {
        if let timer = subscription.timer {
            guard deadline < subscription.timerAt else { return }
            shard.timers.cancel(timer)
        }
        subscription.timerAt = deadline
        subscription.timer = shard.timers.insert(deadline: deadline, key: .webhook(slot: subscription.slot))
    }
}
