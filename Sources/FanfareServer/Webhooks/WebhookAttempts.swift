import FanfareBase
import FanfareDelivery
import FanfareLog
import FanfareRing
import FanfareTLS
import FanfareWire

/// Making attempts: a connection, the event, the request.
extension WebhookDispatcher {
    /// Begins an attempt on an idle connection, or on one to be opened. `record` is there when it was just found.
    func begin(
        _ attempt: WebhookAttempt, of subscription: WebhookSubscription, with record: EventRecord?,
        test: WebhookTest? = nil, question: EndpointConsent.Question? = nil, _ shard: Shard
    ) {
        budget -= 1
        inFlight += 1
        noteBusy(subscription)
        if question == nil { shard.metrics.webhookAttempts.add(1) }
        markChanged(subscription)
        var delivery = Delivery(
            subscription: subscription, attempt: attempt, begun: shard.time,
            deadline: shard.time.monotonic.advanced(
                byMilliseconds: subscription.webhook.timeoutMilliseconds))
        delivery.test = test
        delivery.question = question
        if let due = attempt.due {
            delivery.timings.waited = Int(shard.time.monotonic.nanoseconds(since: due))
        } else if let record, record.time < shard.time.wall {
            delivery.timings.waited = Int(shard.time.wall.nanoseconds - record.time.nanoseconds)
        }
        guard let connection = assign(delivery, subscription.pool, shard) else { return }
        if delivery.test != nil {
            // Asked for while completions are looked at: as in `resend`, the turn's arena is still to be emptied.
            ready.append(connection)
        } else if let record, connection.takesRequests {
            request(record, on: connection, delivery, shard)
        } else {
            fetch(for: connection, shard)
        }
    }

    /// Gives a delivery an idle connection or a place on one; nil when one is being opened for it.
    private func assign(_ delivery: Delivery, _ pool: EndpointPool, _ shard: Shard) -> EndpointConnection? {
        guard let connection = pool.takeIdle() ?? pool.takePlace() else {
            open(EndpointConnection(pool: pool, for: delivery), shard)
            return nil
        }
        connection.delivery = delivery
        connection.phase = .ready
        connection.deadline = delivery.deadline
        return connection
    }

    /// Makes the request of a connection again, on another: nobody looked at it. Not for ever, nor when none is free: then
    /// the schedule takes the event up again without using a step. False: it has been made again often enough.
    func resend(_ connection: EndpointConnection, _ shard: Shard) -> Bool {
        guard var delivery = connection.delivery, delivery.resends < Limits.resendsMax,
            !delivery.subscription.isRemoved, shard.draining == nil
        else { return false }
        guard connection.pool.hasRoom else {
            finish(connection, .notMade, Outcome(), shard)
            return true
        }
        delivery.resends += 1
        delivery.subscription.schedule.requested(now: shard.time.monotonic)
        connection.delivery = nil
        // Not at once: completions are looked at before the turn's arena is emptied, and what was written there would be
        // written over before it is sent.
        if let other = assign(delivery, connection.pool, shard) { ready.append(other) }
        return true
    }

    /// The endpoint has not looked at a connection's request, and says so.
    func unprocessed(_ connection: EndpointConnection, _ words: String, _ shard: Shard) {
        drop(connection, shard)
        if !resend(connection, shard) { failed(connection, DeliveryProblem(failure: .closed, words: words), shard) }
    }

    /// Finds the event of a connection that can take its request.
    func fetch(for connection: EndpointConnection, _ shard: Shard) {
        guard connection.phase == .ready, let delivery = connection.delivery else { return }
        // The handshake's last flight, for example, goes first; `outputDrained` brings us back, as the carrier does.
        if !connection.takesRequests {
            connection.carrier?.wait(connection)
            return
        }
        let subscription = delivery.subscription
        guard !subscription.isRemoved, subscription.pool === connection.pool, shard.draining == nil else {
            return notMade(connection, shard)
        }
        if delivery.question != nil { return ask(on: connection, delivery, shard) }
        if let test = delivery.test { return request(test.record, on: connection, delivery, shard) }
        let before = SequenceNumber(delivery.attempt.sequence.rawValue - 1)
        var member = subscription.member
        member.place = StreamPlace(after: before)
        if case .event(let sequence, let index) = shard.fanout.next(member), sequence == delivery.attempt.sequence {
            return request(shard.fanout.record(at: index), on: connection, delivery, shard)
        }
        switch shard.reader.read(after: before, selecting: nil, for: .webhook(slot: subscription.slot), shard) {
        case .waiting:
            subscription.awaitsBlock = true
            subscription.fetching.append(connection)
        case .block(let block):
            let index = block.firstIndex(above: before)
            guard index < block.count, case .event(let record) = block[index],
                record.sequence == delivery.attempt.sequence
            else { return gone(connection, shard) }
            request(record, on: connection, delivery, shard)
        case .atHead, .gap, .nothing: gone(connection, shard)
        }
    }

    /// The event is not in the log any more.
    private func gone(_ connection: EndpointConnection, _ shard: Shard) {
        guard let delivery = connection.delivery else { return }
        finish(
            connection, .failed(.expired, retryAfterSeconds: nil),
            Outcome(error: "retention has removed the event"), shard)
        expire(delivery.subscription, shard)
        putBack(connection, shard)
    }

    private func request(
        _ record: EventRecord, on connection: EndpointConnection, _ delivery: Delivery, _ shard: Shard
    ) {
        guard connection.connection != nil, !delivery.subscription.isRemoved else {
            return notMade(connection, shard)
        }
        let attempt = WebhookRequest.Attempt(
            id: delivery.test?.id
                ?? WebhookID(shard.position(delivery.attempt.sequence), key: shard.service.identifierKey),
            time: shard.time.wall, number: delivery.attempt.number)
        guard let equipment = equipment(of: delivery.subscription, shard) else { return notMade(connection, shard) }
        requestBytes.removeAll(keepingCapacity: true)
        do throws(WebhookRequestError) {
            try equipment.request.append(record, attempt, to: &requestBytes)
        } catch {
            return unrepresentable(connection, "\(error)", shard)
        }
        send(requestBytes, on: connection, delivery, shard)
    }

    /// Sends a request whose answer is awaited from now on.
    func send(_ request: [UInt8], on connection: EndpointConnection, _ delivery: Delivery, _ shard: Shard) {
        guard let bytes = connection.connection else { return notMade(connection, shard) }
        connection.phase = .awaitingAnswer
        connection.delivery?.timings.requested = shard.time.monotonic
        connection.requests += 1
        connection.hasAnswerBegun = false
        connection.deadline = min(
            delivery.deadline, shard.time.monotonic.advanced(byMilliseconds: Limits.firstByteMilliseconds))
        watch(connection, shard)
        guard let carrier = connection.carrier else { return send(request, on: bytes, shard) }
        if carrier.request(request, for: connection) { return markDirty(carrier) }
        guard HTTP2Client.canExpress(request) else {
            return unrepresentable(connection, "too many header fields for HTTP/2", shard)
        }
        carrier.retire(shard)
        unprocessed(connection, "the endpoint's connection takes no more requests", shard)
    }

    /// No request can be made of the event, on this connection or another.
    private func unrepresentable(_ connection: EndpointConnection, _ why: String, _ shard: Shard) {
        let outcome = Outcome(error: "the event cannot be sent in this content mode: \(why)")
        finish(connection, .failed(.unrepresentable, retryAfterSeconds: nil), outcome, shard)
        putBack(connection, shard)
    }

    /// One send from the arena; what is too large for that goes through the connection's own output, which is empty.
    private func send(_ request: [UInt8], on connection: Connection, _ shard: Shard) {
        let target = unsafe shard.arena.unused
        let isSmall = request.count <= TLSSession.recordPlaintextBytesMax
        guard isSmall, target.count >= Limits.arenaRoomPerVisit, let start = target.baseAddress else {
            return shard.send(request, on: connection)
        }
        let count = unsafe request.withUnsafeBytes { bytes -> Int in
            if let tls = connection.tls { return unsafe tls.seal(bytes, into: target) }
            unsafe target.copyMemory(from: bytes)
            return bytes.count
        }
        guard count > 0 else { return shard.abort(connection) }
        let offset = UInt32(shard.arena.count)
        shard.arena.commit(count)
        unsafe shard.queueSend(
            UnsafeRawBufferPointer(start: start, count: count), on: connection, from: .arena(offset: offset))
    }

    /// Makes sure that the wheel looks at the connection at its deadline; an entry that fires earlier is left as it is.
    func watch(_ connection: EndpointConnection, _ shard: Shard) {
        guard let bytes = connection.connection else { return }
        if bytes.timer != nil, bytes.deadline <= connection.deadline { return }
        shard.schedule(bytes, at: connection.deadline)
    }

    // MARK: Answers

    /// The answer is complete, or as much of it as is read.
    func answered(_ connection: EndpointConnection, _ answer: EndpointAnswer, _ shard: Shard) {
        let outcome = WebhookOutcome(
            status: answer.status, retryAfterSeconds: answer.retryAfterSeconds.map { UInt64(max(0, $0)) })
        var report = Outcome(status: answer.status, answer: answer.body, consent: answer.consent)
        if outcome != .delivered { report.error = Self.words(status: answer.status) }
        finish(connection, outcome, report, shard)
        if answer.canGoOn { putBack(connection, shard) } else { end(connection, shard) }
    }

    /// An attempt failed, and its connection with it.
    func failed(_ connection: EndpointConnection, _ problem: DeliveryProblem, _ shard: Shard) {
        if let begun = begunAnswer(of: connection, shard) {
            finish(connection, begun.outcome, begun.report, shard)
        } else {
            finish(
                connection, .failed(problem.failure, retryAfterSeconds: nil), Outcome(error: problem.words), shard)
        }
        end(connection, shard)
    }

    /// What an answer means whose rest never comes: the status line decides, and of waiting and consent what the head says;
    /// nil when none has begun.
    func begunAnswer(of connection: EndpointConnection, _ shard: Shard) -> (outcome: WebhookOutcome, report: Outcome)? {
        guard connection.phase == .awaitingAnswer, let status = connection.statusSeen else { return nil }
        let head = connection.answerBegun(now: shard.time.wall)
        let outcome = WebhookOutcome(
            status: status, retryAfterSeconds: head?.retryAfterSeconds.map { UInt64(max(0, $0)) })
        var report = Outcome(status: status, consent: head?.consent)
        if outcome != .delivered { report.error = Self.words(status: status) }
        return (outcome, report)
    }

    func notMade(_ connection: EndpointConnection, _ shard: Shard) {
        finish(connection, .notMade, Outcome(), shard)
        putBack(connection, shard)
    }

    static func words(status: Int) -> String {
        switch status {
        case 300..<400: "the endpoint answered \(status): redirects are not followed"
        case 410: "the endpoint answered 410: it wants no more events"
        default: "the endpoint answered \(status)"
        }
    }
}
