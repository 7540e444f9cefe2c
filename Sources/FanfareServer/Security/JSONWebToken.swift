import FanfareBase

/// Why a JSON Web Token lets nobody in. What is told about its content is told only once its signature is known good.
package enum TokenRefusal: Error, Sendable, Hashable, CustomStringConvertible {
    /// It is no JWT in compact form, or says something twice.
    case malformed
    /// `none`, an algorithm that is not taken, or a header that must be understood and is not.
    case algorithm
    /// No key of the set is the one it names.
    case unknownKey
    /// It was changed, or another key signed it.
    case signature
    /// Someone else issued it, or it is for another service.
    case issuerOrAudience
    /// It has no `exp`, or times that are no numbers.
    case times
    /// Its `nbf` is still to come.
    case early
    /// Its `exp` has passed.
    case expired
    /// Its `scope` holds a pattern or tenant that is none.
    case scope(String)

    package var description: String {
        switch self {
        case .malformed: "The token is not known here, and it is no JSON Web Token."
        case .algorithm: "The token's algorithm is not taken: HS256, ES256 and EdDSA are."
        case .unknownKey: "The token names no key of this service's key set."
        case .signature: "The token's signature is not valid."
        case .issuerOrAudience: "The token's \"iss\" or \"aud\" is not this service's."
        case .times: "The token needs \"exp\", and times are numbers of seconds."
        case .early: "The token is not valid yet (\"nbf\")."
        case .expired: "The token has expired; get a new one."
        case .scope(let word): "The token's \"scope\" holds \(word), which is none of publish:, subscribe: and manage:."
        }
    }
}

/// Whose JSON Web Tokens are taken, and by which keys they are known (RFC 7519, with the advice of RFC 8725).
///
/// A value; `verify` may run on any thread.
package struct TokenVerifier: Sendable, Hashable {
    /// Seconds by which an issuer's clock may be ahead of ours: `nbf` is often the moment of issue. `exp` has none, so a
    /// connection ends when the token says.
    static let notBeforeSlackSeconds = 30

    /// The keys, from `jwt.keys`.
    package var keys = JSONWebKeySet.none
    /// What `iss` must be.
    package var issuer = ""
    /// What `aud` must be or hold.
    package var audience = ""

    /// Nobody's tokens, until its parts are set.
    package init() {}

    /// Whether `text` has the form of a signed token: three parts between dots, none empty. Anything else is no JWT.
    static func isCandidate(_ text: String) -> Bool {
        let parts = text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        return parts.count == 3 && !parts.contains { $0.isEmpty }
    }

    /// Who sends `text` at the time `now`.
    package func verify(_ text: String, at now: WallTime) throws(TokenRefusal) -> Principal {
        let parts = text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 3, let signature = Base64.decodeURL(parts[2]) else { throw .malformed }
        let key = try key(for: try Self.object(parts[0]))
        let signed = Array(text.utf8.prefix(parts[0].count + 1 + parts[1].count))
        guard key.verifies(signature, of: signed) else { throw .signature }
        let claims = try Self.object(parts[1])
        guard claims["iss"]?.string == issuer, isForUs(claims["aud"]) else { throw .issuerOrAudience }
        let expires = try checkTimes(claims, now)
        let rights = try TokenScope(claims["scope"])
        return Principal(
            subject: claims["sub"]?.string, publish: rights.publish, subscribe: rights.subscribe,
            manage: rights.manage, expires: expires)
    }

    private func key(for header: JSONObject) throws(TokenRefusal) -> JSONWebKey {
        // A header parameter that must be understood (RFC 7515, section 4.1.11): there is none that we do.
        guard header["crit"] == nil, let name = header["alg"]?.string, let algorithm = JSONWebKey.Algorithm(name: name)
        else { throw .algorithm }
        let identifier = header["kid"]
        guard identifier == nil || identifier?.string != nil,
            let key = keys.key(algorithm, identifier: identifier?.string)
        else { throw .unknownKey }
        return key
    }

    private func isForUs(_ claim: JSONValue?) -> Bool {
        if let one = claim?.string { return one == audience }
        return claim?.array?.contains { $0.string == audience } ?? false
    }

    private func checkTimes(_ claims: JSONObject, _ now: WallTime) throws(TokenRefusal) -> WallTime {
        guard let expires = Self.time(claims["exp"]) else { throw .times }
        if let claim = claims["nbf"] {
            guard let begins = Self.time(claim) else { throw .times }
            let slack = UInt64(Self.notBeforeSlackSeconds) * 1_000_000_000
            if begins.nanoseconds > now.nanoseconds + slack { throw .early }
        }
        if expires <= now { throw .expired }
        return expires
    }

    /// Seconds since 1970 that no time lies beyond: the year 2255, so that nanoseconds fit into 63 bits.
    private static let secondsMax = 9e9

    /// A NumericDate (RFC 7519, section 2), fractions included; a later one than `secondsMax` counts as that.
    private static func time(_ claim: JSONValue?) -> WallTime? {
        guard let seconds = claim?.number?.double, seconds.isFinite, seconds >= 0 else { return nil }
        return WallTime(nanoseconds: UInt64(min(seconds, secondsMax) * 1_000) * 1_000_000)
    }

    /// The JSON object in one part. RFC 7519, section 4: names given twice are refused.
    private static func object(_ part: some Collection<UInt8>) throws(TokenRefusal) -> JSONObject {
        guard let bytes = Base64.decodeURL(part) else { throw .malformed }
        let document: JSONDocument
        do throws(JSONSyntaxError) { document = try JSONDocument(bytes, depthMax: 16) } catch { throw .malformed }
        guard document.duplicates.isEmpty, let object = document.root.object else { throw .malformed }
        return object
    }
}

/// What a token's `scope` allows (RFC 8693, section 4.2: words between spaces): `publish:PATTERN`, `subscribe:PATTERN` and
/// `manage:TENANT`, as often as needed. Other words are other services'.
struct TokenScope {
    /// Patterns of the topics it may publish to.
    private(set) var publish: [String] = []
    /// Patterns of the topics it may subscribe to.
    private(set) var subscribe: [String] = []
    /// Tenants whose subscriptions it may manage.
    private(set) var manage: [String] = []

    /// Reads the claim: a string, or a list of words as some issuers write it; absent: no rights.
    init(_ claim: JSONValue?) throws(TokenRefusal) {
        guard let claim else { return }
        let words: [String]
        if let text = claim.string {
            words = text.split(separator: " ").map(String.init)
        } else if let elements = claim.array, elements.allSatisfy({ $0.string != nil }) {
            words = elements.compactMap(\.string)
        } else {
            throw .malformed
        }
        for word in words {
            guard let colon = word.firstIndex(of: ":") else { continue }
            let value = String(word[word.index(after: colon)...])
            switch word[..<colon] {
            case "publish": publish.append(try Self.pattern(value, word))
            case "subscribe": subscribe.append(try Self.pattern(value, word))
            case "manage":
                guard !value.isEmpty else { throw .scope(word) }
                manage.append(value)
            default: break
            }
        }
    }

    private static func pattern(_ text: String, _ word: String) throws(TokenRefusal) -> String {
        guard Principal.isPattern(text) else { throw .scope(word) }
        return text
    }
}
