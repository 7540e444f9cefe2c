/// Every bound of this module: unit, reason, and what happens there. Bodies and messages are bounded by configuration.
package enum WireLimits {
    /// Bytes of a request or response head, its empty line included. Offsets in heads are 16 bits wide, and no client
    /// of ours needs more than a token, a trace and a few patterns. A longer request head is 431; a longer response
    /// head fails the exchange.
    package static let headBytesMax = 32 * 1024
    /// Bytes of a request line: method, target, version and line end. 64 patterns of common length fit. A longer one is 414.
    package static let requestLineBytesMax = 16 * 1024
    /// Bytes of a method name. The longest registered one has 17. A longer one is 400.
    package static let methodBytesMax = 32
    /// Header lines in one head. Bounds the work of one lookup that has to walk. More are 431.
    package static let headersMax = 128
    /// Bytes of one chunk-size line with its extensions. Extensions are skipped, never used. A longer one is 400.
    package static let chunkLineBytesMax = 256
    /// Bytes of all chunk extensions of one body: what a peer may make us skip. More are 400.
    package static let chunkExtensionBytesMax = 16 * 1024
    /// Bytes of a trailer section. Trailers are checked and dropped. A longer one is 431.
    package static let trailerBytesMax = 8 * 1024
    /// Interim responses (1xx) before a final one. More fail the exchange.
    package static let interimResponsesMax = 16
    /// Frames of an HTTP/2 peer between two answers that bring none forward (SETTINGS, PING, WINDOW_UPDATE, empty DATA …):
    /// two for each of the most requests under way, and room. More end the connection with ENHANCE_YOUR_CALM.
    package static let http2IdleFramesMax = 10_000
    /// Bytes a request body may have unless the caller says otherwise. A longer one is 413.
    package static let bodyBytesDefaultMax = 16 * 1024 * 1024
    /// Bytes a WebSocket message may have unless the caller says otherwise. A longer one closes with 1009.
    package static let messageBytesDefaultMax = 1024 * 1024
    /// Payload bytes of a WebSocket control frame (RFC 6455, section 5.5). A longer one closes with 1002.
    package static let controlBytesMax = 125
    /// Empty frames in one WebSocket message: they cost us work and the peer nothing. More close with 1008.
    package static let emptyFragmentsMax = 64
    /// Bytes a compressed message is inflated by at a time: how far it can overshoot its limit before that is noticed.
    package static let inflateStepBytes = 32 * 1024
    /// Bytes of messages a thread inflates in one turn: some milliseconds, though they may come from 2 KiB. When they are used
    /// up, further compressed messages wait for the next turn, in the order of their connections; one message may exceed it.
    package static let inflatedBytesPerTurn = 2 << 20
    /// Parts of a compressed message that framing may add to what does not compress, against `messageBytesMax`: one in so
    /// many, rounded up. A longer one closes with 1009 before it is inflated.
    package static let compressedShareOver = 1_024
    /// Bytes of one line of a newline-delimited stream unless the caller says otherwise. A longer one ends the stream.
    package static let lineBytesDefaultMax = 1024 * 1024
    /// Bytes of one Server-Sent Event the client side keeps (its data, id and type together). A larger one is a failure.
    package static let serverSentEventBytesMax = 4 * 1024 * 1024
    /// Bytes reserved at first for a body whose length was announced: an announcement alone must not cost memory. Beyond
    /// it the buffer doubles with what arrives.
    package static let announcedBytesReservedMax = 64 * 1024
    /// Parameters of one query. Bounds the work of walking it. Later ones are not seen, and the caller is told.
    package static let queryParametersMax = 256
}

/// The bounds a server sets for its HTTP connections.
package struct HTTPLimits: Sendable {
    /// Bytes of a head, at most `UInt16.max`. See `WireLimits.headBytesMax`.
    package var headBytesMax = WireLimits.headBytesMax
    /// Header lines in a head. See `WireLimits.headersMax`.
    package var headersMax = WireLimits.headersMax
    /// Bytes of a decoded body. A longer one is 413.
    package var bodyBytesMax = WireLimits.bodyBytesDefaultMax

    /// The defaults, with another limit for bodies when given.
    package init(bodyBytesMax: Int = WireLimits.bodyBytesDefaultMax) { self.bodyBytesMax = bodyBytesMax }
}
