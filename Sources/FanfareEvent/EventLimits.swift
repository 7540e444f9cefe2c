/// Every limit of events, topics and patterns, with what happens there.
package enum EventLimits {
    /// Bytes of one event as published, when the configuration says nothing (`limits.event_size`). Larger: 413.
    package static let eventBytesDefault = 1 << 20
    /// Largest `limits.event_size` a configuration may ask for: a record's lengths are 32 bits wide and base64 adds a third.
    package static let eventBytesMax = 1 << 30
    /// Levels of arrays and objects in an event, its own braces included. Deeper: 400. Readers with recursive parsers (most
    /// stop between 100 and 1,000) should survive what we deliver.
    package static let depthMax = 512
    /// Members of an event beside each other, `data` included. More: 400. Checking for repeated names is quadratic.
    package static let membersMax = 256
    /// Letters of an attribute's name. Longer: 400. CloudEvents asks producers for at most 20.
    package static let attributeNameBytesMax = 64
    /// Tokens of a topic or pattern. More: refused.
    package static let topicTokensMax = 16
    /// Characters of one token. More: refused.
    package static let topicTokenBytesMax = 64
    /// Bytes of the longest topic.
    package static let topicBytesMax = topicTokensMax * topicTokenBytesMax + topicTokensMax - 1
    /// Bytes of a `traceparent` header that is stored. A longer one is not stored: tracing never refuses an event.
    package static let traceParentBytesMax = 256
    /// Bytes of a `tracestate` header that is stored (W3C asks for at least 512). A longer one is not stored.
    package static let traceStateBytesMax = 2_048
    /// Bytes of a `baggage` header that is stored (W3C's own limit). A longer one is not stored.
    package static let baggageBytesMax = 8_192
    /// Patterns in one table: identifiers are 32 bits wide, the rest is room for nodes. More: a broken invariant, the
    /// server's own limits on subscriptions and connections are far below.
    package static let patternsMax = 1 << 28
}
