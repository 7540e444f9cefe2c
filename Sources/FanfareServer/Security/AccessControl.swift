import FanfareBase
import FanfareEvent

/// Who is asking, and what they may do on topics and tenants. What a *listener* serves is checked besides (`Listener.serves`).
package struct Principal: Sendable, Hashable {
    /// The token's name; nil for anonymous.
    package let name: String?
    private let publish: [TopicPattern]
    private let subscribe: [TopicPattern]
    private let manage: Set<String>

    /// Someone without a token, who may do everything their listener serves.
    package static let anonymous = Principal(
        name: nil, publish: [">"], subscribe: [">", "fanfare.>"], manage: ["*"])

    /// Someone with these patterns and tenants, as a token's `allow` has them; the patterns have been checked.
    package init(name: String?, publish: [String], subscribe: [String], manage: [String]) {
        self.name = name
        self.publish = publish.map(Self.pattern)
        self.subscribe = subscribe.map(Self.pattern)
        self.manage = Set(manage)
    }

    /// The `source` of events published without one.
    package var source: String { name.map { "/tokens/\($0)" } ?? "/anonymous" }

    /// Whether it may publish on `topic`, a valid topic. Nobody may on `fanfare` and below: they are the service's own.
    package func mayPublish(_ topic: Span<UInt8>) -> Bool {
        if Topic.isReserved(topic) { return false }
        for pattern in publish where pattern.matches(topic) { return true }
        return false
    }

    /// The same for a topic that is no span: copied once.
    package func mayPublish(_ topic: some Collection<UInt8>) -> Bool { mayPublish(Array(topic).span) }

    /// Whether every topic but the service's own is open to it: then no event has to be looked at.
    package var mayPublishEverything: Bool { publish.contains { $0.text == ">" } }

    /// Whether it may receive everything that `pattern` matches.
    package func maySubscribe(_ pattern: TopicPattern) -> Bool { subscribe.contains { $0.covers(pattern) } }

    /// The same for a text; false when it is no pattern.
    package func maySubscribe(_ text: String) -> Bool {
        do throws(TopicError) {
            return maySubscribe(try TopicPattern(text))
        } catch {
            return false
        }
    }

    /// Whether it may manage the subscriptions of `tenant`. What they want, and where it goes, is checked besides.
    package func mayManage(_ tenant: String) -> Bool { manage.contains("*") || manage.contains(tenant) }

    /// The reader has checked every pattern.
    private static func pattern(_ text: String) -> TopicPattern {
        do throws(TopicError) {
            return try TopicPattern(text)
        } catch {
            fatalError("a configured pattern has been checked by the reader: \(text)")
        }
    }

    /// Whether it may manage every tenant's subscriptions, and so the service itself (reload, connections).
    package var mayManageEverything: Bool { manage.contains("*") }
}

/// Finds out who is asking: a token's secret to its `Principal`.
package struct AccessControl: Sendable {
    /// What a request's token says about who sent it.
    package enum Outcome: Sendable, Hashable {
        /// Known.
        case principal(Principal)
        /// A token is needed: 401.
        case missing
        /// It is nobody's, or no token: 401.
        case invalid
    }

    private let entries: [(secret: [UInt8], principal: Principal)]

    /// The tokens of a configuration.
    package init(tokens: [Configuration.AccessToken]) {
        entries = tokens.map { token in
            let principal = Principal(
                name: token.name, publish: token.allow.publish, subscribe: token.allow.subscribe,
                manage: token.allow.manage)
            return (Array(token.secret.text.utf8), principal)
        }
    }

    /// Who sent `token` on a listener.
    ///
    /// Anonymous is who sends none where the listener is `anonymous`, or where no tokens are configured at all and the
    /// listener is local. A wrong token is never anonymous.
    package func authenticate(_ token: BearerToken, on listener: Listener) -> Outcome {
        switch token {
        case .absent:
            let isOpen = listener.anonymous || (entries.isEmpty && listener.address.isLocal)
            return isOpen ? .principal(.anonymous) : .missing
        case .malformed: return .invalid
        case .token(let text): return principal(for: Array(text.utf8)).map { .principal($0) } ?? .invalid
        }
    }

    /// Compares with every secret, each to its end, so that the time tells neither which one nor how much of it fits.
    private func principal(for candidate: [UInt8]) -> Principal? {
        var found: Int?
        for index in entries.indices where Self.isEqual(entries[index].secret, candidate) { found = index }
        return found.map { entries[$0].principal }
    }

    private static func isEqual(_ secret: [UInt8], _ candidate: [UInt8]) -> Bool {
        var difference = UInt8(secret.count == candidate.count ? 0 : 1)
        for (index, byte) in candidate.enumerated() {
            difference |= byte ^ (secret.isEmpty ? 1 : secret[index % secret.count])
        }
        return difference == 0
    }
}
