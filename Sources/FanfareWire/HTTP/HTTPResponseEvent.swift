/// What a client's connection received. Views are valid until the next `decode` and while the memory behind `input` is.
package enum HTTPResponseEvent {
    /// Collecting: a complete response, or one whose body is longer than we read. After 101 the rest of `input` is the
    /// new protocol's.
    case response(HTTPResponse)
    /// Streaming: status and headers; `body` and `end` follow. After 101 nothing does: the rest of `input` is the new
    /// protocol's.
    case head(HTTPResponse)
    /// Streaming: a piece of the body.
    case body(ByteView)
    /// Streaming: the body is complete.
    case end
    /// Not acceptable HTTP: close. Comes once; everything after it is dropped.
    case failure(HTTPDecodeError)
}
