/// What a WebSocket received. Views are valid until the next `decode` and while the memory behind `input` is.
package enum WebSocketEvent {
    /// A whole text message, which is UTF-8.
    case text(ByteView)
    /// A whole binary message.
    case binary(ByteView)
    /// Answer with a pong that holds the same bytes.
    case ping(ByteView)
    /// The answer to our ping.
    case pong(ByteView)
    /// The peer closes: answer with a close frame if none was sent, then close. `noStatus` when it gave no code; the
    /// reason is UTF-8. Everything after it is dropped.
    case close(WebSocketCloseCode, reason: ByteView)
    /// The peer broke the rules: send a close frame with this code and close. Comes once; everything after it is dropped.
    case failure(WebSocketError)
}

/// Why what a WebSocket peer sent is not acceptable.
package enum WebSocketError: Error, Sendable, CaseIterable {
    case reservedBits, unknownOpcode, maskMissing, maskUnexpected, lengthNotMinimal, lengthTooLarge
    case fragmentedControl, controlTooLong, continuationWithoutStart, startWithinFragments
    case closePayload, closeCode, closeReason
    case text
    case compressedData
    case messageTooBig
    case tooManyEmptyFragments

    /// The code to close with.
    package var closeCode: WebSocketCloseCode {
        switch self {
        case .text, .compressedData, .closeReason: .invalidPayload
        case .messageTooBig: .messageTooBig
        case .tooManyEmptyFragments: .policyViolation
        default: .protocolError
        }
    }

    /// What a person can do about it; short enough for a close frame.
    package var detail: StaticString {
        switch self {
        case .reservedBits: "a reserved bit is set that no extension gave a meaning here"
        case .unknownOpcode: "the frame's opcode is unknown"
        case .maskMissing: "frames from a client must be masked"
        case .maskUnexpected: "frames from a server must not be masked"
        case .lengthNotMinimal: "the frame's length is not in its shortest form"
        case .lengthTooLarge: "the frame's length has its highest bit set"
        case .fragmentedControl: "a control frame must not be fragmented"
        case .controlTooLong: "a control frame has at most 125 bytes"
        case .continuationWithoutStart: "a continuation without a message to continue"
        case .startWithinFragments: "a new message before the last one ended"
        case .closePayload: "a close frame has no bytes or at least two"
        case .closeCode: "the close code may not be sent"
        case .closeReason: "the close reason is not UTF-8"
        case .text: "the text is not UTF-8"
        case .compressedData: "the message is not what permessage-deflate makes"
        case .messageTooBig: "the message is longer than this service accepts"
        case .tooManyEmptyFragments: "too many empty fragments in one message"
        }
    }
}
