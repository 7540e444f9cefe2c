/// The number in a close frame (RFC 6455, section 7.4; CONTRACT, section 5).
package struct WebSocketCloseCode: RawRepresentable, Hashable, Sendable {
    /// The number itself.
    package var rawValue: UInt16

    /// The code with this number.
    package init(rawValue: UInt16) { self.rawValue = rawValue }

    /// Done.
    package static let normal = Self(rawValue: 1000)
    /// The service drains or goes away.
    package static let goingAway = Self(rawValue: 1001)
    /// The peer broke the protocol.
    package static let protocolError = Self(rawValue: 1002)
    /// A kind of message that is not understood here.
    package static let unsupportedData = Self(rawValue: 1003)
    /// A close frame without a code; never sent.
    package static let noStatus = Self(rawValue: 1005)
    /// Text that is not UTF-8.
    package static let invalidPayload = Self(rawValue: 1007)
    /// Against the rules, without a better code.
    package static let policyViolation = Self(rawValue: 1008)
    /// A message beyond the limit.
    package static let messageTooBig = Self(rawValue: 1009)
    /// Our own failure.
    package static let internalError = Self(rawValue: 1011)
    /// Come back later.
    package static let tryAgainLater = Self(rawValue: 1013)
    /// Slow beyond the connection's policy; the reason is the last position.
    package static let slow = Self(rawValue: 4008)

    /// Whether a peer may send it: 1000 to 1003, 1007 to 1014, and 3000 to 4999.
    package var isValidOnTheWire: Bool {
        switch rawValue {
        case 1000...1003, 1007...1014, 3000...4999: true
        default: false
        }
    }
}
