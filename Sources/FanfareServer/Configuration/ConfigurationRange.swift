/// The ranges of what may be configured, each with its reason. What happens at the configured limits themselves is in
/// `docs/CONFIGURATION.md`.
package enum ConfigurationRange {
    /// Threads: far above the cores of any machine the design is for.
    package static let shards = 256
    /// Listeners: each is a socket on every shard.
    package static let listeners = 1...64
    /// Entries of `hosts`, `origins`, `networks` and the like, all searched one by one.
    package static let listEntries = 256
    /// Rules of `topics`, tried one by one for every event.
    package static let topicRules = 256
    /// Tokens: every one is compared for every request that brings one.
    package static let tokens = 1024
    /// Characters of a token's secret: 16 of base64 hold 96 bits; what is longer is no bearer token of ours.
    package static let tokenSecretCharacters = 16...512
    /// Bytes of a segment: large enough to be worth a file, small enough for retention to be fine-grained.
    package static let segmentBytes = (1 << 20)...(4 << 30)
    /// Milliseconds events are kept: from a minute to ten years.
    package static let retentionMilliseconds = 60_000...3650 * 86_400_000
    /// Bytes the log may take.
    package static let retentionBytes = (2 << 20)...(1 << 50)
    /// Milliseconds ids are remembered: their keys are kept in memory.
    package static let deduplicationMilliseconds = 0...86_400_000
    /// Milliseconds of nothing but failure: from a minute (to try it) to a year.
    package static let disableAfterMilliseconds = 60_000...365 * 86_400_000
    /// Milliseconds a rotated secret signs on: up to a month.
    package static let secretOverlapMilliseconds = 0...30 * 86_400_000
    /// Tenants with a quota, searched one by one when a subscription is made.
    package static let tenants = 1024
    /// Subscriptions of a tenant; 0 lets it have none.
    package static let tenantSubscriptions = 0...1_000_000
    /// Bytes of an event: the record's lengths allow more, buffers do not.
    package static let eventBytes = (1 << 10)...(16 << 20)
    /// Connections: file descriptors bound them earlier.
    package static let connections = 1...10_000_000
    /// Bytes of all pools.
    package static let memoryBytes = (64 << 20)...(1 << 44)
    /// Milliseconds of draining; orchestrators kill earlier than ten minutes.
    package static let drainMilliseconds = 0...600_000
    /// Patterns of one subscription, the same bound as for a connection's.
    package static let subscriptionTopics = 1...64
    /// Secrets of one subscription: each is a signature in every request.
    package static let signingSecrets = 0...8
    /// Bytes of an HMAC secret (Standard Webhooks: 24 to 64).
    package static let hmacSecretBytes = 24...64
    /// Deliveries of one subscription in flight.
    package static let concurrency = 1...1024
    /// Milliseconds of an attempt.
    package static let timeoutMilliseconds = 100...300_000
    /// Waits between attempts.
    package static let retryDelays = 0...32
    /// Milliseconds of one wait.
    package static let retryDelayMilliseconds = 100...30 * 86_400_000
    /// Requests a second, and at once.
    package static let requests = 1...1_000_000
    /// Further headers of a subscription.
    package static let headers = 32
    /// Bytes of a header's value.
    package static let headerValueBytes = 4096
    /// Milliseconds a load profile measures: up to a day, for a soak.
    package static let profileMilliseconds = 1...86_400_000
    /// Milliseconds a load profile warms up.
    package static let profileWarmUpMilliseconds = 0...600_000
    /// Events of one run: each has its times in the load generator's memory, and a number of eight digits.
    package static let profileEvents = 20_000_000
    /// Milliseconds between occasions on which a profile's sockets stall, leave or are cut off.
    package static let profileBehaviourMilliseconds = 100...86_400_000
    /// Milliseconds that such an occasion lasts.
    package static let profileAbsenceMilliseconds = 0...86_400_000
    /// Groups of subscribers of one profile.
    package static let profileAudiences = 1...64
    /// Subscribers of one group: descriptors bound them earlier.
    package static let profileSubscribers = 1...200_000
    /// Topics of one profile.
    package static let profileTopics = 1...1_000_000
    /// Connections that a profile's events are sent on.
    package static let profileConnections = 1...10_000
    /// Bytes of a profile's events: the least has room for the envelope.
    package static let profileEventBytes = 160...(16 << 20)
}
