/// The limits of socket fan-out, per shard. Each says its unit, its reason and what happens there.
package struct FanoutLimits: Sendable {
    /// Events the tail holds. 8,192 is a quarter of a second at 32,000 events a second, longer than a healthy reader's
    /// hiccup. Beyond it the oldest is let go; members still before it read the log.
    package var tailEvents = 8_192
    /// Bytes of committed batches the tail keeps alive. Beyond it the oldest batch is let go (never the newest), with the
    /// same consequence.
    package var tailBytes = 16 << 20
    /// Bytes of one wire format's frame ring, a power of two; allocated at the wire's first use. Half of it can be written
    /// in one turn; when that is used up `gather` says `turnFull` and the member is served in the next turn.
    package var frameRingBytes = 8 << 20
    /// Matched sequences one interest remembers, a power of two: as many as the tail holds by default. Beyond it the
    /// oldest is let go and the interest's floor rises; members before it read the log.
    package var interestMatches = 8_192
    /// Matched sequences all interests of a shard remember together (16 bytes each). At it no interest's ring grows
    /// further: each lets its oldest go instead, as above.
    package var matchesTotal = 4 << 20
    /// Members visited of one interest before the next dirty interest has its turn, so that a large audience does not
    /// hold up a small one.
    package var visitsInARow = 64

    /// The defaults.
    package init() {}
}

/// Limits that hold everywhere in delivery.
package enum DeliveryLimits {
    /// Interests one member can have: a send looks at each of them, and one that reads the log compares each event with each.
    /// `join` refuses the next one.
    package static let interestsPerMember = 256
    /// zlib's level for compressed messages: 200 MB/s of JSON, five sixths of it saved. Level 6 takes half as long again and
    /// saves one part in a hundred more.
    static let deflateLevel: Int32 = 3
    /// Bytes of the smallest event that is compressed. Smaller ones go out as they are: hardly a byte would be saved.
    package static let deflatedEventBytesMin = 128
    /// Bytes of the largest event that is compressed: 5 ms of a turn. Larger ones go out as they are.
    package static let deflatedEventBytesMax = 1 << 20
    /// Compressed events a shard remembers beside those in the frame ring, for those who read the log. The one whose place
    /// is needed goes.
    static let deflatedEventsKept = 16
    /// Bytes of events compressed in one turn: 10 ms. When they are used up the rest waits for the next turn; one event may
    /// exceed it.
    static let deflatedBytesPerTurn = 2 << 20
    /// Bytes of the longest `type` that names a Server-Sent Event. An event with a longer one is a message.
    static let eventNameBytesMax = 1_024
    /// Bytes of a webhook's body from which on it is encoded: below, the coding's frame eats what is gained.
    package static let encodedBytesMin = 256
    /// zlib's level for bodies: its default, since a body goes to one endpoint only.
    static let gzipLevel = 6
    /// Zstandard's level for bodies: its default.
    static let zstdLevel = 3
    /// Sequences an interest's ring begins with; it doubles from here.
    static let interestMatchesInitial = 8
    /// Remembered results of `gather` per shard, a power of two: enough for the interests and cursors of one turn's run of
    /// visits. A collision costs one walk.
    static let memoisedGathers = 64
}

/// The limits of one webhook subscription's schedule.
package enum WebhookLimits {
    /// Deliveries that wait for a retry or are in one. At it the subscription takes no new events: its cursor waits in the
    /// log, which is backpressure without loss. 24 bytes each.
    package static let outstandingRetries = 10_000
    /// Redelivered events that wait for a retry or are in their first attempt. At it a redelivery takes no more until some
    /// are decided; live delivery has its own `outstandingRetries`.
    package static let redeliveriesOutstanding = 1_000
    /// A redelivery may have one part in so many of the window in flight (at least one), and gets one attempt in so many
    /// while live delivery has something to do.
    static let redeliveryShare = 8
    /// Attempts in flight of one subscription, whatever its definition says.
    package static let concurrencyMax = 1_024
    /// Steps of a retry schedule. More are refused.
    package static let retryDelays = 32
    /// The longest `Retry-After` that is honoured, in seconds: 24 hours. A longer one counts as this.
    package static let retryAfterSeconds: UInt64 = 86_400
    /// Failures in a row, whatever the event, after which the breaker opens.
    package static let breakerFailures = 5
    /// How long an opened breaker waits for its first probe, in nanoseconds; it doubles with each failed probe.
    static let breakerPauseNanoseconds = 2_000_000_000
    /// The longest wait between two probes, in nanoseconds: 5 minutes.
    static let breakerPauseNanosecondsMax = 300_000_000_000
    /// The pause after a 429, 502, 503 or 504 without `Retry-After`, in nanoseconds; it doubles while they go on.
    static let throttlePauseNanoseconds = 1_000_000_000
    /// The longest such pause, in nanoseconds: one minute.
    static let throttlePauseNanosecondsMax = 60_000_000_000
    /// Attempts in flight that an endpoint not yet known gets; doubled by each round of successes.
    static let windowInitial = 8
    /// An endpoint is slow when its smoothed latency exceeds its best by this factor and by `windowSlackNanoseconds`.
    static let windowSlownessFactor = 4
    /// Latency above the best that is never called slow, in nanoseconds: 50 ms.
    static let windowSlackNanoseconds = 50_000_000
}
