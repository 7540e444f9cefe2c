import CFanfareCrypto
import FanfareBase

/// Why a request cannot become a WebSocket.
package enum WebSocketHandshakeError: String, Error, Sendable, CaseIterable {
    case method = "websocket-needs-get"
    case connection = "websocket-needs-connection-upgrade"
    case version = "websocket-version-unsupported"
    case key = "websocket-key-invalid"
    case extensions = "websocket-extensions-invalid"
    case body = "websocket-with-body"

    /// The status to answer with; with 426 goes `sec-websocket-version: 13`.
    package var status: Int {
        switch self {
        case .method: 405
        case .version: 426
        case .connection, .key, .extensions, .body: 400
        }
    }

    /// The reason as a machine reads it.
    package var code: String { rawValue }

    /// What a person can do about it.
    package var detail: StaticString {
        switch self {
        case .method: "A WebSocket is opened with GET over HTTP/1.1."
        case .connection:
            """
            A WebSocket needs the headers Upgrade: websocket and Connection: Upgrade; a proxy in between may have removed \
            the latter.
            """
        case .version: "Sec-WebSocket-Version must be 13."
        case .key: "Sec-WebSocket-Key must be 16 random bytes in base64."
        case .extensions: "Sec-WebSocket-Extensions is no list of extensions with parameters (RFC 6455, section 9.1)."
        case .body: "A WebSocket is opened by a request without a body."
        }
    }
}

/// The opening handshake of RFC 6455, section 4, for either side.
package enum WebSocketHandshake {
    /// What `Sec-WebSocket-Accept` has: the base64 of a SHA-1.
    package static let acceptBytes = 28
    /// Appended to the key before hashing (section 1.3).
    private static let keySuffix: StaticString = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

    /// Whether a request means to become a WebSocket at all: an Upgrade header lists `websocket`, which HTTP/1.0 must not
    /// be taken at its word for (RFC 9110, section 7.8).
    package static func isRequested(by request: HTTPRequest) -> Bool {
        request.minorVersion > 0 && request.headers.list(.upgrade, contains: "websocket")
    }

    /// Checks a request for which `isRequested` holds and gives its key.
    package static func check(_ request: HTTPRequest) throws(WebSocketHandshakeError) -> ByteView {
        guard request.method == .get else { throw .method }
        guard isRequested(by: request), request.headers.list(.connection, contains: "upgrade") else {
            throw .connection
        }
        guard !request.headers.isRepeated(.secWebSocketVersion),
            request.headers[.secWebSocketVersion]?.equals("13") == true
        else { throw .version }
        guard !request.headers.isRepeated(.secWebSocketKey), let key = request.headers[.secWebSocketKey],
            key.count == 24, Base64.decode(key.array)?.count == 16
        else { throw .key }
        for field in request.headers where field.name.equalsIgnoringCase("sec-websocket-extensions") {
            guard WebSocketExtension.areWellFormed(field.value) else { throw .extensions }
        }
        // A proxy that had not seen the body would take it for frames.
        guard request.body.isEmpty else { throw .body }
        return key
    }

    /// The subprotocols the client offers, in its order, over all lines of the header.
    package static func offeredProtocols(_ headers: HTTPHeaders) -> [ByteView] {
        guard headers.contains(.secWebSocketProtocol) else { return [] }
        var offers: [ByteView] = []
        for field in headers where field.name.equalsIgnoringCase("sec-websocket-protocol") {
            offers.append(contentsOf: CommaList(field.value))
        }
        return offers
    }

    /// Appends the accept value that proves `key` was understood.
    package static func appendAccept(forKey key: ByteView, to output: inout [UInt8]) {
        var text = key.array
        text.append(keySuffix)
        var digest = [UInt8](repeating: 0, count: fanfare_sha1_bytes)
        // Safe: SHA-1 reads text.count bytes and writes as many as the digest has; neither pointer is kept.
        unsafe text.withUnsafeBytes { source in
            unsafe digest.withUnsafeMutableBufferPointer { target in
                unsafe fanfare_sha1(source.baseAddress, source.count, target.baseAddress)
            }
        }
        Base64.append(digest, to: &output)
    }

    /// Appends the 101 that turns the connection into a WebSocket. `subprotocol` is one of the offered; nil picks none.
    /// `extensions` is what `WebSocketCompression.acceptance` gave.
    package static func appendAcceptance(
        key: ByteView, subprotocol: ByteView? = nil, extensions: StaticString? = nil, to output: inout [UInt8]
    ) {
        output.append("HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n")
        output.append("sec-websocket-accept: ")
        appendAccept(forKey: key, to: &output)
        output.append("\r\n")
        if let subprotocol { HTTPWriter.appendHeader("sec-websocket-protocol", subprotocol, to: &output) }
        if let extensions {
            HTTPWriter.appendHeader("sec-websocket-extensions", ByteView(extensions), to: &output)
        }
        HTTPWriter.endHead(&output)
    }

    /// Appends a client's request, all but further headers and the empty line (`HTTPWriter.endHead`). `key` is the base64
    /// of 16 random bytes.
    package static func appendRequest(
        target: ByteView, host: ByteView, key: ByteView, subprotocols: [StaticString] = [], to output: inout [UInt8]
    ) {
        HTTPWriter.appendRequestLine("GET", target: target, to: &output)
        HTTPWriter.appendHeader("host", host, to: &output)
        output.append("upgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-version: 13\r\n")
        HTTPWriter.appendHeader("sec-websocket-key", key, to: &output)
        for subprotocol in subprotocols { HTTPWriter.appendHeader("sec-websocket-protocol", subprotocol, to: &output) }
    }

    /// Whether a response accepts the handshake made with `key` (section 4.1, steps 1 to 4).
    package static func isAccepted(by response: HTTPResponse, key: ByteView) -> Bool {
        guard response.status == 101, response.headers.list(.upgrade, contains: "websocket"),
            response.headers.list(.connection, contains: "upgrade"), let accept = response.headers[.secWebSocketAccept]
        else { return false }
        var expected: [UInt8] = []
        appendAccept(forKey: key, to: &expected)
        return expected.withByteView { $0 == accept }
    }
}
