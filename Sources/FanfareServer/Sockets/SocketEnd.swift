import FanfareWire

/// Why a socket ended, as `/metrics` counts it.
enum SocketEnd: Int, CaseIterable {
    /// The client closed, or its connection is gone.
    case client
    /// The service drains.
    case drain
    /// The client broke the rules of WebSocket: 1002, 1003, 1007.
    case `protocol`
    /// It was not allowed, or its token expired: 1008.
    case policy
    /// It sent more than is accepted: 1009.
    case size
    /// Our failure: 1011.
    case failure
    /// The log took no events: 1013.
    case unavailable
    /// Slow beyond its policy: 4008.
    case slow
    /// It neither sent a byte nor took one for too long.
    case dead

    /// The end that a close with `code` is.
    init(_ code: WebSocketCloseCode) {
        switch code {
        case .goingAway: self = .drain
        case .protocolError, .unsupportedData, .invalidPayload: self = .protocol
        case .policyViolation: self = .policy
        case .messageTooBig: self = .size
        case .internalError: self = .failure
        case .tryAgainLater: self = .unavailable
        case .slow: self = .slow
        default: self = .client
        }
    }

    /// As the label has it.
    var name: String { self == .protocol ? "protocol" : "\(self)" }
}
