import FanfareBase

/// Ending in an orderly way (CONTRACT, section 5): sockets are sent away one after the other, so that their clients do
/// not all come back at once; then the log and the journal are completed.
struct Draining {
    /// When everyone must be gone.
    let deadline: MonotonicTime
    /// This shard has reported that it is done.
    var isDone = false
}

extension Shard {
    /// Stops accepting and spreads the closes over the configured time.
    func startDrain() {
        guard draining == nil else { return }
        let milliseconds = service.configuration.drainMilliseconds
        draining = Draining(deadline: time.monotonic.advanced(byMilliseconds: milliseconds))
        _ = timers.insert(deadline: time.monotonic.advanced(byMilliseconds: milliseconds), key: .drain)
        stopAccepting()
        webhooks.endIdle(self)
        connections.forEach { _, connection in
            guard connection.handler is SocketHandler else {
                (connection.handler as? HTTPHandler)?.drain(on: connection, shard: self)
                return
            }
            let delay = Int(Double(milliseconds) * 0.9 * random.unit())
            schedule(connection, at: time.monotonic.advanced(byMilliseconds: delay))
        }
    }

    /// Ends a socket while draining, telling it when to come back.
    func sendAway(_ connection: Connection, _ handler: SocketHandler) {
        handler.sendAway(
            .goingAway, "restart", retryAfterMilliseconds: retryAfterDrain(), on: connection, shard: self)
    }

    /// When a client that is sent away should come back, in milliseconds: spread as the closes were, so that they do not all
    /// come at once.
    func retryAfterDrain() -> Int {
        Limits.reconnectMilliseconds + Int(random.unit() * Double(service.configuration.drainMilliseconds))
    }

    /// Looks whether the shard is done; the log's owner ends last and ends the service.
    func proceedWithDrain() {
        guard var draining else { return }
        let isLate = draining.deadline <= time.monotonic
        if isLate { connections.forEach { _, connection in abort(connection) } }
        let isQuiet = connections.count == 0 && webhooks.isIdle
        if !draining.isDone, isQuiet || isLate {
            draining.isDone = true
            self.draining = draining
            if logOwner == nil { service.shardHasDrained() }
        }
        // What others recorded last is still in their mail.
        guard draining.isDone, let logOwner, service.othersHaveDrained, !service.mail.hasMail(for: number) else {
            return
        }
        logOwner.stop()
        if logOwner.isStopped, registry?.journal.isSettled ?? true { service.stop() }
    }
}
