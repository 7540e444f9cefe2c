import FanfareBase

/// Appends requests and responses to a byte sink, without strings in between.
///
/// A response is a status line, headers, then `appendBody` or `endHead`; a request is a request line, headers and the
/// same. Names and values given as bytes must not hold control characters: they are ours, or were checked when they came
/// in (`isValidValue`); it is an invariant.
package enum HTTPWriter {
    /// The answer to `Expect: 100-continue`.
    package static let continueResponse: StaticString = "HTTP/1.1 100 Continue\r\n\r\n"

    /// Whether `value` may stand in a header: no control characters but tab.
    package static func isValidValue(_ value: some Sequence<UInt8>) -> Bool {
        for byte in value where !ASCII.isFieldValue(byte) { return false }
        return true
    }

    /// Whether `text` is a token: what header names, methods and subprotocols are.
    package static func isValidToken(_ text: some Sequence<UInt8>) -> Bool {
        var isEmpty = true
        for byte in text {
            guard ASCII.isToken(byte) else { return false }
            isEmpty = false
        }
        return !isEmpty
    }

    /// `HTTP/1.1 202 Accepted` and its line end. `code` has three digits.
    package static func appendStatusLine(_ code: Int, to output: inout [UInt8]) {
        invariant(code >= 100 && code <= 999, "a status has three digits")
        switch code {
        case 200: output.append("HTTP/1.1 200 OK\r\n")
        case 202: output.append("HTTP/1.1 202 Accepted\r\n")
        default:
            output.append("HTTP/1.1 ")
            output.append(decimal: code)
            output.append(UInt8(ascii: " "))
            output.append(HTTPStatus.phrase(code))
            output.append("\r\n")
        }
    }

    /// A request line; `target` is already percent-encoded.
    package static func appendRequestLine(_ method: StaticString, target: ByteView, to output: inout [UInt8]) {
        output.append(method)
        output.append(UInt8(ascii: " "))
        output.append(target)
        output.append(" HTTP/1.1\r\n")
    }

    /// A header whose value is constant.
    package static func appendHeader(_ name: StaticString, _ value: StaticString, to output: inout [UInt8]) {
        appendHeader(name, ByteView(value), to: &output)
    }

    /// A header whose value is bytes.
    package static func appendHeader(_ name: StaticString, _ value: ByteView, to output: inout [UInt8]) {
        appendHeader(ByteView(name), value, to: &output)
    }

    /// A header whose name and value are bytes.
    package static func appendHeader(_ name: ByteView, _ value: ByteView, to output: inout [UInt8]) {
        invariant(isValidValue(value), "a header we write holds no control characters")
        output.append(name)
        output.append(": ")
        output.append(value)
        output.append("\r\n")
    }

    /// A header whose value is a string.
    package static func appendHeader(_ name: StaticString, _ value: String, to output: inout [UInt8]) {
        [UInt8](value.utf8).withByteView { appendHeader(name, $0, to: &output) }
    }

    /// A header whose value is a number.
    package static func appendHeader(_ name: StaticString, _ value: Int, to output: inout [UInt8]) {
        output.append(name)
        output.append(": ")
        output.append(decimal: value)
        output.append("\r\n")
    }

    /// The empty line after the headers of a message without a body or whose body is delimited otherwise.
    package static func endHead(_ output: inout [UInt8]) { output.append("\r\n") }

    /// Content-Length, the empty line and `body`.
    package static func appendBody(_ body: ByteView, to output: inout [UInt8]) {
        appendHeader("content-length", body.count, to: &output)
        output.append("\r\n")
        output.append(body)
    }

    /// A whole response. `keepAlive` false adds `connection: close`; the caller then closes after sending.
    ///
    /// An HTTP/1.0 client that asked for keep-alive needs `connection: keep-alive` told: give its `minorVersion`.
    package static func appendResponse(
        _ code: Int, contentType: StaticString, body: ByteView, keepAlive: Bool, minorVersion: Int = 1,
        to output: inout [UInt8]
    ) {
        output.reserveCapacity(output.count + 160 + body.count)
        appendStatusLine(code, to: &output)
        appendConnection(keepAlive: keepAlive, minorVersion: minorVersion, to: &output)
        appendHeader("content-type", contentType, to: &output)
        appendBody(body, to: &output)
    }

    /// A whole response without a body: `content-length: 0`, or nothing of the kind for 204.
    package static func appendEmptyResponse(
        _ code: Int, keepAlive: Bool, minorVersion: Int = 1, to output: inout [UInt8]
    ) {
        appendStatusLine(code, to: &output)
        appendConnection(keepAlive: keepAlive, minorVersion: minorVersion, to: &output)
        if HTTPStatus.hasNoBody(code) { endHead(&output) } else { appendBody(.empty, to: &output) }
    }

    /// What the client must be told about the connection; nothing when HTTP/1.1 keeps it open.
    package static func appendConnection(keepAlive: Bool, minorVersion: Int = 1, to output: inout [UInt8]) {
        if !keepAlive {
            output.append("connection: close\r\n")
        } else if minorVersion == 0 {
            output.append("connection: keep-alive\r\n")
        }
    }
}
