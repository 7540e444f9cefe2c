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
        test: WebhookTest? = nil, _ shard: Shard
    ) {
        budget -= 1
        inFlight += 1
        shard.metrics.webhookAttempts.add(1)
        markChanged(subscription)
        var delivery = Delivery(
            subscription: subscription, attempt: attempt, begun: shard.time,
            deadline: shard.time.monotonic.advanced(
                byMilliseconds: subscription.definition.webhook.timeoutMilliseconds))
        delivery.test = test
        if let due = attempt.due {
            delivery.timings.waited = Int(shard.time.monotonic.nanoseconds(since: due))
        } else if let record, record.time < shard.time.wall {
            delivery.timings.waited = Int(shard.time.wall.nanoseconds - record.time.nanoseconds)
        }
        guard let connection = subscription.pool.takeIdle() else {
            return open(EndpointConnection(pool: subscription.pool, for: delivery), shard)
        }
        connection.delivery = delivery
        connection.phase = .ready
        connection.deadline = delivery.deadline
        if let record, let bytes = connection.connection, bytes.canSend, bytes.output.isEmpty {
            request(record, on: connection, delivery, shard)
        } else {
            fetch(for: connection, shard)
        }
    }

    /// Finds the event of a connection that can take its request.
    func fetch(for connection: EndpointConnection, _ shard: Shard) {
        guard connection.phase == .ready, let delivery = connection.delivery else { return }
        // The handshake's last flight, for example, goes first; `outputDrained` brings us back.
        if let bytes = connection.connection, !bytes.canSend || !bytes.output.isEmpty { return }
        let subscription = delivery.subscription
        guard !subscription.isRemoved, subscription.pool === connection.pool, shard.draining == nil else {
            return notMade(connection, shard)
        }
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
        guard let bytes = connection.connection, !delivery.subscription.isRemoved else {
            return notMade(connection, shard)
        }
        let attempt = WebhookRequest.Attempt(
            id: delivery.test?.id
                ?? WebhookID(shard.position(delivery.attempt.sequence), key: shard.service.identifierKey),
            time: shard.time.wall, number: delivery.attempt.number)
        requestBytes.removeAll(keepingCapacity: true)
        do throws(WebhookRequestError) {
            try delivery.subscription.request?.append(record, attempt, to: &requestBytes)
        } catch {
            let outcome = Outcome(error: "the event cannot be sent in this content mode: \(error)")
            finish(connection, .failed(.unrepresentable, retryAfterSeconds: nil), outcome, shard)
            return putBack(connection, shard)
        }
        connection.phase = .awaitingAnswer
        connection.delivery?.timings.requested = shard.time.monotonic
        connection.requests += 1
        connection.hasAnswerBegun = false
        connection.deadline = min(
            delivery.deadline, shard.time.monotonic.advanced(byMilliseconds: Limits.firstByteMilliseconds))
        watch(connection, shard)
        send(requestBytes, on: bytes, shard)
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
        shard.arena.commit(count)
        unsafe shard.queueSend(UnsafeRawBufferPointer(start: start, count: count), on: connection, from: .arena)
    }

    /// Makes sure that the wheel looks at the connection at its deadline; an entry that fires earlier is left as it is.
    func watch(_ connection: EndpointConnection, _ shard: Shard) {
        guard let bytes = connection.connection else { return }
        if bytes.timer != nil, bytes.deadline <= connection.deadline { return }
        shard.schedule(bytes, at: connection.deadline)
    }

    // MARK: Answers

    /// The answer is complete, or as much of it as is read.
    func answered(_ connection: EndpointConnection, _ response: HTTPResponse, canGoOn: Bool, _ shard: Shard) {
        let retryAfter = response.headers[.retryAfter].flatMap { HTTPDate.retryAfterSeconds($0, now: shard.time.wall) }
        let outcome = WebhookOutcome(
            status: response.status, retryAfterSeconds: retryAfter.map { UInt64(max(0, $0)) })
        var report = Outcome(status: response.status)
        if outcome != .delivered { report.error = Self.words(status: response.status) }
        report.answer = response.body.isEmpty ? [] : response.body.array
        let isReusable = canGoOn && response.keepAlive && response.isComplete
        finish(connection, outcome, report, shard)
        if isReusable { putBack(connection, shard) } else { end(connection, shard) }
    }

    /// An attempt failed, and its connection with it.
    func failed(_ connection: EndpointConnection, _ problem: DeliveryProblem, _ shard: Shard) {
        if let status = connection.decoder.statusSeen, connection.phase == .awaitingAnswer {
            // The status line decides, even when the rest never comes.
            let outcome = WebhookOutcome(status: status, retryAfterSeconds: nil)
            let words = outcome == .delivered ? nil : Self.words(status: status)
            finish(connection, outcome, Outcome(status: status, error: words), shard)
        } else {
            finish(
                connection, .failed(problem.failure, retryAfterSeconds: nil), Outcome(error: problem.words), shard)
        }
        end(connection, shard)
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
