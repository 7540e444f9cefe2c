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
    /// A batch on its way to the disk changes in memory.
    case changedWrite
    /// A bit of an event's data flips on its way.
    case flippedBit
}
