import FanfareRing
import Glibc

/// Connections that the service opens, to the endpoints of the run.
extension SimulatedKernel {
    /// A connect operation that has not completed.
    struct Dial {
        var token: Token
        var shard: Int
    }

    func dial(_ operation: Operation, _ shard: Int) {
        guard let port = Self.port(operation), let endpoint = endpoints[port] else {
            return complete(shard, operation.token, -ECONNREFUSED)
        }
        let token = operation.token
        dials[token.rawValue] = Dial(token: token, shard: shard)
        let welcome = endpoint.welcome()
        guard welcome != .silent else { return }
        let dialledAt = timeline.now
        timeline.after(2 * dice.delay(faults.networkNanoseconds)) { [self] in
            guard isAlive, dials.removeValue(forKey: token.rawValue) != nil else { return }
            guard welcome == .accepted else { return complete(shard, token, -ECONNREFUSED) }
            let visit = endpoint.visit(dialledAt: dialledAt)
            let link = makeLink(visit, shard: shard)
            visit.link = link
            complete(shard, token, link.descriptor)
        }
    }

    /// Ends a connect operation that has not completed; false when there is none.
    func cancelDial(_ raw: UInt64) -> Bool {
        guard let dial = dials.removeValue(forKey: raw) else { return false }
        complete(dial.shard, dial.token, -ECANCELED)
        return true
    }

    private static func port(_ operation: Operation) -> UInt16? {
        guard let address = unsafe operation.address, operation.length >= MemoryLayout<sockaddr_in>.size else {
            return nil
        }
        // Safe: a connect's address is a whole sockaddr of this length until the turn's end.
        let target = unsafe address.loadUnaligned(as: sockaddr_in.self)
        return target.sin_family == sa_family_t(AF_INET) ? UInt16(bigEndian: target.sin_port) : nil
    }
}
