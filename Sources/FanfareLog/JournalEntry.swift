import FanfareBase

/// A subscription within one journal: short, where its id is long. Never two at a time.
package struct SubscriptionNumber: Hashable, Comparable, Sendable {
    /// The number itself.
    package var rawValue: UInt32

    /// Subscription `rawValue`.
    package init(_ rawValue: UInt32) { self.rawValue = rawValue }

    package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}

/// What is known of a subscription whatever happens to its deliveries.
package struct JournalDefinition: Equatable, Sendable {
    /// Where the definition is kept.
    package enum Origin: UInt8, Sendable {
        /// In a file of the operator; `document` is empty.
        case file = 0
        /// Here: it was made through the API.
        case api = 1
    }

    /// Its name, at most 64 bytes.
    package var id: String
    /// Where the definition is kept.
    package var origin: Origin
    /// Counts replacements.
    package var revision: UInt64
    /// The definition's JSON when it was made through the API, at most `LogLimits.journalValueBytesMax` bytes.
    package var document: [UInt8]

    /// A definition.
    package init(id: String, origin: Origin, revision: UInt64, document: [UInt8]) {
        self.id = id
        self.origin = origin
        self.revision = revision
        self.document = document
    }
}

/// A delivery that failed and will be tried again.
package struct JournalRetry: Equatable, Sendable {
    /// The event's number.
    package var sequence: SequenceNumber
    /// Attempts made so far.
    package var attempts: UInt32
    /// When the next one is due.
    package var due: WallTime
    /// The last answer's status; 0 when there was none.
    package var status: UInt16
    /// What went wrong, cut to `LogLimits.journalTextBytesMax`.
    package var error: String
    /// What else is known of the delivery: bits whose meaning is the server's.
    package var flags: UInt8

    /// A retry.
    package init(
        sequence: SequenceNumber, attempts: UInt32, due: WallTime, status: UInt16, error: String, flags: UInt8 = 0
    ) {
        self.sequence = sequence
        self.attempts = attempts
        self.due = due
        self.status = status
        self.error = error
        self.flags = flags
    }
}

/// A request to deliver events again, and how far it has come.
package struct JournalRedelivery: Equatable, Sendable {
    /// Its number within the subscription.
    package var id: UInt32
    /// The first event asked for.
    package var from: SequenceNumber
    /// The last event asked for.
    package var through: SequenceNumber
    /// Only what was given up on, or all that match.
    package var onlyFailed: Bool
    /// Everything asked for up to here is delivered, has a retry or was given up on again.
    package var low: SequenceNumber

    /// A request of which everything up to `low` is decided.
    package init(
        id: UInt32, from: SequenceNumber, through: SequenceNumber, onlyFailed: Bool, low: SequenceNumber
    ) {
        self.id = id
        self.from = from
        self.through = through
        self.onlyFailed = onlyFailed
        self.low = low
    }
}

/// An event of the service's own that is to be published: recorded with what it tells of, published when that is durable.
package struct JournalAnnouncement: Equatable, Sendable {
    /// Ascending within the journal; part of the event's id, so that publishing it twice makes one event.
    package var id: UInt64
    /// The event as JSON, at most `LogLimits.journalValueBytesMax` bytes.
    package var event: [UInt8]

    /// The event with the number `id`.
    package init(id: UInt64, event: [UInt8]) {
        self.id = id
        self.event = event
    }
}

/// A delivery that was given up.
package struct JournalDeadLetter: Equatable, Sendable {
    /// The event's number.
    package var sequence: SequenceNumber
    /// Why: a number whose meaning is the server's.
    package var kind: UInt8
    /// When it was given up.
    package var time: WallTime
    /// Attempts made.
    package var attempts: UInt32
    /// The last answer's status; 0 when there was none.
    package var status: UInt16
    /// What went wrong last, cut to `LogLimits.journalTextBytesMax`.
    package var error: String

    /// A dead letter.
    package init(
        sequence: SequenceNumber, kind: UInt8, time: WallTime, attempts: UInt32, status: UInt16, error: String
    ) {
        self.sequence = sequence
        self.kind = kind
        self.time = time
        self.attempts = attempts
        self.status = status
        self.error = error
    }
}

/// One thing that delivery decided and that must survive.
///
/// Ordering rule: entries take effect in the order in which they were recorded, also after a crash, which loses a suffix
/// of them only. So a retry is recorded before the cursor that passes it.
package enum JournalEntry: Equatable, Sendable {
    /// The subscription exists, or has a new definition; cursor, retries and dead letters stay.
    case define(SubscriptionNumber, JournalDefinition)
    /// The subscription and all that is known of it is gone.
    case forget(SubscriptionNumber)
    /// Deliveries are made.
    case enable(SubscriptionNumber)
    /// Deliveries are not made, because of `reason`, from `time` on.
    case disable(SubscriptionNumber, reason: String, time: WallTime)
    /// Nothing but failures since then, for so long that it is told; nil after a success, which ends `unsuccessful` too.
    case failing(SubscriptionNumber, since: WallTime?)
    /// The first failure came then; nil after a success.
    case unsuccessful(SubscriptionNumber, since: WallTime?)
    /// All up to this number are settled: delivered, filtered, dead-lettered, or among the retries. May also go back.
    case cursor(SubscriptionNumber, SequenceNumber)
    /// From here on the cursor is the journal's head, until a `cursor` entry.
    case follow(SubscriptionNumber)
    /// The shared cursor of all subscriptions that follow.
    case head(SequenceNumber)
    /// These, above the cursor or among the retries, are settled.
    case acknowledged(SubscriptionNumber, ClosedRange<SequenceNumber>)
    /// This one failed and will be tried again; replaces what was known of its retry.
    case retry(SubscriptionNumber, JournalRetry)
    /// This one was given up: its retry is gone and it counts as acknowledged.
    case deadLetter(SubscriptionNumber, JournalDeadLetter)
    /// The dead letter of this number is not kept any more.
    case deadLetterRemoved(SubscriptionNumber, SequenceNumber)
    /// Events are to be delivered again, or how far that has come; replaces what was known under its id.
    case redelivery(SubscriptionNumber, JournalRedelivery)
    /// The redelivery of this id is complete.
    case redelivered(SubscriptionNumber, id: UInt32)
    /// This event is to be published.
    case announce(JournalAnnouncement)
    /// All announcements up to this id are in the log.
    case announced(through: UInt64)
    /// Bytes under a name, for example ticket keys; empty bytes remove it.
    case value(key: String, [UInt8])
}
