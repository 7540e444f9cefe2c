/// One response: views of the bytes it came in, valid until the decoder's next `decode` and until the receive buffer is
/// given back.
package struct HTTPResponse {
    /// 100 to 999; never 1xx except 101.
    package let status: Int
    /// What follows the status in its line; for people only.
    package let reason: ByteView
    /// 0 for HTTP/1.0, else 1.
    package let minorVersion: Int
    /// The headers.
    package let headers: HTTPHeaders
    /// Whether the connection can be used again after this response. False too when the body was not read to its end.
    package internal(set) var keepAlive: Bool
    /// The beginning of the body, as much as is kept; empty while streaming.
    package internal(set) var body: ByteView = .empty
    /// Bytes of the body read, kept or not.
    package internal(set) var bodyBytes = 0
    /// Whether the body ended; false when more than `bodyReadBytesMax` came.
    package internal(set) var isComplete = true
}

/// Parsing of a complete response head.
enum HTTPResponseHead {
    /// Status and reason of `line`, given without its CR LF.
    static func statusLine(_ line: ByteView) throws(HTTPDecodeError) -> (minor: Int, status: Int, reason: ByteView) {
        guard line.count >= 12, line.hasPrefix("HTTP/1."), ASCII.isDigit(line[7]), line[8] == UInt8(ascii: " "),
            let status = line.slice(9..<12).decimal, status >= 100,
            line.count == 12 || line[12] == UInt8(ascii: " ")
        else { throw .statusLine }
        let reason = line.slice(from: min(13, line.count))
        for byte in reason where !ASCII.isFieldValue(byte) { throw .statusLine }
        return (line[7] == UInt8(ascii: "0") ? 0 : 1, status, reason)
    }

    /// The response in `head`, which ends in an empty line and has no other, and how its body is delimited when the
    /// request was not HEAD (RFC 9112, section 6.3).
    static func parse(_ head: ByteView, headersMax: Int) throws(HTTPDecodeError) -> (HTTPResponse, HTTPBodyFraming) {
        guard let lineEnd = head.firstIndex(of: ASCII.lineFeed) else { throw .statusLine }
        let (minor, status, reason) = try statusLine(head.slice(0..<lineEnd - 1))
        let headers = try HTTPHeaders(head.slice(lineEnd + 1..<head.count - 2), headersMax: headersMax)
        let framing = try framing(headers, status: status)
        let response = HTTPResponse(
            status: status, reason: reason, minorVersion: minor, headers: headers,
            keepAlive: framing != .untilClose && HTTPFraming.keepAlive(headers, minorVersion: minor))
        return (response, framing)
    }

    private static func framing(_ headers: HTTPHeaders, status: Int) throws(HTTPDecodeError) -> HTTPBodyFraming {
        let coding = headers[.transferEncoding]
        let hasLength = headers.contains(.contentLength)
        if coding != nil, hasLength { throw .lengthWithTransferEncoding }
        if HTTPStatus.hasNoBody(status) { return .length(0) }
        guard let coding else { return hasLength ? .length(try HTTPFraming.contentLength(headers)) : .untilClose }
        guard !headers.isRepeated(.transferEncoding), coding.equalsIgnoringCase("chunked") else {
            throw .transferEncoding
        }
        return .chunked
    }
}
