/// Why a peer's HTTP/1.1 is not acceptable. After any of these the connection closes: where the next message would begin
/// is no longer certain.
package enum HTTPDecodeError: String, Error, Sendable, CaseIterable {
    // Heads
    case requestLine = "invalid-request-line"
    case method = "invalid-method"
    case target = "invalid-target"
    case targetTooLong = "target-too-long"
    case version = "invalid-version"
    case versionUnsupported = "version-unsupported"
    case http2 = "http2-unsupported"
    case tlsOnPlainPort = "tls-on-plain-port"
    case connectUnsupported = "connect-unsupported"
    case bareLineFeed = "bare-line-feed"
    case bareCarriageReturn = "bare-carriage-return"
    case obsoleteFolding = "obsolete-line-folding"
    case headerName = "invalid-header-name"
    case spaceBeforeColon = "space-before-colon"
    case headerValue = "invalid-header-value"
    case headTooLong = "head-too-long"
    case tooManyHeaders = "too-many-headers"
    case hostMissing = "host-missing"
    case hostRepeated = "host-repeated"
    case hostInvalid = "host-invalid"
    case hostDisagrees = "host-disagrees-with-target"
    case expectation = "expectation-unsupported"
    // Framing
    case contentLength = "invalid-content-length"
    case contentLengthRepeated = "content-length-repeated"
    case lengthWithTransferEncoding = "content-length-with-transfer-encoding"
    case transferEncoding = "transfer-encoding-unsupported"
    case transferEncodingInHTTP10 = "transfer-encoding-in-http-1.0"
    case chunkSize = "invalid-chunk-size"
    case chunkEnd = "invalid-chunk-end"
    case chunkExtensions = "chunk-extensions-too-long"
    case trailer = "invalid-trailer"
    case trailerTooLong = "trailer-too-long"
    case bodyTooLong = "body-too-long"
    // Responses
    case statusLine = "invalid-status-line"
    case closedEarly = "closed-before-the-end"

    /// The status a server answers with before it closes.
    package var status: Int {
        switch self {
        case .targetTooLong: 414
        case .headTooLong, .tooManyHeaders, .trailerTooLong: 431
        case .bodyTooLong: 413
        case .expectation: 417
        case .connectUnsupported: 501
        case .versionUnsupported, .http2: 505
        default: 400
        }
    }

    /// The reason as a machine reads it: stable, lowercase words joined by hyphens.
    package var code: String { rawValue }

    /// What a person can do about it.
    package var detail: StaticString {
        switch self {
        case .requestLine: "The request line must be METHOD, one space, target, one space, HTTP/1.1."
        case .method: "The request does not begin with a method name."
        case .target:
            """
            The request target must be a path that begins with /, an absolute http(s) URL, or * for OPTIONS, in printable \
            ASCII without a fragment.
            """
        case .targetTooLong: "The request target is longer than this service reads; shorten the query."
        case .version: "The protocol version must be written HTTP/1.1."
        case .versionUnsupported: "This service speaks HTTP/1.1 only."
        case .http2: "This looks like HTTP/2; this service speaks HTTP/1.1 only. Configure the client for HTTP/1.1."
        case .tlsOnPlainPort:
            """
            This looks like a TLS handshake, but this listener speaks plain HTTP. Use http:// here, or connect to the TLS \
            listener.
            """
        case .connectUnsupported: "This is not a proxy: CONNECT is not available."
        case .bareLineFeed: "Lines of a head must end in CR LF, not in LF alone."
        case .bareCarriageReturn: "A CR in a head must be followed by LF."
        case .obsoleteFolding: "A header may not be continued on the next line."
        case .headerName: "A header name may hold letters, digits and !#$%&'*+-.^_`|~ only, followed by a colon."
        case .spaceBeforeColon: "There may be no space between a header's name and its colon."
        case .headerValue: "A header value may not hold control characters."
        case .headTooLong: "The request's head is longer than this service reads."
        case .tooManyHeaders: "The request has more headers than this service reads."
        case .hostMissing: "An HTTP/1.1 request needs a Host header."
        case .hostRepeated: "A request may have one Host header only."
        case .hostInvalid: "The Host header must be a host name or address, and optionally a colon and a port."
        case .hostDisagrees: "The Host header names another host than the request target."
        case .expectation: "The only expectation this service knows is 100-continue."
        case .contentLength: "Content-Length must be one decimal number."
        case .contentLengthRepeated: "A message may have one Content-Length header only, even if they agree."
        case .lengthWithTransferEncoding: "A message may not have both Content-Length and Transfer-Encoding."
        case .transferEncoding: "The only transfer coding this service knows is a single chunked."
        case .transferEncodingInHTTP10: "HTTP/1.0 has no Transfer-Encoding."
        case .chunkSize: "A chunk must begin with its size in hexadecimal digits and CR LF."
        case .chunkEnd: "A chunk's data must be followed by CR LF."
        case .chunkExtensions: "The chunk extensions are longer than this service reads."
        case .trailer: "The trailer section is malformed."
        case .trailerTooLong: "The trailer section is longer than this service reads."
        case .bodyTooLong: "The request's body is longer than this service accepts."
        case .statusLine: "The answer does not begin with an HTTP/1 status line."
        case .closedEarly: "The connection closed before the message was complete."
        }
    }
}
