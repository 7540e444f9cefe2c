import FanfareBase
import FanfareDelivery
import FanfareRing
import FanfareTLS
import Glibc

/// How connections to endpoints begin and end: name, address, TLS, keep-alive.
extension WebhookDispatcher {
    // MARK: Opening

    /// Begins to open a connection for its delivery.
    func open(_ connection: EndpointConnection, _ shard: Shard) {
        let pool = connection.pool
        pool.opening()
        if let failure = pool.failure {
            return failed(connection, DeliveryProblem(failure: .tls, words: failure), shard)
        }
        if let known = pool.literal ?? shard.service.resolver.known(pool.key.host, now: shard.time.monotonic) {
            connection.addresses = known
            return connectNext(connection, shard)
        }
        guard keep(connection, within: Limits.resolveMilliseconds, shard), let key = connection.opening else { return }
        let inbox = shard.service.inboxes[shard.number]
        shard.service.resolver.resolve(pool.key.host) { answer in
            inbox.post(ShardTask { $0.webhooks.resolved(key.slot, key.generation, answer, $0) })
        }
    }

    /// The name of a connection's endpoint has been looked up.
    func resolved(_ slot: UInt32, _ generation: UInt32, _ answer: Resolver.Answer, _ shard: Shard) {
        guard let connection = openings.lookup(slot: slot, generation: generation) else { return }
        letGo(connection, shard)
        switch answer {
        case .success(let addresses):
            connection.delivery?.timings.resolved = shard.time.monotonic
            connection.addresses = addresses
            connectNext(connection, shard)
        case .failure(let failure):
            let words = "the name \(connection.pool.key.host) has no address: \(failure.words)"
            failed(connection, DeliveryProblem(failure: .resolve, words: words), shard)
        }
    }

    /// Connects to the next address that the policy allows. It is asked about the very address that is connected to.
    private func connectNext(_ connection: EndpointConnection, _ shard: Shard) {
        let key = connection.pool.key
        while connection.nextAddress < connection.addresses.count {
            let address = connection.addresses[connection.nextAddress]
            connection.nextAddress += 1
            if let refusal = key.policy.refusal(of: address, port: key.port) {
                let cure = refusal.canBeOpened ? "; \"networks\" would have to list it" : ""
                connection.problem = DeliveryProblem(
                    failure: .refusedAddress, words: "\(address) is refused: it is \(refusal)\(cure)")
                continue
            }
            connection.phase = .connecting
            connection.problem = DeliveryProblem(
                failure: .connect, words: "\(address) port \(key.port): no connection in time")
            guard keep(connection, within: Limits.connectMilliseconds, shard), let place = connection.opening else {
                return
            }
            let token = Token(purpose: Purpose.connect.rawValue, generation: place.generation, slot: place.slot)
            let target = SocketAddress(octets: address.bytes, port: key.port)
            if let operation = target.connect(token: token, in: shard.addresses) {
                return shard.operations.append(operation)
            }
            letGo(connection, shard)
            return finishNotMade(connection, shard)
        }
        failed(connection, connection.problem, shard)
    }

    /// A connect operation has come to an end.
    func connectCompleted(_ completion: Completion, _ shard: Shard) {
        let token = completion.token
        guard let connection = openings.lookup(slot: token.slot, generation: token.generation) else {
            // Given up in the meantime.
            guard completion.result >= 0 else { return }
            return shard.operations.append(Operation(.close, descriptor: completion.result, token: Token(.ignored)))
        }
        letGo(connection, shard)
        guard completion.result >= 0 else {
            let address = connection.addresses[connection.nextAddress - 1]
            let reason = unsafe String(cString: strerror(-completion.result))
            connection.problem = DeliveryProblem(
                failure: .connect, words: "\(address) port \(connection.pool.key.port): \(reason)")
            return connectNext(connection, shard)
        }
        connection.delivery?.timings.connected = shard.time.monotonic
        adopt(completion.result, connection, shard)
    }

    private func adopt(_ descriptor: Int32, _ connection: EndpointConnection, _ shard: Shard) {
        shard.metrics.webhookConnectionsOpened.add(1)
        let pool = connection.pool
        var session: TLSSession?
        if let context = pool.tls {
            do throws(TLSError) {
                session = try TLSSession(
                    connectingWith: context, serverName: pool.key.host, resumption: pool.resumption)
            } catch {
                shard.operations.append(Operation(.close, descriptor: descriptor, token: Token(.ignored)))
                return failed(connection, DeliveryProblem(failure: .tls, words: "\(error)"), shard)
            }
        }
        guard let bytes = shard.adopt(descriptor: descriptor, listener: nil, tls: session) else {
            return finishNotMade(connection, shard)
        }
        bytes.handler = connection
        bytes.output = GrowingBytes(
            limit: max(Limits.connectionOutputBytesMax, 2 * shard.service.configuration.limits.eventBytes))
        connection.connection = bytes
        guard let session else { return opened(connection, shard) }
        startHandshake(session, connection, bytes, shard)
    }

    private func startHandshake(
        _ session: TLSSession, _ connection: EndpointConnection, _ bytes: Connection, _ shard: Shard
    ) {
        connection.phase = .securing
        connection.deadline = stageDeadline(connection, Limits.handshakeMilliseconds, shard)
        watch(connection, shard)
        do throws(TLSError) {
            try session.startHandshake(output: &shard.tlsOutput)
            shard.takeTLSOutput(for: bytes)
        } catch {
            connection.tlsError = error
            shard.abort(bytes)
        }
    }

    /// A connection can take requests: its delivery's goes out when this turn's events have been announced.
    func opened(_ connection: EndpointConnection, _ shard: Shard) {
        if connection.phase == .securing { connection.delivery?.timings.secured = shard.time.monotonic }
        connection.phase = .ready
        if let delivery = connection.delivery { connection.deadline = delivery.deadline }
        watch(connection, shard)
        ready.append(connection)
    }

    // MARK: Time

    private func stageDeadline(_ connection: EndpointConnection, _ milliseconds: Int, _ shard: Shard) -> MonotonicTime {
        let stage = shard.time.monotonic.advanced(byMilliseconds: milliseconds)
        return min(stage, connection.delivery?.deadline ?? stage)
    }

    /// Puts a connection that is being opened where its completion finds it, with a time limit for this stage.
    private func keep(_ connection: EndpointConnection, within milliseconds: Int, _ shard: Shard) -> Bool {
        let key: SlotTable<EndpointConnection>.Key
        do { key = try openings.insert(connection) } catch {
            finishNotMade(connection, shard)
            return false
        }
        connection.opening = key
        connection.timer = shard.timers.insert(
            deadline: stageDeadline(connection, milliseconds, shard),
            key: .endpoint(slot: key.slot, generation: key.generation))
        return true
    }

    private func letGo(_ connection: EndpointConnection, _ shard: Shard) {
        if let timer = connection.timer { shard.timers.cancel(timer) }
        connection.timer = nil
        if let key = connection.opening { openings.remove(key) }
        connection.opening = nil
    }

    /// Looking up or connecting has taken too long.
    func openingTimedOut(_ slot: UInt32, _ generation: UInt32, _ shard: Shard) {
        guard let connection = openings.lookup(slot: slot, generation: generation) else { return }
        connection.timer = nil
        letGo(connection, shard)
        guard connection.phase == .connecting else {
            let words = "the name \(connection.pool.key.host) was not resolved in time"
            return failed(connection, DeliveryProblem(failure: .resolve, words: words), shard)
        }
        let token = Token(purpose: Purpose.connect.rawValue, generation: generation, slot: slot)
        shard.operations.append(Operation(.cancel, token: Token(.ignored), offset: token.rawValue))
        let isOver = connection.delivery.map { $0.deadline <= shard.time.monotonic } ?? true
        if isOver { failed(connection, connection.problem, shard) } else { connectNext(connection, shard) }
    }

    /// The wheel's entry of an open connection fired.
    func deadlinePassed(_ connection: EndpointConnection, on bytes: Connection, _ shard: Shard) {
        if connection.phase == .idle, shard.draining != nil { return end(connection, shard) }
        guard connection.deadline <= shard.time.monotonic else { return shard.schedule(bytes, at: connection.deadline) }
        if connection.phase == .idle { return end(connection, shard) }
        guard let delivery = connection.delivery else { return shard.abort(bytes) }
        let milliseconds = shard.time.monotonic.nanoseconds(since: delivery.begun.monotonic) / 1_000_000
        let what = connection.phase == .securing ? "no TLS session" : "no complete answer"
        failed(
            connection, DeliveryProblem(failure: .timeout, words: "timeout: \(what) after \(milliseconds) ms"), shard)
    }

    // MARK: End

    /// A connection has no delivery any more: the next one may use it, unless it is too old or nobody is left.
    func putBack(_ connection: EndpointConnection, _ shard: Shard) {
        guard let bytes = connection.connection else { return drop(connection, shard) }
        if let resumption = bytes.tls?.takeResumption() { connection.pool.resumption = resumption }
        let now = shard.time.monotonic
        let isOld = bytes.since.advanced(byMilliseconds: Limits.endpointConnectionAgeMilliseconds) <= now
        guard !isOld, connection.pool.users > 0, shard.draining == nil, bytes.phase == .open else {
            return end(connection, shard)
        }
        connection.phase = .idle
        connection.deadline = now.advanced(byMilliseconds: Limits.endpointIdleMilliseconds)
        connection.pool.putBack(connection)
        wakeWaiter(of: connection.pool)
    }

    /// Ends a connection that has nothing to do any more.
    func end(_ connection: EndpointConnection, _ shard: Shard) {
        guard let bytes = connection.connection else { return drop(connection, shard) }
        if connection.phase == .idle || connection.phase == .ready {
            drop(connection, shard)
            bytes.handler = nil
            connection.connection = nil
            return shard.finish(bytes)
        }
        shard.abort(bytes)
    }

    /// A connection's bytes are over, by whichever side. What its delivery came to depends on how far it was.
    func ended(_ connection: EndpointConnection, _ shard: Shard) {
        let phase = connection.phase
        drop(connection, shard)
        guard let delivery = connection.delivery else { return }
        if let draining = shard.draining, draining.deadline <= shard.time.monotonic {
            return finish(connection, .notMade, Outcome(), shard)
        }
        let isStale = connection.requests > (phase == .awaitingAnswer ? 1 : 0) && !connection.hasAnswerBegun
        if isStale, !delivery.subscription.isRemoved, shard.draining == nil {
            // It was kept alive longer than the endpoint liked; nothing of the request was looked at.
            connection.delivery = nil
            return open(EndpointConnection(pool: connection.pool, for: delivery), shard)
        }
        connection.phase = phase
        let problem =
            phase == .securing
            ? DeliveryProblem(
                failure: .tls,
                words: connection.tlsError.map { "\($0)" } ?? "the connection ended during the TLS handshake")
            : DeliveryProblem(
                failure: .closed, words: connection.tlsError.map { "\($0)" } ?? "the connection ended before the answer"
            )
        if let status = connection.decoder.statusSeen, phase == .awaitingAnswer {
            let outcome = WebhookOutcome(status: status, retryAfterSeconds: nil)
            finish(
                connection, outcome,
                Outcome(status: status, error: outcome == .delivered ? nil : Self.words(status: status)), shard)
        } else {
            finish(connection, .failed(problem.failure, retryAfterSeconds: nil), Outcome(error: problem.words), shard)
        }
        connection.phase = .over
    }

    /// Takes a connection out of its pool, once.
    private func drop(_ connection: EndpointConnection, _ shard: Shard) {
        guard connection.phase != .over else { return }
        connection.phase = .over
        letGo(connection, shard)
        connection.pool.remove(connection)
        wakeWaiter(of: connection.pool)
    }

    private func finishNotMade(_ connection: EndpointConnection, _ shard: Shard) {
        finish(connection, .notMade, Outcome(), shard)
        drop(connection, shard)
    }

    private func wakeWaiter(of pool: EndpointPool) {
        while let slot = pool.nextWaiter() {
            guard let subscription = subscription(inSlot: slot), subscription.waitsForConnection else { continue }
            subscription.waitsForConnection = false
            return markReady(subscription)
        }
    }
}
