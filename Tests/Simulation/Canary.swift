/// Deliberate bugs, for showing that the simulator finds them. Each breaks one promise somewhere below or beside the
/// server, as a bug in the server would.
enum Canary: String, CaseIterable {
    /// A sync is reported when it has been asked for, before anything is durable: acknowledged before synced.
    case earlySync
    /// What was synced last is gone after a crash.
    case lostSync
    /// A sync of the directory does nothing: new segments lose their names.
    case lostNames
    /// After a crash the machine comes back with an older state of the disk: numbers are given again.
    case rolledBackDisk
    /// An event on its way to a subscriber vanishes.
    case skippedEvent
    /// An event reaches a subscriber twice.
    case repeatedEvent
    /// An event reaches a subscriber that did not ask for its topic.
    case leakedEvent
    /// A refusal is told as an acceptance.
    case falseAcceptance
    /// A sync that failed is taken for done.
    case overlookedSyncFailure
    /// Nobody is told that a sync failed.
    case untoldSyncFailure
    /// A batch on its way to the disk changes in memory.
    case changedWrite
    /// After a restart an event has another `webhook-id`.
    case changedID
    /// Checksums are not looked at.
    case skippedChecksum
    /// Retries are not recorded.
    case lostRetry
    /// A retry is recorded after the cursor that passes it.
    case checkpointBeforeRetry
    /// The journal's cursor passes events that were not delivered.
    case cursorPastEvents
    /// What was delivered is not recorded.
    case lostSettlement
    /// What was given up on is not recorded.
    case lostDeadLetter
    /// That an endpoint wants no more is not recorded.
    case lostDisable
    /// How often a delivery was tried is not recorded.
    case forgottenAttempts
    /// The journal is never synced.
    case unsyncedJournal
    /// `order: all` delivers several at a time.
    case brokenOrder
    /// `Retry-After` is overlooked.
    case ignoredRetryAfter
    /// A bit of an event's data flips on its way.
    case flippedBit

    /// How many crashes in a thousand take the power with them: what brings the bug to light.
    var powerLosses: Int { self == .forgottenAttempts ? 0 : 1_000 }
}
