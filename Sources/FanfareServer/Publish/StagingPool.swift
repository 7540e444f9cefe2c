import FanfareEvent

/// Memory that the events of requests are decoded into, kept for the next requests: it grows with the first large one, and its
/// pages are in the cache.
///
/// One shard's. Bounded by `Limits.stagingsKept` and `Limits.stagingBytesKept`.
struct StagingPool {
    private var spares: [RecordStaging] = []

    /// An empty staging.
    mutating func take() -> RecordStaging { spares.popLast() ?? RecordStaging() }

    /// Takes the memory of a request's events back, if it still has it.
    mutating func take(back request: PublishRequest) {
        guard let staging = request.giveRecords(), staging.capacity <= Limits.stagingBytesKept,
            spares.count < Limits.stagingsKept
        else { return }
        staging.reset()
        spares.append(staging)
    }
}
