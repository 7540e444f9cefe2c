import FanfareBase

/// Turns the bytes of a client's connection into responses: webhook endpoints, command line, load generator.
///
/// Used like `HTTPRequestDecoder`; tell the end of the connection with `finish`. Interim responses (1xx) are skipped.
/// Collecting keeps at most `bodyKeptBytesMax` of a body and reads at most `bodyReadBytesMax`: beyond it the response is
/// given with `isComplete` false, and the connection is to be closed. Between responses nothing is held.
package struct HTTPResponseDecoder: ~Copyable {
    /// What to do with bodies.
    package enum Mode: Sendable {
        /// Give whole responses.
        case collect(bodyKeptBytesMax: Int, bodyReadBytesMax: Int)
        /// Give bodies as they arrive, without limit: event streams.
        case stream
    }

    private enum Phase {
        case head
        case body(remaining: Int)
        case chunked(HTTPChunkedDecoder)
        case untilClose
        /// Streaming: the body has ended, which is still to be said.
        case ending
        /// A response has been given out: forget it at the next call.
        case given
        /// Given up, or the connection is no longer HTTP.
        case finished
    }

    private let mode: Mode
    private let headBytesMax: Int
    private let headersMax: Int
    private var phase = Phase.head
    private var headBytes = 0
    private var bodyBytes = 0
    private var interimResponses = 0
    private var kept = GrowingBytes()

    /// The request in flight is HEAD: its response has no body, whatever it says. Set before the response arrives.
    package var answersHEAD = false

    /// The status of the response at hand, from when its status line has been read until it has been given out: what
    /// decides a webhook attempt even when the rest never comes. Never that of an earlier response on the connection.
    package var statusSeen: Int? { isIdle ? nil : status }
    private var status: Int?

    /// What has come of a collected response whose head is complete and whose body is not, or was none: `isComplete` is
    /// false. Valid like a response; nil when there is none such.
    package var begun: HTTPResponse? {
        switch phase {
        case .body, .chunked, .untilClose, .finished: break
        case .head, .ending, .given: return nil
        }
        guard case .collect = mode, headBytes > 0 else { return nil }
        do throws(HTTPDecodeError) {
            return try keptResponse(isComplete: false)
        } catch {
            return nil
        }
    }

    /// A decoder for a new connection.
    package init(mode: Mode, headBytesMax: Int = WireLimits.headBytesMax, headersMax: Int = WireLimits.headersMax) {
        invariant(headBytesMax <= Int(UInt16.max), "a head's offsets fit 16 bits")
        self.mode = mode
        self.headBytesMax = headBytesMax
        self.headersMax = headersMax
    }

    /// Whether no part of a response has arrived.
    package var isIdle: Bool {
        switch phase {
        case .head: kept.isEmpty && interimResponses == 0
        case .given: true
        default: false
        }
    }

    /// Bytes allocated for what is not complete.
    package var retainedBytes: Int { kept.capacity }

    /// The next event in `input`; nil when `input` is used up and more is needed.
    package mutating func decode(_ input: inout ByteView) -> HTTPResponseEvent? {
        do throws(HTTPDecodeError) {
            return try decodeNext(&input)
        } catch {
            input = .empty
            return fail(error)
        }
    }

    /// The connection has ended: a body delimited by that is complete, anything else begun is a failure. Nil when there
    /// was nothing under way.
    package mutating func finish() -> HTTPResponseEvent? {
        switch phase {
        case .given, .finished: return nil
        case .head where kept.isEmpty && interimResponses == 0: return nil
        case .ending:
            phase = .finished
            return .end
        case .untilClose:
            if case .stream = mode {
                phase = .finished
                return .end
            }
            do throws(HTTPDecodeError) {
                return try giveKept(isComplete: true)
            } catch {
                return fail(error)
            }
        default: return fail(.closedEarly)
        }
    }

    private mutating func fail(_ error: HTTPDecodeError) -> HTTPResponseEvent {
        phase = .finished
        // A head that is complete still says what it says.
        if headBytes == 0 { kept.release() }
        return .failure(error)
    }

    private mutating func decodeNext(_ input: inout ByteView) throws(HTTPDecodeError) -> HTTPResponseEvent? {
        switch phase {
        case .given: reset()
        case .ending:
            phase = .given
            return .end
        default:
            // The head has been given out; pieces of the body are never kept.
            if case .stream = mode, headBytes > 0 { forgetStreamedHead() }
        }
        while !input.isEmpty {
            let event: HTTPResponseEvent?
            switch phase {
            case .head: event = try decodeHead(&input)
            case .body(let remaining): event = try takeBody(&input, remaining: remaining)
            case .chunked(let decoder): event = try takeChunks(&input, decoder)
            case .untilClose: event = try take(input.take(input.count))
            case .ending, .given: return nil
            case .finished:
                // After 101 the bytes are not ours.
                return nil
            }
            if let event { return event }
        }
        return nil
    }

    private mutating func reset() {
        kept.release()
        (headBytes, bodyBytes, interimResponses) = (0, 0, 0)
        phase = .head
    }

    private var scanner: HTTPHeadScanner {
        HTTPHeadScanner(headBytesMax: headBytesMax, firstLineBytesMax: headBytesMax)
    }

    private mutating func forgetStreamedHead() {
        kept.release()
        headBytes = 0
    }

    private mutating func decodeHead(_ input: inout ByteView) throws(HTTPDecodeError) -> HTTPResponseEvent? {
        if kept.isEmpty {
            status = nil
            if let bytes = try scanner.headBytes(in: input) {
                return try beginResponse(input.take(bytes), inPlace: true, &input)
            }
        }
        guard try scanner.collect(&input, into: &kept) else { return nil }
        return try beginResponse(kept.view, inPlace: false, &input)
    }

    private mutating func beginResponse(
        _ head: ByteView, inPlace: Bool, _ input: inout ByteView
    ) throws(HTTPDecodeError) -> HTTPResponseEvent? {
        if let end = head.firstIndex(of: ASCII.lineFeed) {
            status = try HTTPResponseHead.statusLine(head.slice(0..<end - 1)).status
        }
        var (response, framing) = try HTTPResponseHead.parse(head, headersMax: headersMax)
        if response.status < 200, response.status != 101 {
            try skipInterim()
            return nil
        }
        if answersHEAD || response.status == 101 { framing = .length(0) }
        if response.status != 101, answersHEAD {
            response.keepAlive = HTTPFraming.keepAlive(response.headers, minorVersion: response.minorVersion)
        }
        return beginBody(&response, framing, head, inPlace: inPlace, &input)
    }

    private mutating func skipInterim() throws(HTTPDecodeError) {
        interimResponses += 1
        guard interimResponses <= WireLimits.interimResponsesMax else { throw .statusLine }
        status = nil
        kept.release()
    }

    /// The head is complete: given out while streaming or when the whole body lies in `input`, else kept.
    private mutating func beginBody(
        _ response: inout HTTPResponse, _ framing: HTTPBodyFraming, _ head: ByteView, inPlace: Bool,
        _ input: inout ByteView
    ) -> HTTPResponseEvent? {
        switch framing {
        case .length(0): phase = .ending
        case .length(let length): phase = .body(remaining: length)
        case .chunked: phase = .chunked(HTTPChunkedDecoder())
        case .untilClose: phase = .untilClose
        }
        if response.status == 101 { phase = .finished }
        if case .stream = mode {
            headBytes = kept.count
            return .head(response)
        }
        if case .length(let length) = framing, length <= input.count, length <= keptMax {
            response.body = input.take(length)
            response.bodyBytes = length
            if response.status != 101 { phase = .given }
            return .response(response)
        }
        if inPlace { kept.append(head) }
        headBytes = kept.count
        return nil
    }

    private mutating func takeBody(
        _ input: inout ByteView, remaining: Int
    ) throws(HTTPDecodeError) -> HTTPResponseEvent? {
        let piece = input.take(min(remaining, input.count))
        let isLast = piece.count == remaining
        phase = isLast ? .ending : .body(remaining: remaining - piece.count)
        if let event = try take(piece) { return event }
        return isLast ? try giveKept(isComplete: true) : nil
    }

    private mutating func takeChunks(
        _ input: inout ByteView, _ current: HTTPChunkedDecoder
    ) throws(HTTPDecodeError) -> HTTPResponseEvent? {
        var decoder = current
        while let piece = try decoder.next(&input, bodyBytesMax: .max) {
            switch piece {
            case .data(let bytes):
                phase = .chunked(decoder)
                if let event = try take(bytes) { return event }
            case .end:
                if case .stream = mode {
                    phase = .given
                    return .end
                }
                return try giveKept(isComplete: true)
            }
        }
        phase = .chunked(decoder)
        return nil
    }

    /// A piece of the body: given out while streaming, else kept up to the limit. An event when that is all we read.
    private mutating func take(_ piece: ByteView) throws(HTTPDecodeError) -> HTTPResponseEvent? {
        bodyBytes += piece.count
        guard case .collect(let keptMax, let readMax) = mode else { return .body(piece) }
        let room = max(0, keptMax - (kept.count - headBytes))
        kept.append(piece.slice(0..<min(room, piece.count)))
        return bodyBytes > readMax ? try giveKept(isComplete: false) : nil
    }

    private var keptMax: Int {
        guard case .collect(let keptMax, let readMax) = mode else { return 0 }
        return min(keptMax, readMax)
    }

    /// The response kept here; its head is parsed again, which is cheaper than keeping its index while a body arrives.
    private mutating func giveKept(isComplete: Bool) throws(HTTPDecodeError) -> HTTPResponseEvent {
        let response = try keptResponse(isComplete: isComplete)
        phase = isComplete ? .given : .finished
        return .response(response)
    }

    private func keptResponse(isComplete: Bool) throws(HTTPDecodeError) -> HTTPResponse {
        var (response, _) = try HTTPResponseHead.parse(kept.view(0..<headBytes), headersMax: headersMax)
        response.body = kept.view(headBytes..<kept.count)
        response.bodyBytes = bodyBytes
        response.isComplete = isComplete
        if !isComplete { response.keepAlive = false }
        return response
    }
}
