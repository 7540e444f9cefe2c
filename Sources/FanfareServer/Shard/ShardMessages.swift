import FanfareBase
import FanfareDelivery
import FanfareEvent
import FanfareLog
import FanfareRing
import FanfareWire

/// What shards tell each other, at the receiving end.
extension Shard {
    /// Takes what other shards and other threads have sent.
    func receiveMessages() {
        for sender in 0..<service.mail.shardCount where sender != number {
            while let message = service.mail.pop(from: sender, to: number) { receive(message) }
        }
    }

    private func receive(_ message: ShardMessage) {
        switch message {
        case .publish(let request): logOwner?.submit(request, self)
        case .published(let request): published(request)
        case .committed(let batch): announce(batch)
        case .skipped(let sequence): fanout.skip(to: sequence)
        case .perform(let task): task.body(self)
        }
    }

    /// Something arrived from a thread that is not a shard.
    func signalled() {
        for task in service.inboxes[number].take() { task.body(self) }
        armSignal()
    }

    /// Waits for the next signal from outside.
    func armSignal() {
        operations.append(
            Operation(.pollReadable, descriptor: service.inboxes[number].descriptor, token: Token(.signal)))
    }

    /// Hands events to the log, here or on the shard that owns it.
    func submit(_ request: PublishRequest) {
        request.receivedAt = time.monotonic
        request.decodedAt = moment
        if let logOwner {
            logOwner.submit(request, self)
        } else {
            service.mail.send(.publish(request), to: 0, from: self)
        }
    }

    /// The log has decided on a request of one of this shard's connections.
    func published(_ request: PublishRequest) {
        stagings.take(back: request)
        if request.isOwn { return registry?.published(request, self) ?? () }
        noteStages(of: request)
        guard
            let connection = connections.lookup(slot: request.reply.slot, generation: request.reply.generation),
            let handler = connection.handler
        else { return }
        if let handler = handler as? HTTPHandler {
            handler.answer(
                request.reply.ticket, PublishEndpoint.answer(to: request, log: service.logID), on: connection,
                shard: self)
        } else if let handler = handler as? SocketHandler {
            handler.published(request, on: connection, shard: self)
        }
    }

    private func noteStages(of request: PublishRequest) {
        guard request.accepted > 0 else { return }
        let decoding = request.decodedAt.nanoseconds(since: request.receivedAt)
        let committing = time.monotonic.nanoseconds(since: request.decodedAt)
        metrics.stages[EventStage.decoded.rawValue].add(decoding, UInt64(request.accepted))
        metrics.stages[EventStage.committed.rawValue].add(committing, UInt64(request.accepted))
    }

    /// Tells this shard's members of durable events.
    func announce(_ batch: CommittedBatch) {
        guard batch.first > fanout.head else { return }
        metrics.eventsAnnounced.add(UInt64(batch.count))
        // Nobody listens: there is nothing to look at.
        if patterns.count == 0 { return fanout.advanceHead(to: batch.last) }
        var matched: (count: UInt64, last: SequenceNumber) = (0, .zero)
        var topic = ByteView.empty
        for index in 0..<batch.count {
            let record = batch.record(index)
            // Events of one topic often come together.
            // Safe: the batch outlives the loop.
            let next = unsafe ByteView(record.topic)
            if next != topic {
                topic = next
                match(unsafe topic.unsafeBytes.bindMemory(to: UInt8.self).span)
            }
            if !matches.isEmpty { matched = (matched.count + 1, record.sequence) }
            fanout.announce(record, owner: batch, ownerBytes: batch.memoryBytes, matches: matches)
        }
        guard matched.count > 0 else { return }
        let now = moment
        metrics.stages[EventStage.matched.rawValue].add(now.nanoseconds(since: batch.committedAt), matched.count)
        stages.noteMatched(matched.count, through: matched.last, at: now)
    }

    /// Puts the interests of an event on `topic` into `matches`.
    private func match(_ topic: Span<UInt8>) {
        matches.removeAll(keepingCapacity: true)
        patterns.match(topic, into: &patternMatches)
        for match in patternMatches { matches.append(InterestID(match.rawValue)) }
        patternMatches.removeAll(keepingCapacity: true)
    }
}
