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
        pool.opening(connection)
        if let failure = pool.failure {
            return failed(connection, DeliveryProblem(failure: .tls, words: failure), shard)
        }
        if let known = pool.literal ?? shard.service.resolver.known(pool.key.host, now: shard.time.monotonic) {
            connection.addresses = known
            return connectNext(connection, shard)
        }
        if let proxy = shard.service.configuration.webhooks.proxy, proxy.resolvesNames {
            return tunnel(connection, to: "\(pool.key.host):\(pool.key.port)", through: proxy, shard)
        }
        resolve(pool.key.host, for: connection, shard)
    }

    /// Looks up what a connection needs next; `resolved` goes on.
    func resolve(_ name: String, for connection: EndpointConnection, _ shard: Shard) {
        connection.phase = .resolving
        guard keep(connection, within: Limits.resolveMilliseconds, shard), let key = connection.opening else { return }
        let inbox = shard.service.inboxes[shard.number]
        shard.service.resolver.resolve(name) { answer in
            inbox.post(ShardTask { $0.webhooks.resolved(key.slot, key.generation, answer, $0) })
        }
    }

    /// The name of a connection's endpoint has been looked up.
    func resolved(_ slot: UInt32, _ generation: UInt32, _ answer: Resolver.Answer, _ shard: Shard) {
        guard let connection = openings.lookup(slot: slot, generation: generation) else { return }
        letGo(connection, shard)
        if connection.resolvesProxy { return resolvedProxy(connection, answer, shard) }
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
            guard let proxy = shard.service.configuration.webhooks.proxy else {
                return connect(connection, to: address, port: key.port, shard)
            }
            let host = if case .v6 = address { "[\(address)]" } else { "\(address)" }
            return tunnel(connection, to: "\(host):\(key.port)", through: proxy, shard)
        }
        failed(connection, connection.problem, shard)
    }

    /// Connects to an address that has been allowed.
    func connect(_ connection: EndpointConnection, to address: IPAddress, port: UInt16, _ shard: Shard) {
        connection.phase = .connecting
        connection.connectsTo = "\(connection.tunnel == nil ? "" : "the proxy ")\(address) port \(port)"
        connection.problem = DeliveryProblem(
            failure: .connect, words: "\(connection.connectsTo): no connection in time")
        guard keep(connection, within: Limits.connectMilliseconds, shard), let place = connection.opening else {
            return
        }
        let token = Token(purpose: Purpose.connect.rawValue, generation: place.generation, slot: place.slot)
        let target = SocketAddress(octets: address.bytes, port: port)
        if let operation = target.connect(token: token, in: shard.addresses) {
            return shard.operations.append(operation)
        }
        letGo(connection, shard)
        finishNotMade(connection, shard)
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
            let reason = unsafe String(cString: strerror(-completion.result))
            connection.problem = DeliveryProblem(
                failure: .connect, words: "\(connection.connectsTo): \(reason)")
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
        let first = connection.tunnel == nil ? session : nil
        guard let bytes = shard.adopt(descriptor: descriptor, listener: nil, tls: first) else {
            return finishNotMade(connection, shard)
        }
        bytes.handler = connection
        bytes.output = GrowingBytes(
            limit: max(Limits.connectionOutputBytesMax, 2 * shard.service.configuration.limits.eventBytes))
        connection.connection = bytes
        if let target = connection.tunnel {
            connection.session = session
            return askForTunnel(connection, to: target, on: bytes, shard)
        }
        guard let session else { return opened(connection, shard) }
        startHandshake(session, connection, bytes, shard)
    }

    /// Agrees on TLS on open bytes.
    func startHandshake(
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
        let pool = connection.pool
        pool.opened(connection)
        pool.speaksHTTP2 = connection.connection?.tls?.negotiatedProtocol == "h2"
        if pool.speaksHTTP2, !carry(connection, shard) { return }
        connection.phase = .ready
        if let delivery = connection.delivery { connection.deadline = delivery.deadline }
        watch(connection, shard)
        ready.append(connection)
    }

    /// Makes an open connection a carrier with its first place; false when it has ended instead.
    private func carry(_ connection: EndpointConnection, _ shard: Shard) -> Bool {
        guard let bytes = connection.connection, let carrier = HTTP2Carrier(pool: connection.pool, on: bytes) else {
            if let bytes = connection.connection { shard.abort(bytes) }
            return false
        }
        carrier.add(connection)
        bytes.handler = carrier
        connection.pool.add(carrier)
        markDirty(carrier)
        wakeWaiters(of: connection.pool)
        return true
    }

    // MARK: Time

    /// The end of this stage, or of the attempt if that is earlier.
    func stageDeadline(_ connection: EndpointConnection, _ milliseconds: Int, _ shard: Shard) -> MonotonicTime {
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
            let name = connection.resolvesProxy ? "the proxy's name" : "the name \(connection.pool.key.host)"
            let words = "\(name) was not resolved in time"
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
        guard connection.delivery != nil else { return shard.abort(bytes) }
        timedOut(connection, shard)
    }

    /// What a connection does has taken too long. A carrier on which nothing has come since the request was sent may lead
    /// nowhere any more: it is retired.
    func timedOut(_ connection: EndpointConnection, _ shard: Shard) {
        guard let delivery = connection.delivery else { return end(connection, shard) }
        let milliseconds = shard.time.monotonic.nanoseconds(since: delivery.begun.monotonic) / 1_000_000
        let what =
            switch connection.phase {
            case .tunnelling: "no tunnel through the proxy"
            case .securing: "no TLS session"
            default: "no complete answer"
            }
        let requested = delivery.timings.requested
        if let carrier = connection.carrier, let requested, carrier.lastReceived <= requested {
            carrier.retire(shard)
        }
        failed(
            connection, DeliveryProblem(failure: .timeout, words: "timeout: \(what) after \(milliseconds) ms"), shard)
    }

    // MARK: End

    /// A connection has no delivery any more: the next one may use it, unless it is too old, nobody is left, or its carrier
    /// takes no more requests.
    func putBack(_ connection: EndpointConnection, _ shard: Shard) {
        guard let bytes = connection.connection else { return drop(connection, shard) }
        if let resumption = bytes.tls?.takeResumption() { connection.pool.resumption = resumption }
        let now = shard.time.monotonic
        let isOld = bytes.since.advanced(byMilliseconds: Limits.endpointConnectionAgeMilliseconds) <= now
        if isOld { connection.carrier?.retire(shard) }
        let isRetired = connection.carrier?.isRetired == true
        guard !isOld, !isRetired, connection.pool.users > 0, shard.draining == nil, bytes.phase == .open else {
            return end(connection, shard)
        }
        connection.phase = .idle
        connection.deadline = now.advanced(byMilliseconds: Limits.endpointIdleMilliseconds)
        connection.pool.putBack(connection)
        wakeWaiter(of: connection.pool)
    }

    /// Ends a connection that has nothing to do any more.
    func end(_ connection: EndpointConnection, _ shard: Shard) {
        if connection.carrier != nil { return drop(connection, shard) }
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
        let isStale = connection.isReused && !connection.hasAnswerBegun
        let begun = begunAnswer(of: connection, shard)
        drop(connection, shard)
        guard connection.delivery != nil else { return }
        if let draining = shard.draining, draining.deadline <= shard.time.monotonic {
            return finish(connection, .notMade, Outcome(), shard)
        }
        // Kept alive longer than the endpoint liked: nothing of the request was looked at.
        if isStale, resend(connection, shard) { return }
        connection.phase = phase
        let problem =
            phase == .securing
            ? DeliveryProblem(
                failure: .tls,
                words: connection.tlsError.map { "\($0)" } ?? "the connection ended during the TLS handshake")
            : DeliveryProblem(
                failure: .closed,
                words: connection.tlsError.map { "\($0)" }
                    ?? (phase == .tunnelling
                        ? "the proxy ended the connection" : "the connection ended before the answer")
            )
        if let begun {
            finish(connection, begun.outcome, begun.report, shard)
        } else {
            finish(connection, .failed(problem.failure, retryAfterSeconds: nil), Outcome(error: problem.words), shard)
        }
        connection.phase = .over
    }

    /// Takes a connection out of its pool, once.
    func drop(_ connection: EndpointConnection, _ shard: Shard) {
        guard connection.phase != .over else { return }
        connection.phase = .over
        letGo(connection, shard)
        connection.pool.remove(connection)
        connection.carrier?.release(connection, shard)
        wakeWaiter(of: connection.pool)
    }

    private func finishNotMade(_ connection: EndpointConnection, _ shard: Shard) {
        finish(connection, .notMade, Outcome(), shard)
        drop(connection, shard)
    }

    /// Lets all subscriptions go on for which there is a connection.
    func wakeWaiters(of pool: EndpointPool) { while wakeWaiter(of: pool) {} }

    /// Lets the subscription that waits longest go on; false when there is none, or no connection for it.
    @discardableResult
    private func wakeWaiter(of pool: EndpointPool) -> Bool {
        while let slot = pool.nextWaiter() {
            guard let subscription = subscription(inSlot: slot), subscription.waitsForConnection else { continue }
            subscription.waitsForConnection = false
            markReady(subscription)
            return true
        }
        return false
    }
}
