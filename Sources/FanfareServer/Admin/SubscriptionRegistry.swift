import FanfareBase
import FanfareDelivery
import FanfareLog

/// The definitions of all webhook subscriptions and the journal that keeps what delivery decided. On shard 0.
///
/// Invariants: what `ServiceContext.subscriptions` shows is what the journal has recorded; a number is given once in the
/// life of the process, so an outcome that arrives late never counts for another subscription; an answer to a change
/// leaves when the change is synced.
final class SubscriptionRegistry {
    /// What delivery decided, and the definitions made through the API.
    let journal: Journal
    /// Holds the data directory's lock.
    private let storage: any LogStorage
    /// How many subscriptions tenants may have; a reload replaces it.
    var quotas: [String: Int] = [:]
    private let announcer: Announcer
    private var numberMax: UInt32 = 0
    /// Answers that wait until the journal is synced through a count; in the order of the counts.
    private var waiting: [(through: UInt64, address: ReplyAddress, answer: Answer)] = []

    /// The registry of a service whose journal was opened.
    init(journal: Journal, storage: any LogStorage) {
        self.journal = journal
        self.storage = storage
        announcer = Announcer(journal)
    }

    // MARK: The journal

    /// More waits in memory than should: no attempts are begun until it is less.
    var isFull: Bool { journal.isFull || announcer.isFull }

    /// When the log's owner is to look again though nothing else happens.
    var nextDeadline: MonotonicTime? {
        guard let pause = announcer.deadline else { return journal.nextDeadline }
        return min(journal.nextDeadline ?? pause, pause)
    }

    /// What the subscription `number` is called; nil when it has been forgotten.
    func name(of number: SubscriptionNumber) -> String? { journal.state.subscriptions[number]?.definition.id }

    /// Records what was decided, and the event that tells of it if there is one.
    ///
    /// - Returns: the journal's count that makes it durable.
    @discardableResult
    func record(_ entry: JournalEntry, urgent: Bool = false, _ shard: Shard) -> UInt64 {
        let through = journal.record(entry, urgent: urgent)
        if let event = OwnEvent(entry, self, shard) { announcer.add(event, journal, shard) }
        switch entry {
        case .deadLetter(let number, _), .deadLetterRemoved(let number, _): showDeadLetters(of: number, shard)
        default: break
        }
        return through
    }

    private func showDeadLetters(of number: SubscriptionNumber, _ shard: Shard) {
        guard let kept = journal.state.subscriptions[number] else { return }
        shard.service.subscriptions[kept.definition.id]?.status.update { $0.deadLetters = kept.deadLetters.count }
    }

    /// Publishes the service's own events that are due. Once a turn, before the log's batch is closed.
    func announce(_ shard: Shard) { announcer.publish(journal, shard) }

    /// The log has decided on them.
    func published(_ request: PublishRequest, _ shard: Shard) { announcer.published(request, journal, shard) }

    // MARK: Start

    /// Brings definitions from files and journal together and starts their delivery. While shard 0 is being built: it may
    /// read files that definitions name.
    func start(files: [SubscriptionDefinition], _ shard: Shard) {
        numberMax = journal.state.unusedNumber.rawValue - 1
        quotas = shard.service.configuration.quotas
        let policy = shard.service.configuration.apiPolicy()
        for (number, known) in journal.state.subscriptions {
            shard.service.subscriptions.set(Self.entry(number, known.definition, policy, shard.service))
        }
        apply(files: files, shard)
        for entry in shard.service.subscriptions.all where !entry.known.isInstalled {
            if entry.definition != nil {
                install(entry, shard)
            } else {
                showAsKept(entry)
                if entry.known.origin == .file(nil) { Self.reportGone(entry.id, shard.service) }
            }
        }
    }

    /// What the journal knows of a subscription, as an entry.
    private static func entry(
        _ number: SubscriptionNumber, _ known: JournalDefinition, _ policy: DefinitionPolicy, _ service: ServiceContext
    ) -> SubscriptionEntry {
        var entry = SubscriptionEntry(
            number: number, known: KnownSubscription(id: known.id, origin: .api), revision: known.revision,
            status: SubscriptionStatus())
        guard known.origin == .api else {
            entry.known.origin = .file(nil)
            entry.known.paused = Self.fileHasGone
            return entry
        }
        do throws(Diagnostics) {
            entry.known.definition = try SubscriptionDefinition.parse(known.document, id: known.id, policy: policy)
        } catch {
            entry.known.paused = "its definition is not accepted any more: \(error.all[0])"
            service.report("subscription \(known.id) is paused: its definition is not accepted any more:\n\(error)")
        }
        return entry
    }

    private static let fileHasGone = "its file has gone"

    private static func reportGone(_ id: String, _ service: ServiceContext) {
        service.report("subscription \(id) is paused: \(fileHasGone)")
    }

    // MARK: Files

    /// Makes the files' definitions hold; what changed is what a reload reports.
    @discardableResult
    func apply(files: [SubscriptionDefinition], _ shard: Shard) -> FilePlan {
        let service = shard.service
        let files = files.map { complete($0, service) }
        let plan = FilePlan(files: files, known: service.subscriptions.all.map(\.known))
        for id in plan.takenOver {
            service.report("subscription \(id): its file takes over what was made through the API")
        }
        for file in plan.created { create(file, start: fileStart(of: file, shard), shard) }
        for file in plan.replaced {
            if let entry = service.subscriptions[file.id] { replace(entry, with: file, shard) }
        }
        for id in plan.vanished {
            guard var entry = service.subscriptions[id] else { continue }
            Self.reportGone(id, service)
            entry.known.origin = .file(nil)
            entry.known.paused = Self.fileHasGone
            service.subscriptions.set(entry)
            onOwner(of: entry.number, shard) { [number = entry.number] in $0.webhooks.pause(number, $0) }
        }
        return plan
    }

    /// A file that lists no secrets signs with those the service has for it, or with one made now.
    private func complete(_ file: SubscriptionDefinition, _ service: ServiceContext) -> SubscriptionDefinition {
        guard file.webhook.signingSecrets.isEmpty else { return file }
        var file = file
        file.keepsSecrets = true
        let known = service.subscriptions[file.id]
        if let webhook = known?.definition?.webhook, !webhook.signingSecrets.isEmpty {
            file.webhook = KeptSecrets(webhook).applied(to: file.webhook)
        } else if let known, let kept = keptSecrets(known.number) {
            file.webhook = kept.applied(to: file.webhook)
        } else {
            file.webhook.signingSecrets = [Secret(service.secrets.signingSecret())]
        }
        return file
    }

    private func keptSecrets(_ number: SubscriptionNumber) -> KeptSecrets? {
        guard let known = journal.state.subscriptions[number]?.definition, known.origin == .file else { return nil }
        return KeptSecrets(document: known.document)
    }

    private func fileStart(of file: SubscriptionDefinition, _ shard: Shard) -> SequenceNumber {
        do throws(Shard.SubscribeError) {
            return try shard.resolve(file.start.point).after
        } catch {
            shard.service.report("subscription \(file.id) begins with the next event: \(error.detail)")
            return shard.fanout.head
        }
    }

    // MARK: Changing one

    /// Makes a subscription that begins after `start`.
    ///
    /// - Returns: it, and the journal's count that makes it durable.
    @discardableResult
    func create(_ definition: SubscriptionDefinition, start: SequenceNumber, _ shard: Shard)
        -> (entry: SubscriptionEntry, through: UInt64)
    {
        numberMax += 1
        let entry = SubscriptionEntry(
            number: SubscriptionNumber(numberMax), known: KnownSubscription(definition), revision: 1,
            status: SubscriptionStatus())
        define(entry)
        let through = journal.record(.cursor(entry.number, start), urgent: true)
        return (install(entry, newAfter: start, shard), through)
    }

    /// Gives a subscription another definition; its cursor stays where it is.
    @discardableResult
    func replace(_ entry: SubscriptionEntry, with definition: SubscriptionDefinition, _ shard: Shard)
        -> (entry: SubscriptionEntry, through: UInt64)
    {
        var replaced = entry
        replaced.known = KnownSubscription(definition)
        replaced.known.isInstalled = entry.known.isInstalled
        // A file's definition read for the first time since the start replaces nothing: the journal keeps none.
        let isKept = !definition.keepsSecrets || keptSecrets(entry.number) != nil
        let isFirstReading =
            entry.definition == nil && entry.known.origin != .api && replaced.known.isOfPresentFile && isKept
        if !isFirstReading { replaced.revision += 1 }
        let through = isFirstReading ? journal.recorded : define(replaced)
        let installed = install(replaced, shard)
        if entry.known.isInstalled, entry.known.paused != nil { goOn(entry, shard) }
        return (installed, through)
    }

    /// What was paused is delivered again, unless it was disabled besides.
    private func goOn(_ entry: SubscriptionEntry, _ shard: Shard) {
        let isDisabled = journal.state.subscriptions[entry.number]?.disabled != nil
        onOwner(of: entry.number, shard) { [number = entry.number, status = entry.status] shard in
            if isDisabled { return status.update { $0.state = "disabled" } }
            shard.webhooks.resume(number, shard)
        }
    }

    /// Forgets a subscription and all that is known of it.
    func remove(_ entry: SubscriptionEntry, _ shard: Shard) -> UInt64 {
        shard.service.subscriptions.remove(entry.id)
        onOwner(of: entry.number, shard) { [number = entry.number] in $0.webhooks.remove(number, $0) }
        return journal.record(.forget(entry.number), urgent: true)
    }

    /// Delivers again.
    func enable(_ entry: SubscriptionEntry, _ shard: Shard) -> UInt64 {
        entry.status.update { status in
            status.state = "active"
            status.disabledBecause = nil
        }
        onOwner(of: entry.number, shard) { [number = entry.number] in $0.webhooks.resume(number, $0) }
        return journal.record(.enable(entry.number), urgent: true)
    }

    /// Makes no further attempts until it is enabled.
    func disable(_ entry: SubscriptionEntry, _ shard: Shard) -> UInt64 {
        let reason = WebhookDisabled.requested
        entry.status.update { $0.show(reason) }
        onOwner(of: entry.number, shard) { [number = entry.number, status = entry.status] shard in
            shard.webhooks.pause(number, shard)
            status.update { $0.show(reason) }
        }
        return record(.disable(entry.number, reason: reason.word, time: shard.time.wall), urgent: true, shard)
    }

    @discardableResult
    private func define(_ entry: SubscriptionEntry) -> UInt64 {
        let isFile = entry.known.origin != .api
        let definition = entry.definition
        let kept = definition?.keepsSecrets == true ? definition.map { KeptSecrets($0.webhook).document } : nil
        return journal.record(
            .define(
                entry.number,
                JournalDefinition(
                    id: entry.id, origin: isFile ? .file : .api, revision: entry.revision,
                    document: isFile ? kept ?? [] : definition?.stored ?? [])), urgent: true)
    }

    // MARK: Delivery

    /// Hands a subscription to the shard that delivers it. A new one begins after `start`; any other goes on from what the
    /// journal knows.
    @discardableResult
    private func install(_ entry: SubscriptionEntry, newAfter start: SequenceNumber? = nil, _ shard: Shard)
        -> SubscriptionEntry
    {
        guard let definition = entry.definition else { return entry }
        var entry = entry
        if !entry.known.isInstalled { showAsKept(entry) }
        entry.known.isInstalled = true
        shard.service.subscriptions.set(entry)
        let installation = WebhookInstallation(
            number: entry.number, definition: shard.service.isDevelopment ? definition.forDevelopment() : definition,
            start: start ?? journal.state.cursor(of: entry.number) ?? .zero,
            restored: start == nil ? journal.state.subscriptions[entry.number] : nil, status: entry.status)
        onOwner(of: entry.number, shard) { $0.webhooks.install(installation, $0) }
        return entry
    }

    /// Shows what the journal kept, until the delivering shard tells more.
    private func showAsKept(_ entry: SubscriptionEntry) {
        guard let kept = journal.state.subscriptions[entry.number] else { return }
        let cursor = journal.state.cursor(of: entry.number) ?? .zero
        entry.status.update { status in
            status.state = kept.disabled != nil ? "disabled" : kept.failingSince != nil ? "failing" : "active"
            status.disabledBecause = (kept.disabled?.reason).map { WebhookDisabled(word: $0).word }
            status.failingSince = kept.disabled == nil ? kept.failingSince : nil
            status.redeliveries = kept.redeliveries
            status.cursor = cursor
            status.retrying = kept.retries.count
            status.deadLetters = kept.deadLetters.count
        }
    }

    private func onOwner(of number: SubscriptionNumber, _ shard: Shard, _ body: @escaping @Sendable (Shard) -> Void) {
        shard.perform(on: Int(number.rawValue) % shard.service.shardCount, body)
    }

    // MARK: Answers

    /// Answers when the journal is synced through `count`.
    func answer(_ address: ReplyAddress, _ answer: Answer, whenSynced count: UInt64) {
        waiting.append((count, address, answer))
    }

    /// Sends the answers whose change is durable, and tells `/metrics` how far the journal is. Once a turn.
    func answerSynced(_ shard: Shard) {
        shard.metrics.journalRecorded.set(journal.recorded)
        shard.metrics.journalSynced.set(journal.synced)
        let ready = waiting.prefix { $0.through <= journal.synced }
        guard !ready.isEmpty else { return }
        waiting.removeFirst(ready.count)
        for (_, address, answer) in ready { shard.deliver(answer, to: address) }
    }
}

extension SubscriptionDefinition.Start {
    /// In the words of readers.
    var point: StartPoint {
        switch self {
        case .latest: .latest
        case .earliest: .earliest
        case .position(let position): .position(position)
        case .time(let time): .time(time)
        }
    }
}

extension Configuration {
    /// How many subscriptions each tenant with a quota may have.
    var quotas: [String: Int] { Dictionary(tenants.map { ($0.name, $0.subscriptions) }) { first, _ in first } }
}
