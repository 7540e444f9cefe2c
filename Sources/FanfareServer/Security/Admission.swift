import FanfareBase
import Synchronization

/// Who may connect: how many clients there are, all shards together, and how many of them come from one address.
///
/// Asked once when a connection begins and told once when it has ended, from every shard's thread: the only lock that
/// shards share, held for one look into a table.
///
/// Invariant: `open` is the number of admitted connections that have not left, and the sum of `byOrigin` at most that.
final class Admission: Sendable {
    /// What counts as one address: an IPv4 address, or the /64 that a site gives one of its networks.
    struct Origin: Hashable, Sendable {
        private let bits: UInt64
        private let isV4: Bool

        /// Where `address` belongs. IPv4 inside IPv6 is IPv4.
        init(_ address: IPAddress) {
            switch address {
            case .v4(let value): (bits, isV4) = (UInt64(value), true)
            case .v6(0, let low) where low >> 32 == 0xFFFF: (bits, isV4) = (low & 0xFFFF_FFFF, true)
            case .v6(let high, _): (bits, isV4) = (high, false)
            }
        }
    }

    /// What becomes of a new connection.
    enum Verdict: Sendable {
        /// It counts until it leaves.
        case admitted
        /// The service has as many connections as it may: 503.
        case full
        /// This address has as many: 429.
        case addressFull
    }

    private struct State {
        var open = 0
        var byOrigin: [Origin: Int] = [:]
    }

    private let state = Mutex(State())
    private let connectionsMax: Int
    private let perAddressMax: Int

    /// Nobody yet.
    init(connectionsMax: Int, perAddressMax: Int) {
        self.connectionsMax = connectionsMax
        self.perAddressMax = perAddressMax
    }

    /// Admitted connections that are open.
    var open: Int { state.withLock { $0.open } }

    /// Judges a new connection; nil is a Unix socket, which counts for no address.
    func enter(_ origin: Origin?) -> Verdict {
        state.withLock { state in
            guard state.open < connectionsMax else { return .full }
            if let origin {
                let count = state.byOrigin[origin, default: 0]
                guard count < perAddressMax else { return .addressFull }
                state.byOrigin[origin] = count + 1
            }
            state.open += 1
            return .admitted
        }
    }

    /// An admitted connection has ended.
    func leave(_ origin: Origin?) {
        state.withLock { state in
            state.open -= 1
            guard let origin, let count = state.byOrigin[origin] else { return }
            state.byOrigin[origin] = count > 1 ? count - 1 : nil
        }
    }
}

extension Admission.Verdict {
    /// The answer to a request of one who was not admitted.
    var answer: Answer? {
        let retry = [(name: "retry-after", value: String(Limits.turnedAwayRetrySeconds))]
        var answer: Answer
        switch self {
        case .admitted: return nil
        case .full:
            answer = .problem(
                503, "too-many-connections", "The service has as many connections as it may; try again shortly.",
                headers: retry)
        case .addressFull:
            answer = .problem(
                429, "too-many-connections-of-address",
                "Your address has as many connections as one may; close some, or try again shortly.", headers: retry)
        }
        answer.closes = true
        return answer
    }
}
