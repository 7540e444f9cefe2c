import FanfareBase

/// When an attempt came how far; what it did not have to do (a name that was known, a connection that was there) has no time.
struct AttemptTimings: Sendable {
    /// Nanoseconds it waited for its turn: since its event was accepted, or since its retry was due.
    var waited = 0
    /// The endpoint's name had been looked up.
    var resolved: MonotonicTime?
    /// The connection was there.
    var connected: MonotonicTime?
    /// TLS was agreed on.
    var secured: MonotonicTime?
    /// The request was handed to the kernel.
    var requested: MonotonicTime?
    /// The answer began.
    var answered: MonotonicTime?

    /// How long an attempt took, and what with: nanoseconds, nil for what it did not come to or did not have to do.
    struct Split: Sendable {
        /// Waiting for its turn.
        var wait: Int
        /// Looking up the name.
        var resolve: Int?
        /// Connecting.
        var connect: Int?
        /// The TLS handshake.
        var tls: Int?
        /// From the request to the answer's first byte.
        var firstByte: Int?
        /// From its begin to its end, without `wait`.
        var total: Int

        /// In milliseconds, as the API gives it.
        var json: JSONOutput {
            .object([
                .init("wait", Self.milliseconds(wait)), .init("resolve", Self.milliseconds(resolve)),
                .init("connect", Self.milliseconds(connect)), .init("tls", Self.milliseconds(tls)),
                .init("first_byte", Self.milliseconds(firstByte)), .init("total", Self.milliseconds(total)),
            ])
        }

        /// Thousandths of a millisecond are kept.
        private static func milliseconds(_ nanoseconds: Int?) -> JSONOutput {
            nanoseconds.map { .number(Double($0 / 1_000) / 1_000) } ?? .null
        }
    }

    /// The split of an attempt that began at `begun` and is over at `end`.
    func split(begun: MonotonicTime, end: MonotonicTime) -> Split {
        func between(_ start: MonotonicTime?, _ end: MonotonicTime?) -> Int? {
            guard let start, let end else { return nil }
            return Int(end.nanoseconds(since: start))
        }
        return Split(
            wait: waited, resolve: between(begun, resolved), connect: between(resolved ?? begun, connected),
            tls: between(connected, secured), firstByte: between(requested, answered),
            total: Int(end.nanoseconds(since: begun)))
    }
}
