import FanfareBase
import FanfareRing
import FanfareTLS

/// How clients come in: a few a turn, in order, counted, and told when there are too many.
extension Shard {
    /// Takes in those who came first, as many as the turn may: the kernel accepts thousands at once.
    func takeArrivals() {
        for _ in 0..<Limits.acceptsPerTurn {
            guard let arrival = arrivals.popFirst() else { return }
            accepted(descriptor: arrival.descriptor, by: listeners[arrival.listener])
        }
    }

    /// Takes in a connection that a listener accepted, if there may be one more; else it is told so and let go.
    func accepted(descriptor: Int32, by listener: ListenerState) {
        metrics.connectionsAccepted.add(1)
        let origin = service.peer(descriptor).map { Admission.Origin($0) }
        let verdict = service.admission.enter(origin)
        let isAdmitted = verdict.answer == nil
        if !isAdmitted { metrics.connectionsTurnedAway.add(1) }
        guard isAdmitted || turnedAway < Limits.turnedAwayMax else { return refuse(descriptor) }
        guard let tls = acceptTLS(listener) else {
            metrics.tlsFailures.add(1)
            if isAdmitted { service.admission.leave(origin) }
            return refuse(descriptor)
        }
        guard let connection = adopt(descriptor: descriptor, listener: listener, tls: tls) else {
            if isAdmitted { service.admission.leave(origin) }
            return
        }
        connection.admission = isAdmitted ? .counted(origin) : .turnedAway(verdict)
        if !isAdmitted { turnedAway += 1 }
        schedule(connection, at: time.monotonic.advanced(byMilliseconds: Limits.headTimeoutMilliseconds))
        switch listener.configuration.protocol {
        case .http: connection.handler = HTTPHandler(bodyBytesMax: service.bodyBytesMax)
        case .stream:
            let handler = streamHandler(listener)
            connection.handler = handler
            guard !isAdmitted else { return }
            handler.sayClosing(
                "too many connections", retryAfterMilliseconds: Limits.turnedAwayRetrySeconds * 1_000, on: connection,
                shard: self)
            finish(connection)
        }
    }

    private func refuse(_ descriptor: Int32) {
        metrics.connectionsRefused.add(1)
        operations.append(Operation(.close, descriptor: descriptor, token: Token(.ignored)))
    }

    /// A connection has ended: there is room for another.
    func left(_ connection: Connection) {
        switch connection.admission {
        case .ours: break
        case .counted(let origin): service.admission.leave(origin)
        case .turnedAway: turnedAway -= 1
        }
    }
}

/// A connection the kernel has accepted.
struct Arrival {
    /// The socket.
    let descriptor: Int32
    /// Which of the shard's listeners it came to.
    let listener: Int
}

/// What a connection counts for.
enum ConnectionAdmission {
    /// We made it: for nothing.
    case ours
    /// One client of this address.
    case counted(Admission.Origin?)
    /// It is only told why it may not stay.
    case turnedAway(Admission.Verdict)
}
