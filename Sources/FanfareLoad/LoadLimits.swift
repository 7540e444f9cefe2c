/// The client side's limits: each with its unit, its reason and what happens there.
package enum LoadLimits {
    /// Connections of one loop, accepted ones included. One more fails with `tooManyConnections`.
    package static let connectionsMax = 200_000
    /// Bytes one connection may have waiting to be sent: a batch of large events. Past it the connection is cut, because
    /// the peer does not take what it asked for.
    package static let connectionOutputBytesMax = 64 << 20
    /// Bytes of one send from a connection's output; the rest follows in the next turn.
    package static let sendBytesMax = 256 << 10
    /// Bytes of socket addresses that one turn's connects point at. When it is full the connect waits for the next turn.
    package static let addressBytesMax = 256 << 10
    /// Milliseconds until a connection must be there, its TLS handshake included, for each address. Then it has failed.
    package static let connectMillisecondsMax = 10_000
    /// Bytes kept of a response's body: the largest page of the API. What is beyond is cut.
    package static let responseBodyBytesMax = 64 << 20
    /// Requests sent on one connection whose answer has not come. One more is refused by `HTTPClient.send`.
    package static let requestsOutstandingMax = 65_536
    /// Bytes of one message from the service: the largest event a service may allow and room around it. A longer one ends
    /// the subscriber.
    package static let messageBytesMax = 64 << 20
    /// Webhook ids whose attempts the receiver counts. Beyond it the one seen first is forgotten.
    package static let attemptedDeliveriesMax = 100_000
    /// Bytes of one webhook request's body. A longer one is answered with 413.
    package static let webhookBodyBytesMax = 64 << 20
    /// Seconds a webhook's timestamp may be off (Standard Webhooks recommends five minutes). Beyond it the delivery is
    /// reported, since it may be a replay.
    package static let webhookToleranceSeconds = 300
}
