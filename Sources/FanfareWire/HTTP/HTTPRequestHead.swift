/// How a message's body is delimited.
enum HTTPBodyFraming: Equatable {
    /// This many bytes follow.
    case length(Int)
    /// Chunks follow.
    case chunked
    /// Everything until the connection closes; responses only.
    case untilClose
}

/// Parsing of a complete request head: request line, headers, and what they say together.
enum HTTPRequestHead {
    /// The request in `head`, which ends in an empty line and has no other; its body is left empty.
    static func parse(_ head: ByteView, headersMax: Int) throws(HTTPDecodeError) -> (HTTPRequest, HTTPBodyFraming) {
        guard let lineEnd = head.firstIndex(of: ASCII.lineFeed) else { throw .requestLine }
        let line = try RequestLine(head.slice(0..<lineEnd - 1))
        let headers = try HTTPHeaders(head.slice(lineEnd + 1..<head.count - 2), headersMax: headersMax)
        let framing = try framing(headers, minorVersion: line.minorVersion)
        if line.minorVersion > 0, headers.contains(.expect),
            headers[.expect]?.equalsIgnoringCase("100-continue") != true
        {
            throw .expectation
        }
        let host = try host(line.authority, headers, minorVersion: line.minorVersion)
        let request = HTTPRequest(
            method: line.method, methodName: line.methodName, target: line.target, path: line.path, query: line.query,
            host: host, minorVersion: line.minorVersion, headers: headers,
            keepAlive: HTTPFraming.keepAlive(headers, minorVersion: line.minorVersion), head: head)
        return (request, framing)
    }

    /// RFC 9112, section 6.3, with every ambiguity refused.
    private static func framing(_ headers: HTTPHeaders, minorVersion: Int) throws(HTTPDecodeError) -> HTTPBodyFraming {
        let hasLength = headers.contains(.contentLength)
        guard let coding = headers[.transferEncoding] else {
            return .length(hasLength ? try HTTPFraming.contentLength(headers) : 0)
        }
        if minorVersion == 0 { throw .transferEncodingInHTTP10 }
        if hasLength { throw .lengthWithTransferEncoding }
        guard !headers.isRepeated(.transferEncoding), coding.equalsIgnoringCase("chunked") else {
            throw .transferEncoding
        }
        return .chunked
    }

    /// The host the request is for: the target's and the header's must agree, case aside.
    private static func host(
        _ authority: ByteView?, _ headers: HTTPHeaders, minorVersion: Int
    ) throws(HTTPDecodeError) -> ByteView {
        if headers.isRepeated(.host) { throw .hostRepeated }
        guard let host = headers[.host] else {
            if minorVersion > 0 { throw .hostMissing }
            return authority ?? .empty
        }
        guard HTTPAuthority(host) != nil else { throw .hostInvalid }
        if let authority, !authority.equalsIgnoringCase(host) { throw .hostDisagrees }
        return host
    }
}

/// The parts of a request line.
private struct RequestLine {
    let methodName: ByteView
    let method: HTTPMethod
    let target: ByteView
    let path: ByteView
    let query: ByteView
    /// Of an absolute target.
    let authority: ByteView?
    let minorVersion: Int

    init(_ line: ByteView) throws(HTTPDecodeError) {
        guard let methodEnd = line.firstIndex(of: UInt8(ascii: " ")) else { throw .requestLine }
        methodName = line.slice(0..<methodEnd)
        guard !methodName.isEmpty, methodName.count <= WireLimits.methodBytesMax else { throw .method }
        for byte in methodName where !ASCII.isToken(byte) { throw .method }
        method = HTTPMethod(methodName)

        guard let targetEnd = line.firstIndex(of: UInt8(ascii: " "), from: methodEnd + 1) else { throw .requestLine }
        target = line.slice(methodEnd + 1..<targetEnd)
        minorVersion = try Self.version(line.slice(from: targetEnd + 1), methodName, target)
        (authority, path, query) = try Self.split(target, methodName)
    }

    private static func version(
        _ text: ByteView, _ method: ByteView, _ target: ByteView
    ) throws(HTTPDecodeError) -> Int {
        if text.equals("HTTP/1.1") { return 1 }
        guard text.count == 8, text.hasPrefix("HTTP/"), ASCII.isDigit(text[5]), text[6] == UInt8(ascii: "."),
            ASCII.isDigit(text[7])
        else { throw .version }
        if text[5] == UInt8(ascii: "2"), method.equals("PRI"), target.equals("*") { throw .http2 }
        guard text[5] == UInt8(ascii: "1") else { throw .versionUnsupported }
        return text[7] == UInt8(ascii: "0") ? 0 : 1
    }

    private static func split(
        _ target: ByteView, _ method: ByteView
    ) throws(HTTPDecodeError) -> (authority: ByteView?, path: ByteView, query: ByteView) {
        if method.equals("CONNECT") { throw .connectUnsupported }
        guard !target.isEmpty else { throw .target }
        var question: Int?
        let bytes = unsafe target.unsafeBytes
        for index in 0..<target.count {
            // Safe: index is below target.count.
            let byte = unsafe bytes[index]
            guard byte > 0x20, byte < 0x7F, byte != UInt8(ascii: "#") else { throw .target }
            if byte == UInt8(ascii: "?"), question == nil { question = index }
        }
        let beforeQuery = target.slice(0..<(question ?? target.count))
        let query = question.map { target.slice(from: $0 + 1) } ?? .empty
        if target[0] == UInt8(ascii: "/") { return (nil, beforeQuery, query) }
        if target.equals("*"), method.equals("OPTIONS") { return (nil, target, .empty) }
        let (authority, path) = try splitAbsolute(beforeQuery)
        return (authority, path, query)
    }

    private static func splitAbsolute(_ target: ByteView) throws(HTTPDecodeError) -> (ByteView, ByteView) {
        let schemeBytes: Int
        if target.count > 7, target.slice(0..<7).equalsIgnoringCase("http://") {
            schemeBytes = 7
        } else if target.count > 8, target.slice(0..<8).equalsIgnoringCase("https://") {
            schemeBytes = 8
        } else {
            throw .target
        }
        let rest = target.slice(from: schemeBytes)
        let slash = rest.firstIndex(of: UInt8(ascii: "/")) ?? rest.count
        let authority = rest.slice(0..<slash)
        guard HTTPAuthority(authority) != nil else { throw .target }
        return (authority, slash < rest.count ? rest.slice(from: slash) : ByteView("/"))
    }
}
