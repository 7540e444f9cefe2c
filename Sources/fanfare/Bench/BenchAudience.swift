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
    }

    /// Sockets that are connecting at one time: as many as a listener's queue certainly takes.
    private static let connectingMax = 256

    /// The groups, in the profile's order.
    private(set) var groups: [Group]
    /// From the intended send to the last receipt, for events after the warm-up.
    private(set) var timeToLast = Histogram()
    /// Events that reached someone who had not asked for them.
    private(set) var misdirected = 0
    /// Deliveries, repeated ones not counted.
    private(set) var delivered = 0
    /// How it goes from interval to interval.
    var series: RunSeries
    private let plan: BenchPlan
    private var ledgers: [DeliveryLedger]
    private var groupOfMember: [Int] = []
    private var receivers: [WebhookReceiver] = []
    private var waitingMembers: [Int] = []
    /// By event: deliveries that have not come.
    private var remaining: [Int32]

    init(_ loop: ClientLoop, _ plan: BenchPlan) {
        self.plan = plan
        series = RunSeries(nanoseconds: UInt64(plan.profile.publishMilliseconds) * 1_000_000)
        var groups: [Group] = []
        var first = 0
        for (index, audience) in plan.profile.subscribers.enumerated() {
            let members = first..<first + audience.count
            groups.append(Group(audience: audience, members: members))
            groupOfMember += repeatElement(index, count: audience.count)
            if audience.transport != .webhook { waitingMembers += members }
            first = members.upperBound
        }
        waitingMembers.reverse()
        ledgers = Array(repeating: DeliveryLedger(), count: first)
        let topics = plan.profile.events.topics
        let subscribersOfTopic = (0..<topics).map { Int32(first / topics + ($0 < first % topics ? 1 : 0)) }
        remaining = plan.offsets.indices.map { subscribersOfTopic[$0 % topics] }
        self.groups = groups
        super.init(loop)
    }

    /// Deliveries that are due when every event has been published.
    var expected: Int { groups.indices.reduce(0) { $0 + expected(inGroup: $1) } }

    /// Deliveries that are due to a group when every event has been published.
    func expected(inGroup index: Int) -> Int { groups[index].members.reduce(0) { $0 + plan.expected(byMember: $1) } }

    /// Deliveries to a group that have not come, came again, and came out of order.
    func account(ofGroup index: Int) -> (lost: Int, duplicates: Int, reordered: Int) {
        groups[index].members.reduce(into: (0, 0, 0)) { sum, member in
            let ledger = ledgers[member]
            sum.0 += ledger.lost(of: plan.expected(byMember: member))
            sum.1 += ledger.duplicates
            sum.2 += ledger.reordered
        }
    }

    /// Sockets there are to be.
    var socketCount: Int { subscribers.count + waitingMembers.count }

    /// Whether every socket's subscription is in effect; starts some of those that are not.
    func connectSome(_ targets: BenchTargets) -> Bool {
        while subscribers.count - begunCount < Self.connectingMax, let member = waitingMembers.popLast() {
            let audience = groups[groupOfMember[member]].audience
            connect(
                audience.subscriberTransport, targets.target(for: audience), topics: [plan.topic(ofMember: member)],
                tag: member)
        }
        return waitingMembers.isEmpty && begunCount == subscribers.count
    }

    /// Opens the endpoints of a group of webhooks, all behind one address, and gives its URL, which each member's number
    /// is to follow.
    func openEndpoint(_ audience: LoadProfile.Audience, _ folder: ServiceFolder?) throws(CommandFailure) -> String {
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
        remaining[number] -= 1
        let now = Clock.monotonic
        let latency = now.nanoseconds(since: plan.intended(number))
        series.delivered(at: now.nanoseconds(since: plan.startedAt), latency: latency)
        guard number >= plan.measuredFrom else { return }
        groups[group].latency.record(latency)
        if remaining[number] == 0 { timeToLast.record(latency) }
    }

    // MARK: SubscriberObserver

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
