import FanfareBase
import FanfareDelivery
import FanfareEvent
import FanfareLog

/// Becoming a subscriber, asking for more, and leaving.
extension Shard {
    /// Why a subscription was refused; a title and what to do.
    struct SubscribeError: Error {
        /// A stable word.
        var title: String
        /// For a person.
        var detail: String
        /// As an HTTP status, where it is asked for by URL.
        var status = 400
    }

    /// Checks topics as they came.
    func patterns(_ texts: [String], for principal: Principal) throws(SubscribeError) -> [TopicPattern] {
        guard !texts.isEmpty else {
            throw SubscribeError(title: "topic-missing", detail: "Name at least one topic or pattern.")
        }
        guard texts.count <= Limits.patternsPerSubscriptionMax else {
            throw SubscribeError(
                title: "too-many-topics", detail: "At most \(Limits.patternsPerSubscriptionMax) patterns are allowed.")
        }
        var patterns: [TopicPattern] = []
        for text in texts {
            let pattern: TopicPattern
            do throws(TopicError) { pattern = try TopicPattern(text) } catch {
                throw SubscribeError(title: "invalid-topic", detail: "The pattern \"\(text)\" \(error).")
            }
            guard principal.maySubscribe(text) else {
                throw SubscribeError(title: "forbidden", detail: "The token may not subscribe to \(text).", status: 403)
            }
            patterns.append(pattern)
        }
        return patterns
    }

    /// Where a reader that asked for `start` begins.
    func resolve(_ start: StartPoint) throws(SubscribeError) -> StartPoint.Resolved {
        let resolved = start.resolved(
            log: service.logID, firstRetained: reader.firstRetained, head: reader.head,
            timeStart: { reader.locate(from: $0) })
        guard let resolved else {
            throw SubscribeError(
                title: "position-beyond-end",
                detail: "The position is beyond the log's end, \(position(reader.head)).")
        }
        return resolved
    }

    /// Makes the connection a subscriber that begins at `start`.
    func subscribe(
        _ connection: Connection, _ handler: SocketHandler, start: StartPoint.Resolved,
        slowPolicy: Subscriber.SlowPolicy
    ) -> Subscriber {
        let subscriber = Subscriber(after: start.after, wire: handler.wire, slowPolicy: slowPolicy)
        if start.last != nil || start.notBefore.nanoseconds > 0 {
            let reading = LogReading()
            reading.notBefore = start.notBefore
            reading.lastSearch = start.last.map {
                LastSearch(count: $0, head: start.after, floor: reader.firstRetained)
            }
            subscriber.reading = reading
        }
        connection.subscriber = subscriber
        metrics.socketsOpened.add(1)
        if let gap = start.gap { handler.tellGap(after: gap.after, next: gap.next, on: connection, shard: self) }
        return subscriber
    }

    /// Whether it is clear where a connection's cursor is, so that what it asked for may change: it is between two frames and
    /// searches nothing.
    func isSettled(_ connection: Connection) -> Bool {
        guard let subscriber = connection.subscriber else { return true }
        return subscriber.reading?.lastSearch == nil && mayInterject(connection, subscriber)
    }

    /// Adds a subscription. The first one begins where the subscriber was made, later ones at its place.
    func add(_ id: String, _ asked: [TopicPattern], to subscriber: Subscriber, on connection: Connection)
        throws(SubscribeError)
    {
        guard subscriber.subscriptions.count < Limits.subscriptionsPerSocketMax else {
            throw SubscribeError(
                title: "too-many-subscriptions",
                detail: "A connection has at most \(Limits.subscriptionsPerSocketMax) subscriptions.")
        }
        invariant(subscriber.member.place.isBetweenFrames, "a frame is complete before what is wanted changes")
        let isFirst = subscriber.subscriptions.isEmpty
        let before = subscriber.member.place
        var interests = Few<InterestID>()
        for pattern in asked {
            let interest = InterestID(patterns.add(pattern).id.rawValue)
            guard fanout.join(connection.slot, &subscriber.member, interest) else {
                _ = patterns.remove(PatternID(interest.rawValue))
                for joined in interests { release(joined, of: subscriber) }
                noteWants(of: subscriber)
                throw SubscribeError(
                    title: "too-many-topics",
                    detail: "A connection has at most \(DeliveryLimits.interestsPerMember) different patterns.")
            }
            interests.append(interest)
        }
        // `join` may move the place to the head when nothing pends: never for history that was asked for.
        if isFirst { subscriber.member.place = before }
        subscriber.subscriptions.append(Subscriber.Subscription(id: id, interests: interests))
        let wantsHistory =
            subscriber.member.place.sequence < fanout.head || subscriber.reading?.lastSearch != nil
        if wantsHistory { startCatchUp(connection, subscriber) }
        noteWants(of: subscriber)
    }

    /// Everything a subscriber asked for.
    func patterns(of subscriber: Subscriber) -> [TopicPattern] {
        subscriber.subscriptions.flatMap { subscription in
            subscription.interests.compactMap { patterns[PatternID($0.rawValue)] }
        }
    }

    /// One who reads the log looks there for what it asks for now; one who does not needs nothing for it.
    func noteWants(of subscriber: Subscriber) {
        guard subscriber.isCatchingUp else { return subscriber.reading = nil }
        let reading = subscriber.reading ?? LogReading()
        reading.patterns = patterns(of: subscriber)
        subscriber.reading = reading
    }

    /// A subscriber without subscriptions has nothing to catch up with: the next one begins at the head.
    func standAtHead(_ subscriber: Subscriber) {
        guard subscriber.subscriptions.isEmpty else { return }
        invariant(subscriber.member.place.isBetweenFrames, "a frame is complete before the cursor moves")
        subscriber.endCatchUp()
        subscriber.member.place = StreamPlace(after: max(subscriber.member.place.sequence, reader.head))
    }

    /// Ends one subscription of a socket; false when it has none of that name.
    func remove(_ id: String, from subscriber: Subscriber) -> Bool {
        guard let index = subscriber.subscriptions.firstIndex(where: { $0.id == id }) else { return false }
        invariant(subscriber.member.place.isBetweenFrames, "a frame is complete before what is wanted changes")
        let removed = subscriber.subscriptions.remove(at: index)
        for interest in removed.interests { release(interest, of: subscriber) }
        noteWants(of: subscriber)
        return true
    }

    /// A subscriber's connection is over.
    func forget(_ subscriber: Subscriber) {
        for subscription in subscriber.subscriptions {
            for interest in subscription.interests { _ = patterns.remove(PatternID(interest.rawValue)) }
        }
        subscriber.subscriptions = Few()
        fanout.leaveAll(&subscriber.member)
        metrics.socketsClosed.add(1)
    }

    /// Gives back one use of a pattern; the interest ends when no other subscription of the socket has it.
    private func release(_ interest: InterestID, of subscriber: Subscriber) {
        _ = patterns.remove(PatternID(interest.rawValue))
        let isUsed = subscriber.subscriptions.contains { $0.interests.contains(interest) }
        if !isUsed { fanout.leave(&subscriber.member, interest) }
    }

    /// A place of this log as users see it.
    func position(_ sequence: SequenceNumber) -> Position { Position(log: service.logID, sequence: sequence) }

    /// Tells a subscriber of numbers that will not come.
    func tellGap(_ connection: Connection, _ subscriber: Subscriber, after: SequenceNumber, next: SequenceNumber) {
        (connection.handler as? SocketHandler)?.tellGap(
            after: position(after), next: position(next), on: connection, shard: self)
    }
}
