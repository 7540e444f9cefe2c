import FanfareBase
import FanfareRing
import FanfareTLS

/// A listener on one shard: its socket, its rules, and whether it is accepting.
final class ListenerState {
    /// As configured.
    let configuration: Listener
    /// The listening socket.
    let descriptor: Int32
    /// Nil on plain listeners.
    let tls: TLSContext?
    /// Which names it answers to.
    let hostRule: HostRule
    /// Which pages may use it.
    let originRule: OriginRule
    /// The `Host` that was allowed last: nearly every request has the same one, and judging it is dear.
    var hostAllowedLast: String?
    /// A multishot accept is armed.
    var accepting = false

    /// A listener on `descriptor`.
    init(configuration: Listener, descriptor: Int32, tls: TLSContext?) {
        self.configuration = configuration
        self.descriptor = descriptor
        self.tls = tls
        hostRule = HostRule(hosts: configuration.hosts)
        originRule = OriginRule(origins: configuration.origins)
    }
}

extension Shard {
    /// Begins to accept on all listeners and to hear signals from other threads.
    func start() {
        for index in listeners.indices { armAccept(index) }
        armSignal()
        if number == 0, listeners.contains(where: { $0.tls != nil }) {
            let check = time.monotonic.advanced(byMilliseconds: TicketFile.checkMilliseconds)
            _ = timers.insert(deadline: check, key: .tickets)
        }
        logOwner?.endTurn(self)
    }

    /// Arms the accept of a listener unless it is armed or the service is ending.
    func armAccept(_ index: Int) {
        let listener = listeners[index]
        guard !listener.accepting, service.state == .serving else { return }
        listener.accepting = true
        operations.append(
            Operation(.accept, descriptor: listener.descriptor, token: Token(.accept, slot: UInt32(index))))
    }

    /// Stops listening: who connects from now on is refused by the kernel, at once. What has been accepted goes on.
    func stopAccepting() {
        for listener in listeners {
            operations.append(
                Operation(
                    .shutdown, descriptor: listener.descriptor, token: Token(.ignored), length: ShutdownHow.both))
        }
    }
}
