import FanfareBase
import FanfareEvent
import FanfareLog
import FanfareWire

/// `GET /v1/events/POSITION` and `GET /v1/events?topic=P&from=X&limit=N`: the log, read by hand.
struct ReadEndpoint {
    let shard: Shard
    let connection: Connection

    /// Starts a page; the answer follows when the log has been read.
    func read(_ admitted: Router.Admitted) -> HTTPHandler.Verdict {
        do throws(Shard.SubscribeError) {
            let page = admitted.path.count == 3 ? try single(admitted) : try page(admitted)
            shard.pages.start(page, shard)
            return .pendingPage
        } catch {
            return .answer(.problem(error.status, error.title, error.detail))
        }
    }

    private func address(_ admitted: Router.Admitted) -> ReplyAddress {
        ReplyAddress(
            shard: shard.number, slot: connection.slot, generation: connection.generation, ticket: admitted.ticket)
    }

    private func single(_ admitted: Router.Admitted) throws(Shard.SubscribeError) -> EventPage {
        guard let position = Position(admitted.path[2]) else {
            throw Shard.SubscribeError(title: "invalid-position", detail: "A position is LOGID-NNNNNNNNNNNNNNNN.")
        }
        let isHere =
            position.log == shard.service.logID && position.sequence > .zero
            && position.sequence <= shard.reader.head && position.sequence >= shard.reader.firstRetained
        guard isHere else {
            throw Shard.SubscribeError(
                title: "event-not-found", detail: "There is no event at \(position): it was removed or never was.",
                status: 404)
        }
        let page = EventPage(reply: address(admitted), limit: 1, principal: admitted.principal)
        page.cursor = SequenceNumber(position.sequence.rawValue - 1)
        page.only = position.sequence
        return page
    }

    private func page(_ admitted: Router.Admitted) throws(Shard.SubscribeError) -> EventPage {
        let limitText = admitted.query.first("limit") ?? String(Limits.eventsPerPageDefault)
        guard let limit = Int(limitText), (1...Limits.eventsPerPageMax).contains(limit) else {
            throw Shard.SubscribeError(
                title: "invalid-limit", detail: "\"limit\" must be a number from 1 to \(Limits.eventsPerPageMax).")
        }
        let from = admitted.query.first("from") ?? "earliest"
        guard let start = StartPoint(from) else {
            throw Shard.SubscribeError(title: "invalid-from", detail: "\"from\" must be \(StartPoint.allowed).")
        }
        let topics = admitted.query.values("topic")
        let page = EventPage(reply: address(admitted), limit: limit, principal: admitted.principal)
        page.patterns = try shard.patterns(topics.isEmpty ? [">"] : topics, for: admitted.principal)
        let resolved = try shard.resolve(start)
        page.cursor = resolved.after
        page.notBefore = resolved.notBefore
        page.gap = resolved.gap
        page.search = resolved.last.map {
            LastSearch(count: $0, head: resolved.after, floor: shard.reader.firstRetained)
        }
        return page
    }
}

/// A page being read: a cursor like any other, whose events are put into one answer.
final class EventPage {
    /// Who asked.
    let reply: ReplyAddress
    /// What they may see.
    let principal: Principal
    /// Events at most.
    let limit: Int
    /// What is wanted.
    var patterns: [TopicPattern] = [] {
        didSet { selection = TopicSelection(patterns) }
    }
    /// The same, for reading the log; nil when all of it is to be read.
    private(set) var selection: TopicSelection?
    /// Only this number is wanted, as the whole answer.
    var only: SequenceNumber?
    /// Events accepted earlier are passed over.
    var notBefore = WallTime(nanoseconds: 0)
    /// What could not be given.
    var gap: StartPoint.Gap?
    /// Looking for the last so many first.
    var search: LastSearch?
    /// Everything up to here has been looked at.
    var cursor = SequenceNumber.zero
    /// The events so far.
    var json: [UInt8] = []
    /// How many.
    var count = 0
    /// The one number asked for has been passed, or a gap follows that the next page tells.
    var isOver = false

    /// An empty page.
    init(reply: ReplyAddress, limit: Int, principal: Principal) {
        self.reply = reply
        self.limit = limit
        self.principal = principal
    }

    /// Whether no further event fits.
    var isFull: Bool { isOver || count == limit || json.count >= Limits.pageBytesMax }

    /// Whether the event is one of the page's.
    func wants(_ record: EventRecord) -> Bool {
        if let only { return record.sequence == only && maySee(record) }
        if record.time < notBefore { return false }
        let topic = unsafe record.topic.bindMemory(to: UInt8.self).span
        return patterns.contains { $0.matches(topic) }
    }
}

extension EventPage {
    /// Whether who asked may see an event of this topic.
    private func maySee(_ record: EventRecord) -> Bool {
        principal.maySubscribe(unsafe String(decoding: record.topic, as: UTF8.self))
    }
}

/// The pages under way on a shard: so many at a time, the others in the order in which they were asked for.
final class EventPages {
    private var pages: [UInt32: EventPage] = [:]
    private var waiting = RingQueue<EventPage>(limit: .max >> 1)
    private var next: UInt32 = 0
    private var isStarting = false

    /// Reads `page` when those before it are read.
    func start(_ page: EventPage, _ shard: Shard) {
        _ = waiting.append(page)
        startWaiting(shard)
    }

    private func startWaiting(_ shard: Shard) {
        // One that is read at once makes room for the next: a loop, not a recursion.
        guard !isStarting else { return }
        isStarting = true
        while pages.count < Limits.pagesUnderWayMax, let page = waiting.popFirst() {
            next &+= 1
            pages[next] = page
            proceed(next, shard)
        }
        isStarting = false
    }

    /// A block a page waited for is there, or could not be read.
    func blockArrived(_ number: UInt32, failed: Bool, _ shard: Shard) {
        guard let page = pages[number] else { return }
        defer { startWaiting(shard) }
        guard failed else { return proceed(number, shard) }
        pages[number] = nil
        shard.answer(page.reply, .problem(500, "log-unreadable", "The log could not be read there."))
    }

    private func proceed(_ number: UInt32, _ shard: Shard) {
        guard let page = pages[number] else { return }
        guard shard.connections.lookup(slot: page.reply.slot, generation: page.reply.generation) != nil else {
            pages[number] = nil
            return
        }
        while !page.isFull {
            let cursor = page.search?.cursor ?? page.cursor
            let answer = shard.reader.read(
                after: cursor, selecting: page.selection, for: .page(number: number), shard)
            switch answer {
            case .waiting: return
            case .nothing(let sequence): if page.search?.passed(sequence) == nil { page.cursor = sequence }
            case .gap(let next): Self.passGap(page, next, shard)
            case .atHead:
                guard page.search != nil else { return finish(number, page, shard) }
                page.search?.reachedHead()
            case .block(let block):
                if page.search != nil { Self.search(page, block) } else { Self.take(block, page, shard) }
            }
            if let start = page.search?.result {
                page.cursor = start
                page.search = nil
            }
        }
        finish(number, page, shard)
    }

    private static func passGap(_ page: EventPage, _ next: SequenceNumber, _ shard: Shard) {
        if page.search != nil {
            page.search?.restart(at: next)
        } else {
            tellGap(page, next: next, shard)
        }
    }

    /// Nothing comes before `next`. A page tells one gap, before its events: it ends where another one begins.
    private static func tellGap(_ page: EventPage, next: SequenceNumber, _ shard: Shard) {
        if page.only == nil {
            guard page.count == 0 else { return page.isOver = true }
            let after = page.gap?.after ?? shard.position(page.cursor)
            page.gap = StartPoint.Gap(after: after, next: shard.position(next))
        }
        page.cursor = SequenceNumber(next.rawValue - 1)
    }

    private static func search(_ page: EventPage, _ block: LogBlock) {
        guard var search = page.search else { return }
        search.walk(block) { page.wants($0) }
        page.search = search
    }

    private static func take(_ block: LogBlock, _ page: EventPage, _ shard: Shard) {
        for index in block.firstIndex(above: page.cursor)..<block.count where !page.isFull {
            switch block[index] {
            case .event(let record):
                page.cursor = record.sequence
                guard page.wants(record) else { break }
                if page.count > 0 { page.json.append(UInt8(ascii: ",")) }
                unsafe page.json.append(contentsOf: record.canonical)
                page.count += 1
            case .lost(let range): tellGap(page, next: range.upperBound.next, shard)
            }
            if let only = page.only, page.cursor >= only { page.isOver = true }
        }
    }

    private func finish(_ number: UInt32, _ page: EventPage, _ shard: Shard) {
        pages[number] = nil
        guard shard.hasRoom(page.json.count) else { return shard.answer(page.reply, .outOfMemory) }
        if page.only != nil { return shard.answer(page.reply, Self.singleAnswer(page, shard)) }
        var json: [UInt8] = Array("{\"events\":[".utf8)
        json.reserveCapacity(page.json.count + 128)
        json += page.json
        json += Array("],\"next\":\"\(shard.position(page.cursor))\",\"gap\":".utf8)
        if let gap = page.gap {
            json += Array("{\"after\":\"\(gap.after)\",\"next\":\"\(gap.next)\"}}".utf8)
        } else {
            json += Array("null}".utf8)
        }
        shard.answer(page.reply, .json(200, json))
    }

    private static func singleAnswer(_ page: EventPage, _ shard: Shard) -> Answer {
        guard page.count == 1 else {
            return .problem(404, "event-not-found", "This number was never given to an event.")
        }
        return Answer(status: 200, contentType: "application/cloudevents+json; charset=utf-8", body: page.json)
    }
}
