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
    /// Decompresses; nil when no compression was agreed.
    private let inflater: MessageInflater?
    private var phase = Phase.header
    private var header = WebSocketHeaderReader()
    /// Payload bytes of the frame at hand still to come.
    private var remaining = 0
    /// Payload bytes of the frame at hand already taken: the mask's phase.
    private var taken = 0
    /// Opcode of the message whose fragments are being put together.
    private var messageOpcode: WebSocketOpcode?
    /// The message whose fragments are being put together is compressed.
    private var isCompressed = false
    private var emptyFragments = 0
    private var utf8 = UTF8Validator()
    private var message = GrowingBytes()
    private var inflated = GrowingBytes()
    private var control = GrowingBytes()

    /// A decoder for a connection that has just been upgraded. `validatesText` false skips the UTF-8 check, for a load
    /// generator that trusts its server. `inflater`, which any number of decoders of a thread may share, is given where
    /// permessage-deflate was agreed.
    package init(
        role: Role, messageBytesMax: Int = WireLimits.messageBytesDefaultMax, validatesText: Bool = true,
        inflater: MessageInflater? = nil
    ) {
        self.inflater = inflater
        self.role = role
        self.messageBytesMax = messageBytesMax
        self.validatesText = validatesText
    }

    /// Whether the stream is between messages, with nothing of a frame read and nothing given out: like a new decoder.
    package var isIdle: Bool { phase == .header && header.isEmpty && messageOpcode == nil }

    /// Bytes allocated for what is not complete.
    package var retainedBytes: Int { message.capacity + inflated.capacity + control.capacity }

    /// Gives back the memory of the message given out last, before the next `decode`: for one that has to wait for it.
    package mutating func releaseGiven() { if phase == .given { forgetGiven() } }

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
                guard try header.read(&input, mayBeCompressed: inflater != nil) else { return nil }
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
        inflated.release()
        if messageOpcode == nil { message.release() }
        phase = .header
    }

    private mutating func finish() {
        message.release()
        inflated.release()
        control.release()
        phase = .finished
    }

    /// Checks the frame's header against the connection's state, before any of its payload is taken.
    private mutating func beginFrame() throws(WebSocketError) {
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
            isCompressed = header.isCompressed
        }
        guard length <= receivedBytesMax - message.count else { throw .messageTooBig }
        if length == 0, !header.isFinal {
            emptyFragments += 1
            guard emptyFragments <= WireLimits.emptyFragmentsMax else { throw .tooManyEmptyFragments }
        }
    }

    /// Bytes of the message at hand as it is received: what does not compress grows a little by it.
    private var receivedBytesMax: Int {
        isCompressed
            ? messageBytesMax + messageBytesMax / WireLimits.compressedShareOver + WireLimits.compressedShareOver
            : messageBytesMax
    }

    /// A client's common case: an unmasked, unfragmented message or a control frame whose payload lies whole in `input`.
    private mutating func takeWholeInPlace(_ input: inout ByteView) throws(WebSocketError) -> WebSocketEvent? {
        guard role == .client, header.isFinal, !header.isCompressed, taken == 0, remaining <= input.count,
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
            message.reserve(piece.count, totalMax: receivedBytesMax)
            Self.append(piece, to: &message, mask: header.mask, phase: taken)
        }
        taken += piece.count
        remaining -= piece.count
        if !isControl, !isCompressed, messageOpcode == .text, validatesText {
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
        if isCompressed { return try inflatedEvent(isText: isText) }
        if isText, validatesText, !utf8.isComplete { throw .text }
        messageOpcode = nil
        phase = .given
        return isText ? .text(message.view) : .binary(message.view)
    }

    /// The message is whole and compressed: gives out what it was compressed from. Nothing is inflated before, so that what
    /// a peer makes us hold is no more than what it has sent.
    private mutating func inflatedEvent(isText: Bool) throws(WebSocketError) -> WebSocketEvent {
        guard let inflater else { invariantFailure("a message is compressed only where that was agreed") }
        try inflater.inflate(message.view, into: &inflated, bytesMax: messageBytesMax)
        message.release()
        if isText, validatesText {
            guard utf8.validate(inflated.view), utf8.isComplete else { throw .text }
        }
        messageOpcode = nil
        phase = .given
        return isText ? .text(inflated.view) : .binary(inflated.view)
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
