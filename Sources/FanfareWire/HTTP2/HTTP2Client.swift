import CFanfareHTTP2
import FanfareBase

/// The client's side of one HTTP/2 connection (RFC 9113) as a transformation of bytes, by libnghttp2: requests in, bytes to
/// send out; bytes received in, what became of each request out. It never sees a descriptor. One thread.
///
/// Requests are given as HTTP/1.1 text, so that whoever makes them makes them once for both versions. A request keeps a copy
/// of its body until the peer's window has taken it; `unsentBytes` tells how much that is, and the caller waits.
@safe package final class HTTP2Client {
    /// What became of a request.
    package enum Outcome: Equatable, Sendable {
        /// An answer came, whole or as much of it as is read: its status decides.
        case answered
        /// The peer says that it has not looked at the request (RFC 9113, section 8.7): it may be made again.
        case unprocessed
        /// The stream was reset, or what came is no answer: the error code (RFC 9113, section 7).
        case reset(code: UInt32)
    }

    /// A request that is over.
    package struct Exchange: Sendable {
        /// What the caller gave with the request.
        package var token: UInt32
        /// What became of it.
        package var outcome: Outcome
        /// The final answer's; nil when none came.
        package var status: Int?
        /// The field `retry-after`; nil when there is none.
        package var retryAfter: [UInt8]?
        /// The field `webhook-allowed-origin`; nil when there is none.
        package var allowedOrigin: [UInt8]?
        /// The field `webhook-allowed-rate`; nil when there is none.
        package var allowedRate: [UInt8]?
        /// The first bytes of the answer's content.
        package var body: [UInt8]
    }

    private let handle: OpaquePointer

    /// A connection whose preface waits to be sent; nil without memory. An answer's content is kept up to
    /// `bodyKeptBytesMax` and read up to `bodyReadBytesMax`: beyond that its stream is reset and its status counts.
    package init?(bodyKeptBytesMax: Int, bodyReadBytesMax: Int) {
        var limits = fanfare_http2_limits(
            kept_bytes_max: UInt32(bodyKeptBytesMax), read_bytes_max: UInt32(bodyReadBytesMax),
            field_bytes_max: UInt32(WireLimits.headBytesMax),
            idle_frames_max: UInt32(WireLimits.http2IdleFramesMax))
        guard let handle = unsafe fanfare_http2_open(&limits) else { return nil }
        unsafe self.handle = handle
    }

    // Safe: this object alone holds it.
    deinit { unsafe fanfare_http2_close(handle) }

    /// Requests the peer allows at one time: 1 until it says, 0 once it says goodbye.
    package var streamsMax: Int { Int(unsafe fanfare_http2_streams_max(handle)) }

    /// Bytes of request bodies that wait for the peer's window or to be taken with `appendOutput`.
    package var unsentBytes: Int { unsafe fanfare_http2_unsent(handle) }

    /// Takes what has arrived; `next` then tells what is over. False when the connection is beyond use (the peer broke the
    /// protocol or floods it): send the rest and close.
    package func receive(_ bytes: UnsafeRawBufferPointer) -> Bool {
        // Safe: reads `count` bytes and keeps none of them.
        unsafe fanfare_http2_receive(handle, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count)
    }

    /// Nothing more will be read or sent: one side has ended it and said so.
    package var isOver: Bool { unsafe fanfare_http2_is_over(handle) }

    /// Appends what is to be sent to `output`, until that has `limit` bytes or more.
    package func appendOutput(to output: inout [UInt8], limit: Int) {
        var start: UnsafePointer<UInt8>?
        while output.count < limit {
            let count = unsafe fanfare_http2_send(handle, &start)
            guard count > 0 else { return }
            // Safe: valid until the next call.
            unsafe output.append(contentsOf: UnsafeBufferPointer(start: start, count: count))
        }
    }

    /// The next request that is over.
    package func next() -> Exchange? {
        var event = unsafe fanfare_http2_event()
        guard unsafe fanfare_http2_next(handle, &event) else { return nil }
        return unsafe exchange(event)
    }

    /// What has come of a request's answer, whose rest has yet to come; nil when no status has.
    package func begun(_ stream: Int32) -> Exchange? {
        var event = unsafe fanfare_http2_event()
        guard unsafe fanfare_http2_begun(handle, stream, &event) else { return nil }
        return unsafe exchange(event)
    }

    private func exchange(_ event: fanfare_http2_event) -> Exchange {
        let outcome: Outcome =
            switch unsafe event.outcome {
            case FANFARE_HTTP2_ANSWERED: .answered
            case FANFARE_HTTP2_UNPROCESSED: .unprocessed
            default: .reset(code: unsafe event.error_code)
            }
        // Safe: body and values live until the next call, and the values are as many as there are kinds.
        func kept(_ kind: fanfare_http2_kept) -> [UInt8]? {
            let value = unsafe event.values[Int(kind.rawValue)]
            guard value.is_there != 0 else { return nil }
            return unsafe withUnsafeBytes(of: value.text) { unsafe [UInt8]($0.prefix(Int(value.bytes))) }
        }
        let body = unsafe [UInt8](UnsafeBufferPointer(start: event.body, count: event.body_bytes))
        let status = unsafe Int(event.status)
        return Exchange(
            token: unsafe event.token, outcome: outcome, status: status == 0 ? nil : status,
            retryAfter: kept(FANFARE_HTTP2_RETRY_AFTER), allowedOrigin: kept(FANFARE_HTTP2_ALLOWED_ORIGIN),
            allowedRate: kept(FANFARE_HTTP2_ALLOWED_RATE), body: body)
    }

    /// Begins a request: the text of an HTTP/1.1 message whose field names are in lowercase. `token` comes back with its
    /// `Exchange`. Its stream, or nil when none can be begun any more.
    package func request(_ text: [UInt8], token: UInt32) -> Int32? {
        let stream = unsafe fanfare_http2_request(handle, text, text.count, token)
        return stream > 0 ? stream : nil
    }

    /// Whether `request` can begin a stream with `text` on any connection: it is a request, and has no more fields than
    /// `FANFARE_HTTP2_FIELDS_MAX`.
    package static func canExpress(_ text: [UInt8]) -> Bool { unsafe fanfare_http2_is_request(text, text.count) }

    /// Gives a request up: nothing more is heard of it.
    package func cancel(_ stream: Int32, token: UInt32) { unsafe fanfare_http2_cancel(handle, stream, token) }

    /// The status of a request's answer, whose rest has yet to come; nil when none has come.
    package func status(of stream: Int32) -> Int? {
        let status = unsafe fanfare_http2_status(handle, stream)
        return status == 0 ? nil : Int(status)
    }

    /// Says goodbye: requests under way are over.
    package func sayGoodbye() { unsafe fanfare_http2_goodbye(handle) }

    /// The name of an error code (RFC 9113, section 7).
    package static func name(ofError code: UInt32) -> String {
        let names = [
            "NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT", "STREAM_CLOSED",
            "FRAME_SIZE_ERROR", "REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR", "CONNECT_ERROR", "ENHANCE_YOUR_CALM",
            "INADEQUATE_SECURITY", "HTTP_1_1_REQUIRED",
        ]
        return code < names.count ? names[Int(code)] : "error \(code)"
    }
}
