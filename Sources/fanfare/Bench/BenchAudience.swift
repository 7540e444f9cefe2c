import FanfareBase
import FanfareLoad
import FanfareRing
import FanfareServer
import FanfareTLS
import FanfareWire

/// Everyone who receives in a run, and what has come of it.
final class BenchAudience: SocketAudience {
    /// Subscribers of one group of the profile.
    struct Group {
        /// What the profile says of them.
        let audience: LoadProfile.Audience
        /// From the intended send to the receipt, in nanoseconds, after the warm-up.
        var latency = Histogram()
        /// Members; their ledgers follow one another.
        let members: Range<Int>
        /// Deliveries, repeated ones not counted.
        var deliveries = 0
        /// What its sockets have done besides.
        var conduct = BenchConduct()
    }

    /// What has become of the deliveries that were due to a group.
    struct Account {
        /// Those that have not come.
        var lost = 0
        /// Those that came again.
        var duplicates = 0
        /// Those that came out of order.
        var reordered = 0
        /// Those of which was told that they will not come.
        var skipped = 0
        /// Those that may or may not have come, since the subscriber was coming or leaving.
        var uncertain = 0
    }

    /// Sockets that are connecting at one time: as many as a listener's queue certainly takes.
    private static let connectingMax = 256

    /// Milliseconds until a socket that was cut off tries again; doubled by each failure, up to 32 times.
    private static let retryMilliseconds = 50

    /// The groups, in the profile's order.
    var groups: [Group]
    /// What became of the events.
    let outcomes: BenchOutcomes
    /// From the intended send to the last receipt, for events after the warm-up.
    private(set) var timeToLast = Histogram()
    /// Events that reached someone who had not asked for them.
    private(set) var misdirected = 0
    /// Deliveries, repeated ones not counted.
    private(set) var delivered = 0
    /// When the last of them came; nil before the first.
    private(set) var lastDeliveryAt: MonotonicTime?
    /// How it goes from interval to interval.
    var series: RunSeries
    private let plan: BenchPlan
    /// The ways to the service; set before anyone connects.
    var targets: BenchTargets?
    /// Sockets that do more than receive, by member.
    var sockets: [Int: BenchSocket] = [:]
    /// Where the log ended before the first event: a position.
    var startPosition = ""
    /// Nobody stalls or leaves any more.
    var isSettled = false
    private var connectingCount = 0
    private var ledgers: [DeliveryLedger]
    private var groupOfMember: [Int] = []
    private var receivers: [WebhookReceiver] = []
    private var waitingMembers: [Int] = []
    /// By event: deliveries that have not come.
    private var remaining: [Int32]

    init(_ loop: ClientLoop, _ plan: BenchPlan) {
        self.plan = plan
        series = RunSeries(nanoseconds: UInt64(plan.profile.publishMilliseconds) * 1_000_000)
        outcomes = BenchOutcomes(plan)
        var groups: [Group] = []
        var first = 0
        for (index, audience) in plan.profile.subscribers.enumerated() {
            let members = first..<first + audience.count
            groups.append(Group(audience: audience, members: members))
            groupOfMember += repeatElement(index, count: audience.count)
            if audience.transport != .webhook { waitingMembers += members }
            if audience.behaviour != nil || audience.slowPolicy != .catchUp {
                for member in members { sockets[member] = BenchSocket(group: index) }
            }
            first = members.upperBound
        }
        waitingMembers.reverse()
        ledgers = Array(repeating: DeliveryLedger(), count: first)
        let topics = plan.profile.events.topics
        var subscribersOfTopic: [Int32] = Array(repeating: 0, count: topics)
        for member in 0..<first where sockets[member] == nil { subscribersOfTopic[member % topics] += 1 }
        remaining = plan.offsets.indices.map { subscribersOfTopic[$0 % topics] }
        self.groups = groups
        super.init(loop)
    }

    /// Deliveries that are due when every event has been published.
    var expected: Int { groups.indices.reduce(0) { $0 + expected(inGroup: $1) } }

    /// Deliveries that are due to a group when every event has been published.
    func expected(inGroup index: Int) -> Int { groups[index].members.reduce(0) { $0 + plan.expected(byMember: $1) } }

    /// What has become of the deliveries that are due to a group.
    func account(ofGroup index: Int) -> Account {
        groups[index].members.reduce(into: Account()) { sum, member in
            let ledger = ledgers[member]
            sum.duplicates += ledger.duplicates
            sum.reordered += ledger.reordered
            let expected = plan.expected(byMember: member)
            if sockets[member] == nil, outcomes.isWhole {
                sum.lost += ledger.lost(of: expected)
            } else if sockets[member] == nil {
                // What was refused does not come: so the counts tell.
                let unpublished = outcomes.unpublishedCount(ofTopic: member % plan.profile.events.topics)
                sum.lost += max(0, expected - unpublished - ledger.receivedCount)
            } else {
                for number in ledger.missing(of: expected) {
                    add(number * plan.profile.events.topics + member % plan.profile.events.topics, member, to: &sum)
                }
            }
        }
    }

    /// Counts event `number`, which has not come to `member`.
    private func add(_ number: Int, _ member: Int, to sum: inout Account) {
        if outcomes.isUnpublished(number) { return }
        guard let socket = sockets[member] else { return sum.lost += 1 }
        let sequence = outcomes.sequence(number)
        if groups[socket.group].audience.behaviour?.kind == .churns,
            !socket.attendance.isCertain(number, sequence: sequence)
        {
            sum.uncertain += 1
        } else if socket.gaps.contains(sequence) {
            sum.skipped += 1
        } else {
            sum.lost += 1
        }
    }

    /// Whether everything has come that had to, when every event has its outcome.
    var isComplete: Bool {
        if sockets.isEmpty, outcomes.isWhole { return delivered == expected }
        return groups.indices.allSatisfy { account(ofGroup: $0).lost == 0 }
    }

    /// Sockets there are to be.
    var socketCount: Int { groups.reduce(0) { $0 + ($1.audience.transport == .webhook ? 0 : $1.members.count) } }

    /// Whether every socket's subscription is in effect; connects some of those that are not.
    @discardableResult
    func connectSome() -> Bool {
        guard let targets else { invariantFailure("the ways to the service are known") }
        while connectingCount < Self.connectingMax, let member = waitingMembers.popLast() {
            let audience = groups[groupOfMember[member]].audience
            connectingCount += 1
            var request = SubscribeRequest(topics: [plan.topic(ofMember: member)])
            if audience.slowPolicy != .catchUp { request.slow = audience.slowPolicy.rawValue }
            if let kind = audience.behaviour?.kind, kind != .churns, sockets[member]?.comingSince != nil {
                request.from = position(of: member)
            }
            connect(audience.subscriberTransport, targets.target(for: audience), request, tag: member)
        }
        return waitingMembers.isEmpty && connectingCount == 0
    }

    /// Puts a member behind those that are to be connected, and connects some.
    func connectAgain(_ member: Int) {
        waitingMembers.insert(member, at: 0)
        connectSome()
    }

    /// The position of the last event that `member` has received.
    private func position(of member: Int) -> String {
        let sequence = String(ledgers[member].lastSequence)
        guard ledgers[member].lastSequence > 0, let hyphen = startPosition.firstIndex(of: "-") else {
            return startPosition
        }
        let digits = startPosition.distance(from: hyphen, to: startPosition.endIndex) - 1
        return startPosition[...hyphen] + String(repeating: "0", count: digits - sequence.utf8.count) + sequence
    }

    /// The place in the log of the last event that `member` has received.
    func lastSequence(of member: Int) -> UInt64 { ledgers[member].lastSequence }

    /// Milliseconds until `socket`, which has failed so often, tries again.
    func pause(after socket: BenchSocket) -> Int { Self.retryMilliseconds << min(socket.failedTries, 5) }

    /// Opens the endpoints of every group of webhooks.
    ///
    /// - Parameter folder: who certifies those with TLS.
    func openEndpoints(_ folder: ServiceFolder?) throws(CommandFailure) -> [BenchWebhooks.Group] {
        var opened: [BenchWebhooks.Group] = []
        for group in groups where group.audience.transport == .webhook {
            let authority = group.audience.isEncrypted ? folder.map { "\($0.path)/ca.pem" } : nil
            opened.append(
                BenchWebhooks.Group(
                    members: group.members, url: try openEndpoint(group.audience, folder), authority: authority))
        }
        return opened
    }

    /// Opens the endpoints of a group of webhooks, all behind one address, and gives its URL, which each member's number
    /// is to follow.
    private func openEndpoint(_ audience: LoadProfile.Audience, _ folder: ServiceFolder?) throws(CommandFailure)
        -> String
    {
        let receiver = WebhookReceiver(loop) { [unowned self] in take($0) }
        receivers.append(receiver)
        do {
            let context = audience.isEncrypted ? try folder?.serverContext() : nil
            let address = try receiver.listen(at: SocketAddress(parsing: "127.0.0.1:0"), tls: context)
            return "\(audience.isEncrypted ? "https" : "http")://\(address)/"
        } catch {
            throw .unavailable("a webhook endpoint could not be opened: \(error)")
        }
    }

    private func take(_ arrival: WebhookArrival) -> WebhookAnswer {
        guard let member = arrival.request.path.slice(from: 1).decimal, ledgers.indices.contains(member),
            let number = plan.numbering.number(in: arrival.request.body, from: 1)
        else { return WebhookAnswer(status: 400) }
        received(number, by: member, sequence: nil)
        return WebhookAnswer(status: 200)
    }

    private func received(_ number: Int, by member: Int, sequence: UInt64?) {
        let topics = plan.profile.events.topics
        guard number < remaining.count, number % topics == member % topics else {
            misdirected += 1
            return
        }
        guard ledgers[member].take(number / topics, sequence: sequence) else { return }
        let group = groupOfMember[member]
        groups[group].deliveries += 1
        delivered += 1
        if sockets[member] == nil { remaining[number] -= 1 }
        let now = Clock.monotonic
        lastDeliveryAt = now
        let latency = now.nanoseconds(since: plan.intended(number))
        series.delivered(at: now.nanoseconds(since: plan.startedAt), latency: latency)
        guard number >= plan.measuredFrom else { return }
        groups[group].latency.record(latency)
        if remaining[number] == 0, sockets[member] == nil { timeToLast.record(latency) }
    }

    // MARK: SubscriberObserver

    override func began(_ subscriber: EventSubscriber) {
        super.began(subscriber)
        connectingCount -= 1
        connectSome()
        if let socket = sockets[subscriber.tag] { arrived(socket, subscriber.tag) }
    }

    override func gap(_ after: String, _ next: String, _ subscriber: EventSubscriber) {
        guard let socket = sockets[subscriber.tag], bearsGaps(socket), let after = Position(after),
            let next = Position(next)
        else { return super.gap(after, next, subscriber) }
        socket.gaps.add(after: after.sequence.rawValue, next: next.sequence.rawValue)
        groups[socket.group].conduct.gaps += 1
    }

    override func cutOff(_ subscriber: EventSubscriber, _ reason: SubscriberEnd) {
        guard let socket = sockets[subscriber.tag] else { return super.cutOff(subscriber, reason) }
        if socket.phase == .connecting {
            guard socket.comingSince != nil, reason.isWorthRetrying else { return super.cutOff(subscriber, reason) }
            connectingCount -= 1
        }
        ended(socket, subscriber.tag)
    }

    override func event(_ json: ByteView, position: ByteView, to subscriber: EventSubscriber) {
        guard let number = plan.numbering.number(in: json, from: EventRecord.membersOffset) else {
            misdirected += 1
            return
        }
        // Eight digits of the log's id and a hyphen, then the place in it.
        received(number, by: subscriber.tag, sequence: position.slice(from: 9).decimal.map { UInt64($0) })
    }
}

extension LoadProfile.Audience {
    /// The transport of sockets.
    ///
    /// - Precondition: it is no webhook.
    var subscriberTransport: SubscriberTransport {
        switch transport {
        case .websocket: .websocket
        case .sse: .sse
        case .stream: .stream
        case .webhook: invariantFailure("webhooks are no sockets")
        }
    }
}
