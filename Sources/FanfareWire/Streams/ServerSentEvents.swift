import FanfareBase

/// Writing of an event stream (WHATWG HTML, section 9.2), as CONTRACT section 5 has it.
package enum ServerSentEvents {
    /// Appends the response's head, all but further headers and the empty line (`HTTPWriter.endHead`).
    ///
    /// Always 200, since EventSource gives up on anything else. The body ends with the connection: no chunks, so frames
    /// can be shared between connections.
    package static func appendHead(to output: inout [UInt8]) {
        output.append("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-store\r\n")
        output.append("x-accel-buffering: no\r\nconnection: close\r\n")
    }

    /// Appends how long the client should wait before it connects again; comes first in every stream.
    ///
    /// Without an empty line: the field takes effect by itself, and some libraries make an event of a block that has no
    /// data. It becomes the first line of whatever follows.
    package static func appendRetry(milliseconds: Int, to output: inout [UInt8]) {
        output.append("retry: ")
        output.append(decimal: milliseconds)
        output.append("\n")
    }

    /// Appends what moves the client's resume point without dispatching an event.
    package static func appendHeartbeat(id: ByteView, to output: inout [UInt8]) {
        appendField("id", id, to: &output)
        output.append("\n")
    }

    /// Appends one event. `event` nil leaves the type to the default, `message`, which `onmessage` sees. Data is cut into
    /// lines at LF, CR LF and CR.
    package static func appendEvent(id: ByteView?, event: ByteView? = nil, data: ByteView, to output: inout [UInt8]) {
        if let id { appendField("id", id, to: &output) }
        if let event { appendField("event", event, to: &output) }
        var rest = data
        while let end = rest.firstLineEnd {
            output.append("data: ")
            output.append(rest.take(end))
            output.append("\n")
            let byte = rest.take(1)[0]
            if byte == ASCII.carriageReturn, !rest.isEmpty, rest[0] == ASCII.lineFeed { rest.take(1) }
        }
        output.append("data: ")
        output.append(rest)
        output.append("\n\n")
    }

    private static func appendField(_ name: StaticString, _ value: ByteView, to output: inout [UInt8]) {
        invariant(value.firstLineEnd == nil, "an id or event type we write is one line")
        output.append(name)
        output.append(": ")
        output.append(value)
        output.append("\n")
    }
}

extension ByteView {
    /// Where the first LF or CR is.
    var firstLineEnd: Int? {
        let lineFeed = firstIndex(of: ASCII.lineFeed)
        let before = lineFeed.map { slice(0..<$0) } ?? self
        return before.firstIndex(of: ASCII.carriageReturn) ?? lineFeed
    }
}
