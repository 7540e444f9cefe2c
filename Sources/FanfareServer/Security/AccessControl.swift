import FanfareBase
import FanfareEvent

/// Who is asking, and what they may do on topics and tenants. What a *listener* serves is checked besides (`Listener.serves`).
///
/// One object for each token, which all its connections refer to.
package final class Principal: Sendable, Hashable {
    /// The token's name, or a JSON Web Token's subject; nil for anonymous and for a JSON Web Token without one.
    package let name: String?
    /// When its token expires; nil: never.
    package let expires: WallTime?
    /// What events have as `source` that were published without one.
    package let source: String
    private let publish: [TopicPattern]
    private let subscribe: [TopicPattern]
    private let manage: Set<String>

    /// Someone without a token, who may do everything their listener serves.
    package static let anonymous = Principal(
        name: nil, publish: [">"], subscribe: [">", "fanfare.>"], manage: ["*"])

    /// Someone with these patterns and tenants, as a token's `allow` has them; the patterns have been checked.
    package init(name: String?, publish: [String], subscribe: [String], manage: [String]) {
        self.name = name
        source = name.map { "/tokens/\($0)" } ?? "/anonymous"
        expires = nil
        self.publish = publish.map(Self.pattern)
        self.subscribe = subscribe.map(Self.pattern)
        self.manage = Set(manage)
    }

    /// Whom a JSON Web Token names, with the rights of its scope; the patterns have been checked.
    init(subject: String?, publish: [String], subscribe: [String], manage: [String], expires: WallTime) {
        name = subject
        source = subject.map { "/subjects/\(Self.percentEncoded($0))" } ?? "/subjects"
        self.expires = expires
        self.publish = publish.map(Self.pattern)
        self.subscribe = subscribe.map(Self.pattern)
        self.manage = Set(manage)
    }

    /// Whether both have the same name, source, end and rights.
    package static func == (left: Principal, right: Principal) -> Bool {
        left === right
            || left.name == right.name && left.expires == right.expires && left.source == right.source
                && left.publish == right.publish && left.subscribe == right.subscribe && left.manage == right.manage
    }

    /// Feeds what nearly always tells two apart.
    package func hash(into hasher: inout Hasher) {
        hasher.combine(name)
        hasher.combine(expires)
        hasher.combine(source)
    }

    /// Whether its token has expired.
    func isExpired(at now: WallTime) -> Bool { expires.map { $0 <= now } ?? false }

    /// As one segment of a path: unreserved characters as they are (RFC 3986, section 2.3).
    private static func percentEncoded(_ text: String) -> String {
        var output = ""
        for byte in text.utf8 {
            if HTTPCharacter.isLetterOrDigit(byte) || "-._~".utf8.contains(byte) {
                output.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                let digits = String(byte, radix: 16, uppercase: true)
                output += digits.utf8.count == 1 ? "%0\(digits)" : "%\(digits)"
            }
        }
        return output
    }

    /// Whether it may publish on `topic`, a valid topic. Nobody may under `fanfare.`: those are the service's own.
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

    /// Whether `text` is a pattern.
    static func isPattern(_ text: String) -> Bool {
        do throws(TopicError) {
            _ = try TopicPattern(text)
            return true
        } catch {
            return false
        }
    }

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
        /// A JSON Web Token, to be verified off the data path.
        case unverified(String)
        /// A JSON Web Token that was verified, and found wanting: 401.
        case refused(TokenRefusal)
    }

    private let entries: [(secret: [UInt8], principal: Principal)]
    /// Whose JSON Web Tokens are taken; nil: nobody's.
    package let verifier: TokenVerifier?

    /// The tokens of a configuration, and who issues others.
    package init(tokens: [Configuration.AccessToken], verifier: TokenVerifier? = nil) {
        self.verifier = verifier
        entries = tokens.map { token in
            let principal = Principal(
                name: token.name, publish: token.allow.publish, subscribe: token.allow.subscribe,
                manage: token.allow.manage)
            return (Array(token.secret.text.utf8), principal)
        }
    }

    /// Who sent `token` on a listener.
    ///
    /// Anonymous is who sends none where the listener is `anonymous`, or where no tokens and no issuer of tokens are
    /// configured and the listener is local. A wrong token is never anonymous.
    package func authenticate(_ token: BearerToken, on listener: Listener) -> Outcome {
        switch token {
        case .absent:
            let isOpen = listener.anonymous || (entries.isEmpty && verifier == nil && listener.address.isLocal)
            return isOpen ? .principal(.anonymous) : .missing
        case .malformed: return .invalid
        case .token(let text):
            if let principal = principal(for: Array(text.utf8)) { return .principal(principal) }
            return verifier != nil && TokenVerifier.isCandidate(text) ? .unverified(text) : .invalid
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
