import FanfareBase
import FanfareDelivery
import FanfareWire

/// What a receiver finds out about a delivery's signature (Standard Webhooks).
package enum SignatureVerdict: Hashable, Sendable, CustomStringConvertible {
    /// Signed by a secret we know, just now.
    case valid
    /// There is no secret to check with.
    case unchecked
    /// A header that Standard Webhooks requires is missing or repeated.
    case headerMissing(String)
    /// `webhook-timestamp` is no number of seconds.
    case timestampMalformed
    /// None of the signatures is by our secret over this body.
    case mismatch
    /// Rightly signed, but so many seconds in the past (negative: in the future).
    case stale(seconds: Int)

    /// Whether there is nothing to complain about.
    package var isAcceptable: Bool { self == .valid || self == .unchecked }

    package var description: String {
        switch self {
        case .valid: "signature ok"
        case .unchecked: "signature not checked (no secret)"
        case .headerMissing(let name): "signature missing: no \(name) header"
        case .timestampMalformed: "webhook-timestamp is not a number of seconds"
        case .mismatch: "signature wrong: not by this secret over this body"
        case .stale(let seconds) where seconds >= 0: "signature ok, but its timestamp is \(seconds) s old"
        case .stale(let seconds): "signature ok, but its timestamp is \(-seconds) s ahead"
        }
    }

    /// Checks a request against what `signer` would have signed; nil has no secret.
    package static func of(_ request: HTTPRequest, signer: WebhookSigner?, now: WallTime) -> SignatureVerdict {
        guard let signer else { return .unchecked }
        guard let id = value(.webhookID, request) else { return .headerMissing("webhook-id") }
        guard let timestamp = value(.webhookTimestamp, request) else { return .headerMissing("webhook-timestamp") }
        guard let signature = value(.webhookSignature, request) else { return .headerMissing("webhook-signature") }
        return of(
            id: id, timestamp: timestamp, signature: signature, body: request.body.array, signer: signer, now: now)
    }

    /// Checks the parts of a delivery.
    package static func of(
        id: String, timestamp: String, signature: String, body: [UInt8], signer: WebhookSigner, now: WallTime
    ) -> SignatureVerdict {
        guard let seconds = Int(timestamp), seconds >= 0 else { return .timestampMalformed }
        guard signer.verifies(signature, id: id, timestamp: timestamp, body: body) else { return .mismatch }
        let age = Int(now.seconds) - seconds
        return abs(age) > LoadLimits.webhookToleranceSeconds ? .stale(seconds: age) : .valid
    }

    private static func value(_ name: HTTPHeaderName, _ request: HTTPRequest) -> String? {
        request.headers.isRepeated(name) ? nil : request.headers[name]?.string
    }
}
