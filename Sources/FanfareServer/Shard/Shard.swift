import FanfareBase
import FanfareDelivery
import FanfareEvent
import FanfareRing
import FanfareTLS
import FanfareWire

/// One thread's whole world: connections, interests, timers, and on shard 0 the log.
///
/// A function of completions: `turn` takes what the kernel finished and leaves in `operations` what it is asked next. It
/// never calls the kernel, reads a clock or draws a random number itself, so a simulated machine can run it. The stopwatch it
/// is given tells only how long the stages of an event take, and decides nothing.
///
/// The order of a turn: completions, mailboxes, timers; then the log, control output, webhooks, fan-out, catch-up. The log
/// comes first because everything else waits for it; fan-out comes last because it alone can be arbitrarily long.
package final class Shard {
    /// What a timer of the wheel is for.
    enum TimerKey {
        /// A connection's deadline.
        case connection(slot: UInt32, generation: UInt32)
        /// A webhook subscription has a retry or a probe due.
        case webhook(slot: UInt32)
        /// A connection to an endpoint has taken too long to open.
        case endpoint(slot: UInt32, generation: UInt32)
        /// Accepting is tried again.
        case accept(listener: UInt32)
        /// The log's or the journal's own deadline.
        case log
        /// The keys of TLS tickets are looked at.
        case tickets
        /// Whoever is still here while draining is cut off: `proceedWithDrain` looks.
        case drain
    }

    /// Which of the service's shards; 0 owns the log.
    package let number: Int
    /// What all shards share.
    let service: ServiceContext
    /// Who may do what; a reload replaces it.
    var access: AccessControl
    /// JSON Web Tokens that have been verified.
    var tokens = TokenCache<SlotTable<Connection>.Key>()
    /// What it counts.
    let metrics: ShardMetrics
    /// This turn's time.
    var time: TurnTime
    /// Tells the time within a turn; nil where time stands still in one.
    private let stopwatch: (@Sendable () -> MonotonicTime)?
    /// Where events are on their way to the kernel.
    var stages = EventStages()
    /// What the kernel is asked next. Taken by the driver after each turn.
    package let operations = OperationQueue()

    /// The connections by slot.
    var connections: SlotTable<Connection>
    /// Everything that happens at a time.
    var timers: TimerWheel<TimerKey>
    /// Memory for the sends of one turn. Reset when their completions have been handled.
    let arena = ByteRegion(capacity: Limits.arenaBytes)
    /// Addresses of this turn's connects; taken by the enter that submits them.
    let addresses = ByteRegion(capacity: Limits.addressBytes)
    /// Paths of this turn's operations.
    let paths = PathPool()
    /// Connections with output to flush at the end of the turn.
    var dirty: [Connection] = []
    /// What a TLS session wants said besides data; emptied after each call.
    var tlsOutput: [UInt8] = []
    /// Memory for what a TLS session has decrypted.
    var plaintextPool: [UInt8] = []
    /// When answers are made, as they tell it.
    private var dateHeader = DateHeader()
    /// Random numbers for jitter, ids and masks: seeded at start, so that a simulation repeats.
    var random: SeededRandom

    /// This shard's listeners.
    var listeners: [ListenerState] = []
    /// Connections the kernel has accepted and the shard has not looked at, in the order in which they came.
    var arrivals = RingQueue<Arrival>(limit: .max >> 1)
    /// Clients whose TLS handshake waits for a step of ours; some of them gone.
    var handshakes = HandshakeQueue<SlotTable<Connection>.Key>()
    /// Clients whose input is over, in the order in which that was told; some of them gone, some twice.
    var departures = RingQueue<SlotTable<Connection>.Key>(limit: .max >> 1)
    /// Connections that are only told why they may not stay.
    var turnedAway = 0
    /// Bytes of requests and output that connections hold.
    var connectionBytes = 0
    /// Bytes of them that they may hold: their share of `limits.memory`.
    let connectionBytesMax: Int
    /// Topic patterns to interests.
    var patterns: PatternTable
    /// Members, their interests and frames.
    let fanout: Fanout
    /// Interests of the event being announced; kept for its memory.
    var matches: [InterestID] = []
    /// Patterns of the event being announced; kept for its memory.
    var patternMatches: [PatternID] = []
    /// What the next send carries; kept for its memory.
    var slices = FrameSlices()
    /// The next send of one who catches up; kept for its memory.
    var frames: CatchUpBatch
    /// Decompresses what sockets send that agreed on it; nothing until one does.
    var inflater: MessageInflater {
        if let inflaterInUse { return inflaterInUse }
        let inflater = MessageInflater()
        inflaterInUse = inflater
        return inflater
    }
    private var inflaterInUse: MessageInflater?
    /// What `readOn` is giving to a handler just now.
    var inputReadOn = HeldBytes()
    /// Sockets whose compressed messages wait for the next turn, in the order in which they came; some of them gone.
    var awaitingInflater = RingQueue<SlotTable<Connection>.Key>(limit: .max >> 1)
    /// Compresses what is echoed.
    lazy var echoDeflater = MessageDeflater()
    /// Members to visit besides those the fan-out names: those who can take bytes again.
    var ready = RingQueue<UInt32>(limit: .max >> 1)
    /// Memory for what is published here while it is decoded.
    var stagings = StagingPool()
    /// Decodes what is published here.
    let decoder = EventDecoder()
    /// Reads the log for those who lag.
    let reader: LogReader
    /// Members that lag, in the order in which they are served.
    var catchUp = CatchUpQueue()
    /// The log's owner; on shard 0 only.
    var logOwner: LogOwner?
    /// What could not be sent to other shards yet.
    var outbox: [Outbox]
    /// Definitions and journal; on shard 0 only.
    var registry: SubscriptionRegistry?
    /// Pages of the log being put together.
    let pages = EventPages()
    /// The service is ending.
    var draining: Draining?
    /// The webhook subscriptions of this shard.
    var webhooks: WebhookDispatcher

    /// A shard that serves `service`; `start` makes it listen.
    package init(
        number: Int, service: ServiceContext, time: TurnTime, seed: UInt64,
        stopwatch: (@Sendable () -> MonotonicTime)? = nil
    ) {
        self.number = number
        self.stopwatch = stopwatch
        self.service = service
        self.time = time
        metrics = service.metrics[number]
        access = AccessControl(
            tokens: service.configuration.tokens, verifier: service.configuration.jwt)
        connections = SlotTable(capacity: service.connectionsPerShard)
        timers = TimerWheel(now: time.monotonic)
        connectionBytesMax = service.memory.connectionBytesPerShard
        fanout = Fanout(head: service.headAtStart, limits: service.memory.fanout)
        frames = CatchUpBatch(fanout.deflated)
        reader = LogReader(catalog: service.catalog, directory: service.configuration.dataDirectory)
        patterns = PatternTable(key: service.hashKey)
        outbox = (0..<service.shardCount).map { _ in Outbox() }
        webhooks = WebhookDispatcher()
        random = SeededRandom(seed: seed &+ UInt64(number))
    }

    /// The `date` line of an answer made now.
    var dateLine: [UInt8] { dateHeader.line(at: time.wall) }

    /// The time within the turn, for measuring only.
    var moment: MonotonicTime { stopwatch?() ?? time.monotonic }

    /// One turn; gives the time at which the next one is due though nothing completes, nil for never.
    package func turn(_ completions: borrowing CompletionBatch, time: TurnTime) -> MonotonicTime? {
        self.time = time
        metrics.turns.add(1)
        inflaterInUse?.beginTurn()
        // The last enter has taken the operations that named them.
        paths.freeAll()
        addresses.reset()
        // Sends first: where a subscriber stands must be settled before anything it said in the meantime changes it.
        for index in 0..<completions.count where completions[index].token.purpose == Purpose.send.rawValue {
            handle(completions[index])
        }
        // Who had to wait goes before what has just arrived.
        inflateOn()
        for index in 0..<completions.count where completions[index].token.purpose != Purpose.send.rawValue {
            handle(completions[index])
        }
        letOut()
        takeArrivals()
        stepHandshakes()
        arena.reset()
        fanout.beginTurn()
        logOwner?.announceCommitted(self)
        receiveMessages()
        fireTimers()
        webhooks.settle(self)
        proceedWithDrain()
        logOwner?.endTurn(self)
        flushOutputs()
        webhooks.dispatch(self)
        let fanoutIsDone = flushFanout()
        if fanoutIsDone { webhooks.noteVisited(self) }
        let catchUpIsDone = flushCatchUp()
        webhooks.flushCarriers(self)
        flushOutputs()
        service.mail.flush(from: self)
        if stages.hasFramed { stages.noteHanded(at: moment, metrics.stages) }
        if fanoutIsDone { stages.forgetMatched() }
        let isDone =
            arrivals.isEmpty && handshakes.isEmpty && departures.isEmpty && awaitingInflater.isEmpty && fanoutIsDone
            && catchUpIsDone && !webhooks.hasWork && !service.mail.isHolding(self)
        guard isDone else { return time.monotonic }
        guard draining != nil else { return timers.nextDeadline }
        // While the service ends, shards look for one another's progress instead of telling it.
        let poll = time.monotonic.advanced(byMilliseconds: Limits.drainPollMilliseconds)
        return min(timers.nextDeadline ?? poll, poll)
    }

    private func handle(_ completion: Completion) {
        guard let purpose = Purpose(rawValue: completion.token.purpose) else { return }
        switch purpose {
        case .accept: acceptCompleted(completion)
        case .receive, .send, .pollWritable: connectionCompleted(purpose, completion)
        case .connect: webhooks.connectCompleted(completion, self)
        case .log: logOwner?.completed(action: completion.token.slot, result: completion.result, self)
        case .read: reader.completed(completion, self)
        case .signal: signalled()
        case .wake, .ignored: break
        }
    }

    private func connectionCompleted(_ purpose: Purpose, _ completion: Completion) {
        guard let connection = connections.lookup(slot: completion.token.slot, generation: completion.token.generation)
        else {
            if let buffer = completion.bufferID { operations.append(Operation(.returnBuffer, length: Int(buffer))) }
            return
        }
        switch purpose {
        case .receive: receiveCompleted(completion, on: connection)
        case .send: sendCompleted(completion.result, on: connection)
        default: pollCompleted(completion.result, on: connection)
        }
    }

    private func acceptCompleted(_ completion: Completion) {
        let index = Int(completion.token.slot)
        let listener = listeners[index]
        if completion.result >= 0 { _ = arrivals.append(Arrival(descriptor: completion.result, listener: index)) }
        if !completion.more { listener.accepting = false }
        // Out of descriptors or memory: the kernel would refuse the next accept at once as well.
        if completion.result < 0 {
            let retry = time.monotonic.advanced(byMilliseconds: Limits.acceptRetryMilliseconds)
            _ = timers.insert(deadline: retry, key: .accept(listener: UInt32(index)))
        } else {
            armAccept(index)
        }
    }

    private func fireTimers() {
        while let key = timers.popExpired(now: time.monotonic) {
            switch key {
            case .connection(let slot, let generation):
                if let connection = connections.lookup(slot: slot, generation: generation) {
                    timerFired(on: connection)
                }
            case .webhook(let slot): webhooks.timerFired(slot: slot, self)
            case .endpoint(let slot, let generation): webhooks.openingTimedOut(slot, generation, self)
            case .accept(let index): armAccept(Int(index))
            case .log: logOwner?.timerFired(self)
            case .tickets: rotateTicketKeys()
            case .drain: break
            }
        }
    }
}
