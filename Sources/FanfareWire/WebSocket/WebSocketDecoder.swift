import FanfareBase

/// Turns the bytes of a WebSocket into messages and control frames (RFC 6455), for either side.
///
/// Used like `HTTPRequestDecoder`: `decode` takes what it uses off `input` and gives nil when it needs more. Fragments are
/// put together up to `messageBytesMax`; text is checked as it arrives, so bad text fails before its message ends. A
/// client gets a message that lies whole in `input` in place; a server's is unmasked into memory kept here, given back
/// with the next `decode`. Between messages nothing is held.
///
/// Invariant: `message.count` ≤ `messageBytesMax`, `control.count` ≤ 125.
package struct WebSocketDecoder: ~Copyable {
    /// Which side this is.
    package enum Role: Sendable {
        /// Receives masked frames.
        case server
        /// Receives unmasked frames.
        case client
    }

    private enum Phase { case header, payload, given, finished }

    private let role: Role
    private let messageBytesMax: Int
    private let validatesText: Bool
    private var phase = Phase.header
    private var header = WebSocketHeaderReader()
    /// Payload bytes of the frame at hand still to come.
    private var remaining = 0
    /// Payload bytes of the frame at hand already taken: the mask's phase.
    private var taken = 0
    /// Opcode of the message whose fragments are being put together.
    private var messageOpcode: WebSocketOpcode?
    private var emptyFragments = 0
    private var utf8 = UTF8Validator()
    private var message = GrowingBytes()
    private var control = GrowingBytes()

    /// A decoder for a connection that has just been upgraded. `validatesText` false skips the UTF-8 check, for a load
    /// generator that trusts its server.
    package init(role: Role, messageBytesMax: Int = WireLimits.messageBytesDefaultMax, validatesText: Bool = true) {
        self.role = role
        self.messageBytesMax = messageBytesMax
        self.validatesText = validatesText
    }

    /// Bytes allocated for what is not complete.
    package var retainedBytes: Int { message.capacity + control.capacity }

    /// The next event in `input`; nil when `input` is used up and more is needed.
    package mutating func decode(_ input: inout ByteView) -> WebSocketEvent? {
        do throws(WebSocketError) {
            return try decodeNext(&input)
        } catch {
            finish()
            input = .empty
            return .failure(error)
        }
    }

    private mutating func decodeNext(_ input: inout ByteView) throws(WebSocketError) -> WebSocketEvent? {
        if phase == .given { forgetGiven() }
        while !input.isEmpty {
            switch phase {
            case .header:
                guard try header.read(&input) else { return nil }
                try beginFrame()
                if remaining == 0, let event = try endFrame() { return event }
            case .payload:
                if let event = try takeWholeInPlace(&input) { return event }
                try takePayload(&input)
                if remaining == 0, let event = try endFrame() { return event }
            case .given: forgetGiven()
            case .finished: input = .empty
            }
        }
        return nil
    }

    /// What was given out is no longer needed; a message whose fragments are still arriving stays.
    private mutating func forgetGiven() {
        control.release()
        if messageOpcode == nil { message.release() }
        phase = .header
    }

    private mutating func finish() {
        message.release()
        control.release()
        phase = .finished
    }

    /// Checks the frame's header against the connection's state, before any of its payload is taken.
    private mutating func beginFrame() throws(WebSocketError) {
        if header.reservedBits != 0 { throw .reservedBits }
        guard let opcode = WebSocketOpcode(rawValue: header.opcode) else { throw .unknownOpcode }
        if role == .server, !header.isMasked { throw .maskMissing }
        if role == .client, header.isMasked { throw .maskUnexpected }
        let length = try header.payloadBytes()
        if opcode.isControl {
            guard header.isFinal else { throw .fragmentedControl }
            guard length <= WireLimits.controlBytesMax else { throw .controlTooLong }
        } else {
            try beginData(opcode, length)
        }
        (remaining, taken, phase) = (length, 0, .payload)
    }

    private mutating func beginData(_ opcode: WebSocketOpcode, _ length: Int) throws(WebSocketError) {
        if opcode == .continuation {
            guard messageOpcode != nil else { throw .continuationWithoutStart }
        } else {
            guard messageOpcode == nil else { throw .startWithinFragments }
            (messageOpcode, emptyFragments, utf8) = (opcode, 0, UTF8Validator())
        }
        guard length <= messageBytesMax - message.count else { throw .messageTooBig }
        if length == 0, !header.isFinal {
            emptyFragments += 1
            guard emptyFragments <= WireLimits.emptyFragmentsMax else { throw .tooManyEmptyFragments }
        }
    }

    /// A client's common case: an unmasked, unfragmented message or a control frame whose payload lies whole in `input`.
    private mutating func takeWholeInPlace(_ input: inout ByteView) throws(WebSocketError) -> WebSocketEvent? {
        guard role == .client, header.isFinal, taken == 0, remaining <= input.count,
            let opcode = WebSocketOpcode(rawValue: header.opcode), opcode != .continuation
        else { return nil }
        let payload = input.take(remaining)
        remaining = 0
        header = WebSocketHeaderReader()
        if opcode.isControl { return try controlEvent(opcode, payload) }
        if opcode == .text, validatesText {
            guard utf8.validate(payload), utf8.isComplete else { throw .text }
        }
        messageOpcode = nil
        phase = .given
        return opcode == .text ? .text(payload) : .binary(payload)
    }

    /// Unmasks and keeps what `input` holds of the frame's payload, and checks it when it is text.
    private mutating func takePayload(_ input: inout ByteView) throws(WebSocketError) {
        let piece = input.take(min(remaining, input.count))
        let isControl = header.opcode >= 8
        if isControl {
            Self.append(piece, to: &control, mask: header.mask, phase: taken)
        } else {
            if taken == 0 { message.reserve(min(remaining, WireLimits.announcedBytesReservedMax)) }
            message.reserve(piece.count, totalMax: messageBytesMax)
            Self.append(piece, to: &message, mask: header.mask, phase: taken)
        }
        taken += piece.count
        remaining -= piece.count
        if !isControl, messageOpcode == .text, validatesText {
            let start = message.count - piece.count
            guard utf8.validate(message.view(start..<message.count)) else { throw .text }
        }
    }

    private static func append(_ piece: ByteView, to target: inout GrowingBytes, mask: UInt32, phase: Int) {
        // Safe: the target is exactly piece.count bytes.
        unsafe target.append(count: piece.count) { room in
            unsafe WebSocketMask.apply(mask, phase: phase, from: piece.unsafeBytes, to: room)
        }
    }

    /// The frame's payload is complete: a control frame or a message that ends here is given out.
    private mutating func endFrame() throws(WebSocketError) -> WebSocketEvent? {
        let frame = header
        header = WebSocketHeaderReader()
        phase = .header
        if let opcode = WebSocketOpcode(rawValue: frame.opcode), opcode.isControl {
            return try controlEvent(opcode, control.view)
        }
        guard frame.isFinal else { return nil }
        let isText = messageOpcode == .text
        if isText, validatesText, !utf8.isComplete { throw .text }
        messageOpcode = nil
        phase = .given
        return isText ? .text(message.view) : .binary(message.view)
    }

    private mutating func controlEvent(
        _ opcode: WebSocketOpcode, _ payload: ByteView
    ) throws(WebSocketError) -> WebSocketEvent {
        phase = .given
        switch opcode {
        case .ping: return .ping(payload)
        case .pong: return .pong(payload)
        default: break
        }
        let (code, reason) = try Self.parseClose(payload)
        message.release()
        phase = .finished
        return .close(code, reason: reason)
    }

    private static func parseClose(_ payload: ByteView) throws(WebSocketError) -> (WebSocketCloseCode, ByteView) {
        if payload.isEmpty { return (.noStatus, .empty) }
        guard payload.count >= 2 else { throw .closePayload }
        let code = WebSocketCloseCode(rawValue: UInt16(payload[0]) << 8 | UInt16(payload[1]))
        guard code.isValidOnTheWire else { throw .closeCode }
        let reason = payload.slice(from: 2)
        var utf8 = UTF8Validator()
        guard utf8.validate(reason), utf8.isComplete else { throw .closeReason }
        return (code, reason)
    }
}
