import FanfareBase

/// What a server's connection received.
package enum HTTPRequestEvent {
    /// A complete request, its body included.
    case request(HTTPRequest)
    /// A head with `Expect: 100-continue`, before any of its body: append `HTTPWriter.continueResponse` and go on
    /// decoding, or answer with a final status and close.
    case continueExpected(HTTPRequest)
    /// Not acceptable HTTP: answer `error.status` and close. Comes once; everything after it is dropped.
    case failure(HTTPDecodeError)
}

/// Turns the bytes of a server's connection into requests, with keep-alive and pipelining.
///
/// Usage, for each piece received:
///
///     var input = unsafe ByteView(received)
///     while let event = decoder.decode(&input) { … }
///
/// `decode` takes what it uses off `input` and gives nil when it needs more, having used all. It never takes more than the
/// message at hand: after an upgrade, `input` is the rest, untouched. To stop between pipelined requests, keep what is
/// left of `input` and hand it in later.
///
/// A request that lies whole in `input` is given out in place, without copying. One in pieces is kept here, within
/// `limits`; between requests nothing is held. An event's views are valid until the next `decode`, and until the
/// memory behind `input` is given back.
package struct HTTPRequestDecoder: ~Copyable {
    private enum Phase {
        /// Before the first byte of a request; one empty line is tolerated.
        case idle
        /// In the empty line before a request.
        case emptyLine
        /// In a head.
        case head
        /// In a body of known length; the head is kept.
        case body(remaining: Int)
        /// In a chunked body; the head is kept.
        case chunked(HTTPChunkedDecoder)
        /// A request kept here has been given out: forget it at the next call.
        case given
        /// Given up.
        case failed
    }

    private let limits: HTTPLimits
    private var phase = Phase.idle
    private var emptyLineSeen = false
    private var headBytes = 0
    private var kept = GrowingBytes()

    /// A decoder for a new connection.
    package init(limits: HTTPLimits) {
        invariant(limits.headBytesMax <= Int(UInt16.max), "a head's offsets fit 16 bits")
        self.limits = limits
    }

    /// Whether no part of a request has arrived: what an idle timeout is about.
    package var isIdle: Bool {
        switch phase {
        case .idle, .given: true
        default: false
        }
    }

    /// Whether a head has begun and is not complete: what a head timeout is about.
    package var isReadingHead: Bool {
        switch phase {
        case .head, .emptyLine: true
        default: false
        }
    }

    /// Bytes allocated for what is not complete.
    package var retainedBytes: Int { kept.capacity }

    /// Gives back the memory of the request given out last, before the next `decode`.
    package mutating func releaseGiven() { if case .given = phase { reset() } }

    /// The next event in `input`; nil when `input` is used up and more is needed.
    package mutating func decode(_ input: inout ByteView) -> HTTPRequestEvent? {
        do throws(HTTPDecodeError) {
            return try decodeNext(&input)
        } catch {
            phase = .failed
            kept.release()
            input = .empty
            return .failure(error)
        }
    }

    private mutating func decodeNext(_ input: inout ByteView) throws(HTTPDecodeError) -> HTTPRequestEvent? {
        if case .given = phase { reset() }
        while !input.isEmpty {
            switch phase {
            case .idle:
                if try beginRequest(&input) { continue }
                return try decodeWholeHead(&input)
            case .emptyLine:
                guard input.take(1)[0] == ASCII.lineFeed else { throw .bareCarriageReturn }
                emptyLineSeen = true
                phase = .idle
            case .head:
                return try decodeKeptHead(&input)
            case .body(let remaining):
                return try collectBody(&input, remaining: remaining)
            case .chunked(let decoder):
                return try collectChunks(&input, decoder)
            case .given: invariant(false, "a request given out is forgotten before the next")
            case .failed: input = .empty
            }
        }
        return nil
    }

    private mutating func reset() {
        kept.release()
        headBytes = 0
        emptyLineSeen = false
        phase = .idle
    }

    private var scanner: HTTPHeadScanner {
        HTTPHeadScanner(headBytesMax: limits.headBytesMax, firstLineBytesMax: WireLimits.requestLineBytesMax)
    }

    /// Looks at a request's first byte, so that what cannot be HTTP is refused at once; true when it was part of a
    /// tolerated empty line.
    private mutating func beginRequest(_ input: inout ByteView) throws(HTTPDecodeError) -> Bool {
        let byte = input[0]
        if ASCII.isToken(byte) { return false }
        switch byte {
        case ASCII.carriageReturn where !emptyLineSeen:
            input.take(1)
            phase = .emptyLine
            return true
        case ASCII.lineFeed: throw .bareLineFeed
        case 0x16: throw .tlsOnPlainPort
        default: throw .method
        }
    }

    /// The common case: the head, and mostly the body too, lie whole in `input`.
    private mutating func decodeWholeHead(_ input: inout ByteView) throws(HTTPDecodeError) -> HTTPRequestEvent? {
        guard let bytes = try scanner.headBytes(in: input) else {
            phase = .head
            return try decodeKeptHead(&input)
        }
        let head = input.slice(0..<bytes)
        var (request, framing) = try HTTPRequestHead.parse(head, headersMax: limits.headersMax)
        if case .length(let length) = framing, length <= input.count - bytes {
            guard length <= limits.bodyBytesMax else { throw .bodyTooLong }
            input.take(bytes)
            request.body = input.take(length)
            phase = .given
            return .request(request)
        }
        kept.append(input.take(bytes))
        return try beginBody(request, framing, &input)
    }

    private mutating func decodeKeptHead(_ input: inout ByteView) throws(HTTPDecodeError) -> HTTPRequestEvent? {
        guard try scanner.collect(&input, into: &kept) else { return nil }
        let (request, framing) = try HTTPRequestHead.parse(kept.view, headersMax: limits.headersMax)
        return try beginBody(request, framing, &input)
    }

    /// The head is in `kept`, and `input` begins with the body, which is not complete yet unless it is empty.
    private mutating func beginBody(
        _ request: HTTPRequest, _ framing: HTTPBodyFraming, _ input: inout ByteView
    ) throws(HTTPDecodeError) -> HTTPRequestEvent? {
        headBytes = kept.count
        switch framing {
        case .length(0):
            phase = .given
            return .request(request)
        case .length(let length):
            guard length <= limits.bodyBytesMax else { throw .bodyTooLong }
            phase = .body(remaining: length)
        case .chunked, .untilClose:
            phase = .chunked(HTTPChunkedDecoder())
        }
        if request.headers.contains(.expect), request.minorVersion > 0, input.isEmpty {
            return .continueExpected(request)
        }
        if input.isEmpty { return nil }
        return try decodeNext(&input)
    }

    private mutating func collectBody(
        _ input: inout ByteView, remaining: Int
    ) throws(HTTPDecodeError) -> HTTPRequestEvent? {
        if kept.count == headBytes { kept.reserve(min(remaining, WireLimits.announcedBytesReservedMax)) }
        let piece = input.take(min(remaining, input.count))
        kept.reserve(piece.count, totalMax: kept.count + remaining)
        kept.append(piece)
        phase = .body(remaining: remaining - piece.count)
        return remaining == piece.count ? try giveKept() : nil
    }

    private mutating func collectChunks(
        _ input: inout ByteView, _ current: HTTPChunkedDecoder
    ) throws(HTTPDecodeError) -> HTTPRequestEvent? {
        var decoder = current
        while let piece = try decoder.next(&input, bodyBytesMax: limits.bodyBytesMax) {
            switch piece {
            case .data(let bytes):
                kept.reserve(bytes.count, totalMax: headBytes + limits.bodyBytesMax)
                kept.append(bytes)
            case .end: return try giveKept()
            }
        }
        phase = .chunked(decoder)
        return nil
    }

    /// The request kept here is complete. Its head is parsed again: cheaper than keeping its index while a body arrives.
    private mutating func giveKept() throws(HTTPDecodeError) -> HTTPRequestEvent {
        phase = .given
        var (request, _) = try HTTPRequestHead.parse(
            kept.view(0..<headBytes), headersMax: limits.headersMax)
        request.body = kept.view(headBytes..<kept.count)
        return .request(request)
    }
}
