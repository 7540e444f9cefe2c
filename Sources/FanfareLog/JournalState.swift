import FanfareBase

/// All that the journal says, folded.
package struct JournalState: Equatable, Sendable {
    /// What is known of one subscription.
    package struct Subscription: Equatable, Sendable {
        /// Its definition.
        package internal(set) var definition: JournalDefinition
        /// Why it is disabled; nil when it is not.
        package internal(set) var disabled: (reason: String, since: WallTime)? {
            get { trouble.disabledReason.map { ($0, trouble.disabledSince) } }
            set {
                guard newValue != nil || trouble.disabledReason != nil else { return }
                trouble.disabledReason = newValue?.reason
                trouble.disabledSince = newValue?.since ?? WallTime(nanoseconds: 0)
            }
        }
        /// Since when nothing but failures, once that has been told; nil when the last delivery succeeded.
        package internal(set) var failingSince: WallTime? {
            get { trouble.failingSince }
            set { if newValue != failingSince { trouble.failingSince = newValue } }
        }
        /// Since when nothing but failures, told or not; nil when the last delivery succeeded.
        package internal(set) var unsuccessfulSince: WallTime? {
            get { trouble.unsuccessfulSince }
            set { if newValue != unsuccessfulSince { trouble.unsuccessfulSince = newValue } }
        }
        /// The cursor is the journal's head.
        package internal(set) var isFollowing = false
        /// All up to this number are settled; use `JournalState.cursor(of:)`, which knows followers.
        var cursor = SequenceNumber.zero
        /// Settled ones above the cursor: ascending, not touching one another.
        package internal(set) var acknowledged: [ClosedRange<SequenceNumber>] = []
        /// Retries outstanding, by number.
        package internal(set) var retries: [SequenceNumber: JournalRetry] {
            get { trouble.retries }
            _modify { yield &trouble.retries }
        }
        /// Dead letters, oldest first; at least the newest `LogLimits.deadLettersPerSubscriptionMax` of them.
        package internal(set) var deadLetters: [JournalDeadLetter] {
            get { trouble.deadLetters }
            _modify { yield &trouble.deadLetters }
        }
        /// Requests to deliver events again, oldest first.
        package internal(set) var redeliveries: [JournalRedelivery] {
            get { trouble.redeliveries }
            _modify { yield &trouble.redeliveries }
        }
        /// Shared by all who have none.
        @Shared private var trouble: Trouble

        init(_ definition: JournalDefinition) {
            self.definition = definition
            _trouble = Trouble.none
        }
    }

    /// What most subscriptions have nothing of.
    private struct Trouble: Equatable, Sendable {
        static let none = Shared(Trouble())

        var disabledReason: String?
        var disabledSince = WallTime(nanoseconds: 0)
        var failingSince: WallTime?
        var unsuccessfulSince: WallTime?
        var retries: [SequenceNumber: JournalRetry] = [:]
        var deadLetters: [JournalDeadLetter] = []
        var redeliveries: [JournalRedelivery] = []
    }

    /// The subscriptions.
    package internal(set) var subscriptions: [SubscriptionNumber: Subscription] = [:]
    /// Bytes kept under names.
    package internal(set) var values: [String: [UInt8]] = [:]
    /// The shared cursor of those that follow.
    package internal(set) var head = SequenceNumber.zero

    /// Events of the service's own that are not in the log yet, by ascending id.
    package internal(set) var announcements: [JournalAnnouncement] = []
    /// Every announcement up to this id is in the log.
    package internal(set) var announcedThrough: UInt64 = 0

    /// An id no announcement has had.
    package var unusedAnnouncement: UInt64 { max(announcements.last?.id ?? 0, announcedThrough) + 1 }

    /// Nothing known.
    package init() {}

    /// A number no subscription has.
    package var unusedNumber: SubscriptionNumber {
        SubscriptionNumber((subscriptions.keys.max()?.rawValue ?? 0) + 1)
    }

    /// How far a subscription has come; nil when it is not known.
    package func cursor(of number: SubscriptionNumber) -> SequenceNumber? {
        guard let subscription = subscriptions[number] else { return nil }
        return subscription.isFollowing ? max(subscription.cursor, head) : subscription.cursor
    }

    /// Folds one entry. Entries about a subscription that is not defined do nothing.
    package mutating func apply(_ entry: JournalEntry) {
        switch entry {
        case .define(let number, let definition): define(number, definition)
        case .forget(let number): subscriptions[number] = nil
        case .enable(let number):
            subscriptions[number]?.disabled = nil
            // The endpoint is judged anew.
            subscriptions[number]?.failingSince = nil
            subscriptions[number]?.unsuccessfulSince = nil
        case .disable(let number, let reason, let time): subscriptions[number]?.disabled = (reason.journalText, time)
        case .failing(let number, let since):
            subscriptions[number]?.failingSince = since
            if since == nil { subscriptions[number]?.unsuccessfulSince = nil }
        case .unsuccessful(let number, let since): subscriptions[number]?.unsuccessfulSince = since
        case .cursor(let number, let cursor): subscriptions[number]?.move(to: cursor)
        case .follow(let number): subscriptions[number]?.isFollowing = true
        case .head(let head): self.head = head
        case .acknowledged(let number, let range): subscriptions[number]?.acknowledge(range)
        case .retry(let number, let retry): subscriptions[number]?.keep(retry)
        case .deadLetter(let number, let letter): subscriptions[number]?.keep(letter)
        case .deadLetterRemoved(let number, let sequence):
            subscriptions[number]?.removeDeadLetter(sequence)
        case .redelivery(let number, let redelivery): subscriptions[number]?.keep(redelivery)
        case .redelivered(let number, let id): subscriptions[number]?.redeliveries.removeAll { $0.id == id }
        case .announce(let announcement): announcements.append(announcement)
        case .announced(let id):
            announcedThrough = max(announcedThrough, id)
            announcements.removeFirst(announcements.prefix { $0.id <= id }.count)
        case .value(let key, let bytes): values[key] = bytes.isEmpty ? nil : bytes
        }
    }

    private mutating func define(_ number: SubscriptionNumber, _ definition: JournalDefinition) {
        if subscriptions[number] == nil {
            subscriptions[number] = Subscription(definition)
        } else {
            subscriptions[number]?.definition = definition
        }
    }

    /// The entries that make this state out of nothing. They take effect all together or not at all.
    func forEachEntry(_ body: (JournalEntry) -> Void) {
        for (key, bytes) in values.sorted(by: { $0.key < $1.key }) { body(.value(key: key, bytes)) }
        for (number, subscription) in subscriptions.sorted(by: { $0.key < $1.key }) {
            body(.define(number, subscription.definition))
            if let disabled = subscription.disabled {
                body(.disable(number, reason: disabled.reason, time: disabled.since))
            }
            if let since = subscription.failingSince { body(.failing(number, since: since)) }
            if let since = subscription.unsuccessfulSince { body(.unsuccessful(number, since: since)) }
            for letter in subscription.deadLetters { body(.deadLetter(number, letter)) }
            body(.cursor(number, subscription.cursor))
            for range in subscription.acknowledged { body(.acknowledged(number, range)) }
            // Retries last: the entries before would take those of the same number for settled.
            for retry in subscription.retries.values.sorted(by: { $0.sequence < $1.sequence }) {
                body(.retry(number, retry))
            }
            for redelivery in subscription.redeliveries { body(.redelivery(number, redelivery)) }
            if subscription.isFollowing { body(.follow(number)) }
        }
        if announcedThrough > 0 { body(.announced(through: announcedThrough)) }
        for announcement in announcements { body(.announce(announcement)) }
        body(.head(head))
    }
}

extension JournalState.Subscription {
    mutating func move(to cursor: SequenceNumber) {
        self.cursor = cursor
        isFollowing = false
        while let first = acknowledged.first, first.lowerBound <= cursor {
            acknowledged.removeFirst()
            if first.upperBound > cursor { acknowledged.insert(cursor.next...first.upperBound, at: 0) }
        }
    }

    mutating func acknowledge(_ range: ClosedRange<SequenceNumber>) {
        if !retries.isEmpty { settleRetries(in: range) }
        guard range.upperBound > cursor else { return }
        settle(max(range.lowerBound, cursor.next)...range.upperBound)
    }

    private mutating func settleRetries(in range: ClosedRange<SequenceNumber>) {
        if range.lowerBound == range.upperBound {
            retries[range.lowerBound] = nil
        } else {
            for sequence in retries.keys where range.contains(sequence) { retries[sequence] = nil }
        }
    }

    mutating func keep(_ retry: JournalRetry) {
        var retry = retry
        retry.error = retry.error.journalText
        retries[retry.sequence] = retry
    }

    mutating func keep(_ letter: JournalDeadLetter) {
        var letter = letter
        letter.error = letter.error.journalText
        deadLetters.append(letter)
        // In one go for many, so that a full list does not move with each new letter.
        let limit = LogLimits.deadLettersPerSubscriptionMax
        if deadLetters.count > limit + limit / 8 { deadLetters.removeFirst(deadLetters.count - limit) }
        acknowledge(letter.sequence...letter.sequence)
    }

    /// The oldest are redelivered first, so the letter is near the front.
    mutating func removeDeadLetter(_ sequence: SequenceNumber) {
        if let place = deadLetters.firstIndex(where: { $0.sequence == sequence }) { deadLetters.remove(at: place) }
    }

    mutating func keep(_ redelivery: JournalRedelivery) {
        if let place = redeliveries.firstIndex(where: { $0.id == redelivery.id }) {
            redeliveries[place] = redelivery
        } else {
            redeliveries.append(redelivery)
        }
    }

    /// Adds a range to `acknowledged`, joining those it touches.
    private mutating func settle(_ range: ClosedRange<SequenceNumber>) {
        var low = range.lowerBound
        var high = range.upperBound
        // The first range that ends at or behind the number before `low`.
        var start = acknowledged.count
        while start > 0, acknowledged[start - 1].upperBound.next >= low { start -= 1 }
        var end = start
        while end < acknowledged.count, acknowledged[end].lowerBound <= high.next {
            low = min(low, acknowledged[end].lowerBound)
            high = max(high, acknowledged[end].upperBound)
            end += 1
        }
        if start == end, acknowledged.count >= LogLimits.acknowledgedRangesMax { return }
        acknowledged.replaceSubrange(start..<end, with: CollectionOfOne(low...high))
    }
}

extension String {
    /// At most `LogLimits.journalTextBytesMax` bytes of it, whole characters.
    var journalText: String {
        guard utf8.count > LogLimits.journalTextBytesMax else { return self }
        var bytes = 0
        return String(
            prefix {
                bytes += $0.utf8.count
                return bytes <= LogLimits.journalTextBytesMax
            })
    }
}
