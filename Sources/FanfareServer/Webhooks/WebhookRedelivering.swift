import FanfareBase
import FanfareDelivery
import FanfareEvent
import FanfareLog

/// Finding the events that are to be delivered again: dead letters from the journal, or all that match from the log. Never
/// from the fan-out: live delivery's place there is its own.
extension WebhookDispatcher {
    /// Works off a request to deliver again, behind those before it.
    func redeliver(_ redelivery: JournalRedelivery, of number: SubscriptionNumber, _ shard: Shard) {
        guard let subscription = subscription(number) else { return }
        begin(redelivery, of: subscription)
        markChanged(subscription)
        markReady(subscription)
    }

    /// Hands a request to the schedule, new or as the journal left it.
    func begin(_ redelivery: JournalRedelivery, of subscription: WebhookSubscription) {
        subscription.redeliveries.append(redelivery)
        subscription.schedule.redeliver(WebhookRedelivery(redelivery))
        subscription.status.update { [redeliveries = subscription.redeliveries] in $0.redeliveries = redeliveries }
    }

    /// Takes the next event of the request being worked off; false when it has to be waited for.
    func takeRedelivery(_ subscription: WebhookSubscription, _ shard: Shard) -> Bool {
        guard let request = subscription.schedule.redelivery, !subscription.redeliveryAwaitsBlock else { return false }
        markChanged(subscription)
        if request.onlyFailed { return takeLetter(request, subscription, shard) }
        guard let equipment = equipment(of: subscription, shard) else { return false }
        let place = subscription.schedule.redeliveryTaken
        let answer = shard.reader.read(
            after: place, selecting: equipment.selection, for: .webhook(slot: subscription.slot), shard)
        switch answer {
        case .waiting:
            subscription.redeliveryAwaitsBlock = true
            return false
        case .atHead: subscription.schedule.passRedelivery(to: request.through)
        case .nothing(let sequence): subscription.schedule.passRedelivery(to: min(sequence, request.through))
        case .gap(let next):
            subscription.schedule.passRedelivery(to: min(SequenceNumber(next.rawValue - 1), request.through))
        case .block(let block): take(request, from: block, above: place, subscription, equipment, shard)
        }
        return true
    }

    private func take(
        _ request: WebhookRedelivery, from block: LogBlock, above place: SequenceNumber,
        _ subscription: WebhookSubscription, _ equipment: WebhookEquipment, _ shard: Shard
    ) {
        for index in block.firstIndex(above: place)..<block.count {
            guard case .event(let record) = block[index], equipment.matches(record) else { continue }
            guard record.sequence <= request.through else { break }
            return take(record.sequence, with: record, subscription, shard)
        }
        subscription.schedule.passRedelivery(to: min(block.last, request.through))
    }

    private func take(
        _ sequence: SequenceNumber, with record: EventRecord?, _ subscription: WebhookSubscription, _ shard: Shard
    ) {
        let attempt = subscription.schedule.takeRedelivery(
            sequence, isOwn: record?.isOwn ?? false, now: shard.time.monotonic)
        if let attempt { begin(attempt, of: subscription, with: record, shard) }
    }

    // MARK: Dead letters

    private func takeLetter(
        _ request: WebhookRedelivery, _ subscription: WebhookSubscription, _ shard: Shard
    ) -> Bool {
        let taken = subscription.schedule.redeliveryTaken
        subscription.lettersToRedeliver.removeAll { $0 <= taken || $0 > request.through }
        if subscription.lettersToRedeliver.isEmpty {
            guard !subscription.awaitsLetters else { return false }
            subscription.awaitsLetters = true
            askForLetters(request, after: taken, subscription, shard)
            return !subscription.awaitsLetters
        }
        take(subscription.lettersToRedeliver.removeFirst(), with: nil, subscription, shard)
        return true
    }

    /// Asks shard 0, which has the journal; the answer may come before this returns.
    private func askForLetters(
        _ request: WebhookRedelivery, after taken: SequenceNumber, _ subscription: WebhookSubscription, _ shard: Shard
    ) {
        let number = subscription.number
        let owner = shard.number
        shard.perform(on: 0) { shard in
            let letters = shard.registry?.journal.state.subscriptions[number]?.deadLetters ?? []
            let wanted = letters.lazy.map(\.sequence).filter { $0 > taken && $0 <= request.through }.sorted()
            let batch = Array(wanted.prefix(Limits.redeliveryLettersMax))
            shard.perform(on: owner) { $0.webhooks.lettersArrived(batch, request, number, $0) }
        }
    }

    private func lettersArrived(
        _ letters: [SequenceNumber], _ request: WebhookRedelivery, _ number: SubscriptionNumber, _ shard: Shard
    ) {
        guard let subscription = subscription(number) else { return }
        subscription.awaitsLetters = false
        if subscription.schedule.redelivery?.id == request.id {
            subscription.lettersToRedeliver = letters
            if letters.isEmpty { subscription.schedule.passRedelivery(to: request.through) }
        }
        markChanged(subscription)
        markReady(subscription)
    }
}

extension WebhookRedelivery {
    /// What the schedule makes of the journal's record.
    init(_ redelivery: JournalRedelivery) {
        self.init(
            id: redelivery.id, through: redelivery.through, onlyFailed: redelivery.onlyFailed, low: redelivery.low)
    }
}

extension EventRecord {
    /// Whether the service itself published it.
    var isOwn: Bool { unsafe Topic.isReserved(topic.bindMemory(to: UInt8.self).span) }
}
