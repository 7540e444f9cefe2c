/// Why a subscription's requests, or one of them, cannot be made.
package enum WebhookRequestError: Error, Equatable, Sendable {
    /// The path and query are not what a request line can carry: it begins with `/` and holds visible ASCII only.
    case invalidTarget
    /// The host (with its port) holds anything but visible ASCII.
    case invalidHost
    /// A configured header's name is not a token (RFC 9110, section 5.6.2).
    case invalidHeaderName(String)
    /// A configured header may not be set: it frames the message, names the host or is the service's own.
    case forbiddenHeader(String)
    /// A configured header's value holds control characters or anything beyond ASCII.
    case invalidHeaderValue(name: String)
    /// `data_base64` of this event is not base64: it cannot be delivered in this content mode.
    case undecodableData
}
