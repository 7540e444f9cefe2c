import FanfareBase

/// A method, as far as the service tells them apart. Methods are case-sensitive.
package enum HTTPMethod: Sendable {
    case get, head, post, put, delete, options, patch
    /// Any other token; the service answers 405 or 501.
    case other

    init(_ name: ByteView) {
        switch name.count {
        case 3: self = name.equals("GET") ? .get : name.equals("PUT") ? .put : .other
        case 4: self = name.equals("POST") ? .post : name.equals("HEAD") ? .head : .other
        case 5: self = name.equals("PATCH") ? .patch : .other
        case 6: self = name.equals("DELETE") ? .delete : .other
        case 7: self = name.equals("OPTIONS") ? .options : .other
        default: self = .other
        }
    }
}

/// One request: views of the bytes it came in, valid until the decoder's next `decode` and until the receive buffer is
/// given back.
package struct HTTPRequest {
    /// The method.
    package let method: HTTPMethod
    /// The method as sent.
    package let methodName: ByteView
    /// The target as sent.
    package let target: ByteView
    /// The target's path, still percent-encoded; begins with `/`, or is `*` for OPTIONS.
    package let path: ByteView
    /// What follows `?`, still percent-encoded; empty when there is none.
    package let query: ByteView
    /// From the target when it is absolute, else from the Host header, port included; empty only in HTTP/1.0.
    package let host: ByteView
    /// 0 for HTTP/1.0, else 1.
    package let minorVersion: Int
    /// The headers.
    package let headers: HTTPHeaders
    /// Whether the connection can be used for another request when this one has been answered.
    package let keepAlive: Bool
    /// The whole body, transfer coding removed; empty when there is none.
    package internal(set) var body: ByteView = .empty
    /// The head as it came, its empty line included.
    let head: ByteView
}

/// A request that outlives the memory it came in, for one that is answered only after something else.
package struct HTTPRequestCopy: Sendable {
    private let head: [UInt8]
    private let body: [UInt8]

    /// A copy of `request`.
    package init(_ request: HTTPRequest) {
        head = request.head.array
        body = request.body.array
    }

    /// Bytes of it.
    package var byteCount: Int { head.count + body.count }

    /// Lends the request; its views are valid within `use`.
    package func withRequest<Result>(_ use: (HTTPRequest) -> Result) -> Result {
        head.withByteView { head in
            body.withByteView { body in
                do throws(HTTPDecodeError) {
                    // It was within the decoder's limits when it was copied.
                    var (request, _) = try HTTPRequestHead.parse(head, headersMax: .max)
                    request.body = body
                    return use(request)
                } catch {
                    invariantFailure("a head that was parsed once can be parsed again")
                }
            }
        }
    }
}
