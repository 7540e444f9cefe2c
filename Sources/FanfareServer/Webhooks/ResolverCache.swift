import FanfareBase

/// Names with the addresses they had a moment ago, for as long as their TTL says, within `WebhookLimits`' bounds.
///
/// Invariant: `entries.count` ≤ `Limits.resolvedNamesMax`; at it the expired ones go, else the one that expires first.
struct ResolverCache {
    private struct Entry {
        var addresses: [IPAddress]
        var expires: MonotonicTime
    }

    private let limit: Int
    private var entries: [String: Entry] = [:]

    /// An empty cache of at most `limit` names.
    init(limit: Int = Limits.resolvedNamesMax) { self.limit = limit }

    /// Names held, expired ones included.
    var count: Int { entries.count }

    /// The addresses of `name`; nil when they are not known or not valid any more.
    func addresses(of name: String, now: MonotonicTime) -> [IPAddress]? {
        guard let entry = entries[name], entry.expires > now else { return nil }
        return entry.addresses
    }

    /// Keeps an answer for its TTL, but neither shorter nor longer than the limits say.
    mutating func keep(_ addresses: [IPAddress], of name: String, ttlSeconds: Int, now: MonotonicTime) {
        if entries.count >= limit, entries[name] == nil { makeRoom(now) }
        let seconds = min(max(ttlSeconds, Limits.resolvedSecondsMin), Limits.resolvedSecondsMax)
        entries[name] = Entry(addresses: addresses, expires: now.advanced(byMilliseconds: seconds * 1_000))
    }

    private mutating func makeRoom(_ now: MonotonicTime) {
        entries = entries.filter { $0.value.expires > now }
        guard entries.count >= limit, let first = entries.min(by: { $0.value.expires < $1.value.expires }) else {
            return
        }
        entries[first.key] = nil
    }
}
