import FanfareBase
import FanfareDelivery
import FanfareEvent
import FanfareLog

/// One webhook subscription on the shard that delivers it: a durable cursor, its schedule, and where its requests go.
///
/// Invariant: it stands in the dispatcher's list of those to advance at most once (`isReady`), in the list of those to
/// settle at most once (`isChanged`), and in its pool's queue at most once (`waitsForConnection`).
final class WebhookSubscription {
    /// Its place among the shard's subscriptions.
    let slot: UInt32
    /// Its number in the journal.
    let number: SubscriptionNumber
    /// What it is doing, for whoever asks.
    var status: SubscriptionStatus
    /// Its name.
    let id: String
    /// Where its events go, and how.
    @Shared private(set) var webhook: SubscriptionDefinition.Webhook
    /// When and in which order its events are attempted.
    var schedule: WebhookSchedule
    /// Its part in the fan-out: where it stands, and its interests.
    var member: MemberCursor
    /// What its requests are made with; nil until it is needed, and again when that was long ago.
    var equipment: WebhookEquipment?
    /// It has done something since the last look at quiet subscriptions.
    var isBusy = false
    /// Why nothing can be delivered, though the definition was accepted.
    var defect: String?
    /// The connections it uses.
    var pool: EndpointPool

    /// Requests to deliver again, as the journal has them.
    var redeliveries: [JournalRedelivery] = []
    /// Dead letters to be delivered again next, ascending.
    var lettersToRedeliver: [SequenceNumber] = []
    /// Dead letters have been asked for.
    var awaitsLetters = false
    /// Redelivery waits for a block of the log.
    var redeliveryAwaitsBlock = false

    /// Events accepted earlier are passed over (`start` was a time).
    var notBefore = WallTime(nanoseconds: 0)
    /// Nothing was found beyond the cursor, and nothing has matched since.
    var isCaughtUp = false
    /// An event has matched since it was last advanced.
    var hasNews = false
    /// What comes next is to be read from the log.
    var readsLog = false
    /// It waits for a block of the log.
    var awaitsBlock = false
    /// No attempt is begun before (the log could not be read).
    var pausedUntil = MonotonicTime(nanoseconds: 0)
    /// Connections whose event is being read from the log.
    var fetching: [EndpointConnection] = []
    /// It stands in the list of those to advance.
    var isReady = false
    /// It stands in the list of those to settle.
    var isChanged = false
    /// It stands in its pool's queue.
    var waitsForConnection = false
    /// Whether its endpoint has agreed to get events; nil where nobody asks.
    var consent: EndpointConsent? {
        get { consents?.wrappedValue.now }
        set { consents = Shared((now: newValue, before: consentBefore)) }
    }
    /// What was decided with before: the answer to a question of that is none to one of this.
    var consentBefore: EndpointConsent? { consents?.wrappedValue.before }
    /// Both; nil where nobody has ever asked.
    private var consents: Shared<(now: EndpointConsent?, before: EndpointConsent?)>?
    /// A test is under way.
    var isTesting = false
    /// It has been removed: nothing of it counts any more.
    var isRemoved = false
    /// The wheel's entry, and when it fires.
    var timer: TimerID?
    var timerAt = MonotonicTime(nanoseconds: .max)

    /// A subscription in `slot`.
    init(
        slot: UInt32, _ installation: WebhookInstallation, schedule: WebhookSchedule, member: MemberCursor,
        pool: EndpointPool
    ) {
        self.slot = slot
        number = installation.number
        status = installation.status
        id = installation.definition.id
        _webhook = installation.definition.$webhook
        self.schedule = schedule
        self.member = member
        self.pool = pool
    }

    /// Takes over a replaced definition's webhook.
    func replace(_ definition: SubscriptionDefinition) {
        $webhook = definition.$webhook
        equipment = nil
    }

    /// Asks anew, or nothing at all: what is being asked now counts no more.
    func ask(_ consent: EndpointConsent?) {
        let before = self.consent ?? consentBefore
        consents = consent == nil && before == nil ? nil : Shared((now: consent, before: before))
    }
}

extension WebhookScheduleOptions {
    /// What a definition says about when to deliver.
    init(_ webhook: SubscriptionDefinition.Webhook, disableAfterMilliseconds: Int) {
        self.init()
        retry = RetryPolicy(
            delays: webhook.retry.delaysMilliseconds.map { $0 * 1_000_000 }, jitter: webhook.retry.jitter)
        order = webhook.order == .all ? .all : .none
        concurrency = webhook.concurrency
        rateLimit = webhook.rateLimit.map { RateLimit(perSecond: $0.perSecond, burst: $0.burst) }
        disableAfterNanoseconds = UInt64(disableAfterMilliseconds) * 1_000_000
    }
}

extension WebhookRequest {
    /// The requests of a definition, signed by what signs at `now`.
    init(_ webhook: SubscriptionDefinition.Webhook, now: WallTime) throws {
        let retiring = webhook.retiringSecrets.filter { $0.until > now }.map(\.secret)
        let secrets = try (webhook.signingSecrets + retiring).map { secret throws(WebhookSecretError) in
            try WebhookSecret(secret.text)
        }
        let mode: WebhookContentMode =
            switch webhook.contentMode {
            case .structured: .structured
            case .binary: .binary
            case .data: .data
            }
        try self.init(
            Options(
                target: webhook.url.target, host: webhook.url.authority, version: ServiceVersion.text,
                contentMode: mode,
                headers: webhook.headers.map { (name: $0.name, value: $0.value.text) },
                include: Inclusions(webhook.include),
                coding: BodyEncoder.Coding(rawValue: webhook.compression.rawValue)),
            signer: WebhookSigner(secrets))
    }
}

extension WebhookRequest.Inclusions {
    /// What a definition asks for.
    init(_ include: Set<SubscriptionDefinition.Inclusion>) {
        self = []
        if include.contains(.position) { insert(.position) }
        if include.contains(.traceState) { insert(.traceState) }
        if include.contains(.baggage) { insert(.baggage) }
    }
}

extension WebhookHealth {
    /// What the journal knows. One written before it was told of the first failure knows only what was announced.
    init(_ kept: JournalState.Subscription) {
        self.init(
            failingSince: kept.unsuccessfulSince ?? kept.failingSince, isAnnounced: kept.failingSince != nil)
    }
}

extension WebhookDisabled {
    /// The word in the journal.
    var word: String {
        switch self {
        case .gone: "gone"
        case .failing: "failing"
        case .requested: "requested"
        }
    }

    /// What the journal's word means.
    init(word: String) {
        switch word {
        case "gone": self = .gone
        case "failing": self = .failing
        default: self = .requested
        }
    }
}
