import FanfareBase

/// Agreeing on permessage-deflate (RFC 7692, section 7.1), always without context takeover: a message that was compressed once
/// serves every connection, and between messages a connection holds nothing.
package enum WebSocketCompression {
    /// The value of `Sec-WebSocket-Extensions` to accept with: the first offer we can meet. Nil declines them all.
    ///
    /// An offer is declined when it limits our window (the compressed message is shared), and when a parameter is unknown,
    /// comes twice or has a value it may not have.
    package static func acceptance(of headers: HTTPHeaders) -> StaticString? {
        guard headers.contains(.secWebSocketExtensions) else { return nil }
        for field in headers where field.name.equalsIgnoringCase("sec-websocket-extensions") {
            for offer in CommaList(field.value) {
                if let acceptance = Offer(offer)?.acceptance { return acceptance }
            }
        }
        return nil
    }

    /// One offer of permessage-deflate whose parameters are all as they may be.
    private struct Offer {
        private var seen: Set<Parameter> = []
        private var serverWindowBits = windowBitsMax

        private enum Parameter: CaseIterable {
            case serverNoContextTakeover, clientNoContextTakeover, serverMaxWindowBits, clientMaxWindowBits

            var name: StaticString {
                switch self {
                case .serverNoContextTakeover: "server_no_context_takeover"
                case .clientNoContextTakeover: "client_no_context_takeover"
                case .serverMaxWindowBits: "server_max_window_bits"
                case .clientMaxWindowBits: "client_max_window_bits"
                }
            }
        }

        /// Parses `text`; nil when it is another extension, or an offer that has to be declined.
        init?(_ text: ByteView) {
            var rest = text
            guard Self.takeElement(&rest).equalsIgnoringCase("permessage-deflate") else { return nil }
            while !rest.isEmpty {
                guard take(Self.takeElement(&rest)) else { return nil }
            }
        }

        /// What the offer is accepted with; nil when it limits our window. The client's window may be any.
        var acceptance: StaticString? {
            guard serverWindowBits == WebSocketCompression.windowBitsMax else { return nil }
            return seen.contains(.serverMaxWindowBits)
                ? "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=15"
                : "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
        }

        private static func takeElement(_ rest: inout ByteView) -> ByteView {
            let end = DelimitedText.firstUnquoted(UInt8(ascii: ";"), in: rest) ?? rest.count
            let element = rest.take(end).trimmed
            if !rest.isEmpty { rest.take(1) }
            return element
        }

        private mutating func take(_ text: ByteView) -> Bool {
            let equals = text.firstIndex(of: UInt8(ascii: "="))
            let name = text.slice(0..<(equals ?? text.count)).trimmed
            let value = equals.map { text.slice(from: $0 + 1).trimmed }
            guard let parameter = Parameter.allCases.first(where: { name.equals($0.name) }),
                seen.insert(parameter).inserted
            else { return false }
            switch parameter {
            case .serverNoContextTakeover, .clientNoContextTakeover: return value == nil
            case .clientMaxWindowBits: return value.map { Self.windowBits($0) != nil } ?? true
            case .serverMaxWindowBits:
                guard let bits = value.flatMap(Self.windowBits) else { return false }
                serverWindowBits = bits
                return true
            }
        }

        /// 8 to 15 in decimal without leading zeros (section 7.1.2), perhaps quoted.
        private static func windowBits(_ text: ByteView) -> Int? {
            var digits = text
            if digits.count >= 2, digits[0] == UInt8(ascii: "\""), digits[digits.count - 1] == UInt8(ascii: "\"") {
                digits = digits.slice(1..<digits.count - 1)
            }
            guard let bits = digits.decimal, digits.count == (bits < 10 ? 1 : 2) else { return nil }
            return (8...WebSocketCompression.windowBitsMax).contains(bits) ? bits : nil
        }
    }

    /// The largest window DEFLATE has, as a power of two: 32 KiB.
    fileprivate static let windowBitsMax = 15
}
