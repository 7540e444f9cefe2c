/// Headers whose place is noted while a head is parsed, so that looking one up costs nothing. All others are found by
/// walking the head.
///
/// At most 32, so that a head's index stays small enough to be copied for nothing.
package enum HTTPHeaderName: UInt8, Sendable, CaseIterable {
    case accept, acceptEncoding, accessControlRequestHeaders, accessControlRequestMethod, authorization, baggage
    case ceSpecversion, connection, contentEncoding, contentLength, contentType, expect, host, idempotencyKey
    case lastEventID, location, origin, retryAfter, secFetchSite, secWebSocketAccept, secWebSocketExtensions
    case secWebSocketKey, secWebSocketProtocol, secWebSocketVersion, traceparent, tracestate, transferEncoding, upgrade
    case userAgent, webhookID, webhookSignature, webhookTimestamp

    /// How it is written, in small letters.
    package var text: StaticString {
        switch self {
        case .accept: "accept"
        case .acceptEncoding: "accept-encoding"
        case .accessControlRequestHeaders: "access-control-request-headers"
        case .accessControlRequestMethod: "access-control-request-method"
        case .authorization: "authorization"
        case .baggage: "baggage"
        case .ceSpecversion: "ce-specversion"
        case .connection: "connection"
        case .contentEncoding: "content-encoding"
        case .contentLength: "content-length"
        case .contentType: "content-type"
        case .expect: "expect"
        case .host: "host"
        case .idempotencyKey: "idempotency-key"
        case .lastEventID: "last-event-id"
        case .location: "location"
        case .origin: "origin"
        case .retryAfter: "retry-after"
        case .secFetchSite: "sec-fetch-site"
        case .secWebSocketAccept: "sec-websocket-accept"
        case .secWebSocketExtensions: "sec-websocket-extensions"
        case .secWebSocketKey: "sec-websocket-key"
        case .secWebSocketProtocol: "sec-websocket-protocol"
        case .secWebSocketVersion: "sec-websocket-version"
        case .traceparent: "traceparent"
        case .tracestate: "tracestate"
        case .transferEncoding: "transfer-encoding"
        case .upgrade: "upgrade"
        case .userAgent: "user-agent"
        case .webhookID: "webhook-id"
        case .webhookSignature: "webhook-signature"
        case .webhookTimestamp: "webhook-timestamp"
        }
    }

    /// The noted header that a valid header name of either case is, or nil.
    @inline(__always)
    init?(_ name: UnsafeRawBufferPointer) {
        guard let candidate = unsafe Self.candidate(name), unsafe Self.matches(name, candidate.text) else { return nil }
        self = candidate
    }

    /// The only noted header a name of this length and with these letters can be.
    @inline(__always)
    private static func candidate(_ name: UnsafeRawBufferPointer) -> Self? {
        // Safe: each access is below the length its case names. `| 0x20` makes letters small.
        switch name.count {
        case 4: .host
        case 6:
            switch unsafe name[0] | 0x20 {
            case UInt8(ascii: "a"): .accept
            case UInt8(ascii: "e"): .expect
            default: .origin
            }
        case 7: unsafe name[0] | 0x20 == UInt8(ascii: "b") ? .baggage : .upgrade
        case 8: .location
        case 10:
            switch unsafe name[0] | 0x20 {
            case UInt8(ascii: "c"): .connection
            case UInt8(ascii: "t"): .tracestate
            case UInt8(ascii: "u"): .userAgent
            default: .webhookID
            }
        case 11: unsafe name[0] | 0x20 == UInt8(ascii: "t") ? .traceparent : .retryAfter
        case 12: .contentType
        case 13: unsafe name[0] | 0x20 == UInt8(ascii: "a") ? .authorization : .lastEventID
        case 14:
            switch unsafe name[1] | 0x20 {
            case UInt8(ascii: "o"): .contentLength
            case UInt8(ascii: "e"): unsafe name[0] | 0x20 == UInt8(ascii: "c") ? .ceSpecversion : .secFetchSite
            default: nil
            }
        case 15: unsafe name[0] | 0x20 == UInt8(ascii: "a") ? .acceptEncoding : .idempotencyKey
        case 16: .contentEncoding
        case 17:
            switch unsafe name[0] | 0x20 {
            case UInt8(ascii: "t"): .transferEncoding
            case UInt8(ascii: "s"): .secWebSocketKey
            default: unsafe name[8] | 0x20 == UInt8(ascii: "s") ? .webhookSignature : .webhookTimestamp
            }
        case 20: .secWebSocketAccept
        case 21: .secWebSocketVersion
        case 22: .secWebSocketProtocol
        case 24: .secWebSocketExtensions
        case 29: .accessControlRequestMethod
        case 30: .accessControlRequestHeaders
        default: nil
        }
    }

    /// Whether a valid name is `text` but for case. `| 0x20` also maps `_` to DEL, which no text here holds.
    @inline(__always)
    private static func matches(_ name: UnsafeRawBufferPointer, _ text: StaticString) -> Bool {
        guard name.count == text.utf8CodeUnitCount else { return false }
        var index = 0
        let wanted = unsafe UnsafeRawPointer(text.utf8Start)
        // Safe: both hold name.count bytes.
        while index + 8 <= name.count {
            let word = unsafe name.loadUnaligned(fromByteOffset: index, as: UInt64.self) | 0x2020_2020_2020_2020
            if unsafe word != wanted.loadUnaligned(fromByteOffset: index, as: UInt64.self) { return false }
            index += 8
        }
        while index < name.count {
            if unsafe name[index] | 0x20 != wanted.load(fromByteOffset: index, as: UInt8.self) { return false }
            index += 1
        }
        return true
    }
}
