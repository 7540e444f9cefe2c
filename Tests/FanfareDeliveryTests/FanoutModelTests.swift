import FanfareBase
import FanfareDelivery
import Testing

/// Random announcements, joins, leaves, stalls, short sends and evictions against a model that knows everything: each
/// member must receive the bytes of exactly the events that match it, once and in order.
@Suite struct FanoutModelTests {
    @Test(arguments: 1...12 as ClosedRange<UInt64>)
    func everyMemberGetsExactlyItsEventsOnceInOrder(seed: UInt64) {
        var model = FanoutModel(seed: seed)
        for _ in 0..<80 {
            model.turn()
            if let failure = model.failure {
                Issue.record("seed \(seed), turn \(model.turns): \(failure)")
                return
            }
        }
        model.drain()
        #expect(model.failure == nil, "seed \(seed)")
        #expect(model.liveSends > 0 && model.logSends > 0, "seed \(seed) tried both paths")
    }
}

/// A shard in small: a log that holds everything, a fan-out with tiny limits, and connections that stall.
struct FanoutModel: ~Copyable {
    /// An announced event and what it matched.
    struct Logged {
        var batch: TestBatch
        var interests: [InterestID]
        var record: EventRecord { batch.records[0] }
    }

    /// A connection and what the model expects of it.
    struct Connection {
        var slot: UInt32
        var cursor: MemberCursor
        var expected: [UInt8] = []
        var received: [UInt8] = []
        var isStalled = false
        /// The send made in this turn: the place after it, how it was made and how much of it is taken.
        var sending: (after: StreamPlace, byteCount: Int, taken: Int, isFromLog: Bool)?
        var batch: CatchUpBatch
    }

    private(set) var failure: String?
    private(set) var turns = 0
    private(set) var liveSends = 0
    private(set) var logSends = 0
    private var random: SeededRandom
    private let fanout: Fanout
    private var log: [Logged] = []
    private var connections: [UInt32: Connection] = [:]
    private var nextSlot: UInt32 = 0
    private var sequence: UInt64 = 0
    private var slices = FrameSlices()
    private let interestCount: UInt32
    private var bytesMax: Int

    init(seed: UInt64) {
        random = SeededRandom(seed: seed)
        var limits = FanoutLimits()
        limits.tailEvents = Int.random(in: 1...40, using: &random)
        limits.tailBytes = Int.random(in: 500...20_000, using: &random)
        limits.frameRingBytes = [1_024, 4_096, 16_384].randomElement(using: &random)!
        limits.interestMatches = [8, 16, 64].randomElement(using: &random)!
        limits.matchesTotal = Int.random(in: 8...200, using: &random)
        limits.visitsInARow = Int.random(in: 1...5, using: &random)
        interestCount = UInt32.random(in: 1...6, using: &random)
        bytesMax = [40, 100, 400, 5_000].randomElement(using: &random)!
        fanout = Fanout(head: .zero, limits: limits)
    }

    mutating func turn() {
        turns += 1
        settleSends()
        fanout.beginTurn()
        announce(Int.random(in: 0...12, using: &random))
        churn()
        serve(visitsMax: Int.random(in: 0...10, using: &random))
    }

    /// Lets everyone read on and checks that everything has arrived.
    mutating func drain() {
        for slot in connections.keys { connections[slot]?.isStalled = false }
        bytesMax = 65_536
        for _ in 0..<1_000 {
            settleSends()
            fanout.beginTurn()
            for slot in connections.keys.sorted() { serve(slot) }
            if connections.values.allSatisfy({ $0.sending == nil }) { break }
        }
        for connection in connections.values { check(connection, isComplete: true) }
    }

    private mutating func announce(_ count: Int) {
        for _ in 0..<count {
            sequence += UInt64.random(in: 1...3, using: &random)
            let interests = (0..<interestCount).filter { _ in Bool.random(using: &random) }.map { InterestID($0) }
            let canonicalBytes = Int.random(
                in: 70...(Int.random(in: 0...9, using: &random) == 0 ? 3_000 : 200), using: &random)
            let batch = TestBatch([TestEvent.sized(sequence, canonicalBytes: canonicalBytes)])
            log.append(Logged(batch: batch, interests: interests))
            if Int.random(in: 0...60, using: &random) == 0 {
                fanout.skip(to: SequenceNumber(sequence))
            } else {
                fanout.announce(batch.records[0], owner: batch, ownerBytes: batch.byteCount, matches: interests)
            }
            for slot in connections.keys where connections[slot]!.cursor.isInterested(in: interests) {
                expect(slot, batch.records[0])
            }
        }
    }

    private mutating func expect(_ slot: UInt32, _ record: EventRecord) {
        Framing.append(record, connections[slot]!.cursor.wire, fanout.deflated, into: &connections[slot]!.expected)
    }

    private mutating func churn() {
        let slots = connections.keys.sorted()
        switch Int.random(in: 0...9, using: &random) {
        case 0, 1, 2: connect()
        case 3: if let slot = slots.randomElement(using: &random) { addInterest(slot) }
        case 4: if let slot = slots.randomElement(using: &random) { leaveOne(slot) }
        case 5, 6: if let slot = slots.randomElement(using: &random) { connections[slot]!.isStalled.toggle() }
        case 7:
            guard slots.count > 8, let slot = slots.randomElement(using: &random) else { return }
            for interest in interests(of: slot) { fanout.leave(&connections[slot]!.cursor, interest) }
            check(connections[slot]!, isComplete: false)
            connections[slot] = nil
        default: break
        }
    }

    private mutating func connect() {
        let isLatest = Bool.random(using: &random)
        let from = isLatest ? fanout.head : SequenceNumber(UInt64.random(in: 0...sequence, using: &random))
        let wire = WireFormat.allCases.randomElement(using: &random)!
        var cursor = MemberCursor(after: from, wire: wire)
        let count = Int.random(in: 1...3, using: &random)
        for interest in (0..<interestCount).shuffled(using: &random).prefix(count) {
            // The first interest decides; later ones may move the place to the head, which passes nothing that matches.
            _ = fanout.join(nextSlot, &cursor, InterestID(interest))
            rejoined(nextSlot, &cursor)
        }
        nextSlot += 1
    }

    private mutating func addInterest(_ slot: UInt32) {
        // Inside a begun frame too: the rest of it is sent, the new interest counts from the place on.
        var cursor = connections[slot]!.cursor
        _ = fanout.join(slot, &cursor, InterestID(UInt32.random(in: 0..<interestCount, using: &random)))
        rejoined(slot, &cursor)
    }

    private mutating func leaveOne(_ slot: UInt32) {
        var cursor = connections[slot]!.cursor
        guard cursor.interestCount > 1 else { return }
        fanout.leave(&cursor, cursor.interest(0))
        rejoined(slot, &cursor)
    }

    /// What the member is to receive from its place on, by its interests as they are now.
    private mutating func rejoined(_ slot: UInt32, _ cursor: inout MemberCursor) {
        var connection =
            connections[slot] ?? Connection(slot: slot, cursor: cursor, batch: CatchUpBatch(fanout.deflated))
        connection.cursor = cursor
        connection.expected = connection.received
        let begun = cursor.place.isBetweenFrames ? nil : cursor.place.sequence.next
        for logged in log where logged.record.sequence > cursor.place.sequence {
            let isBegun = logged.record.sequence == begun
            guard isBegun || cursor.isInterested(in: logged.interests) else { continue }
            var frame: [UInt8] = []
            Framing.append(logged.record, cursor.wire, fanout.deflated, into: &frame)
            connection.expected += frame.dropFirst(isBegun ? cursor.place.begunBytes : 0)
        }
        connections[slot] = connection
    }

    private func interests(of slot: UInt32) -> [InterestID] {
        let cursor = connections[slot]!.cursor
        return (0..<cursor.interestCount).map { cursor.interest($0) }
    }

    private mutating func serve(visitsMax: Int) {
        var served: Set<UInt32> = []
        for _ in 0..<visitsMax {
            guard let slot = fanout.nextVisit() else { break }
            if served.insert(slot).inserted { serve(slot) }
        }
        // A reader that can take bytes again is served whether it is visited or not.
        for slot in connections.keys.sorted() where Int.random(in: 0...3, using: &random) == 0 {
            if served.insert(slot).inserted { serve(slot) }
        }
    }

    private mutating func serve(_ slot: UInt32) {
        guard var connection = connections[slot], !connection.isStalled else { return }
        defer { connections[slot] = connection }
        switch fanout.gather(connection.cursor, bytesMax: bytesMax, into: &slices) {
        case .nothing: fanout.moveToHeadIfNothingPends(&connection.cursor)
        case .turnFull: break
        case .send(let after):
            liveSends += 1
            if slices.byteCount > bytesMax { failure = "a send of \(slices.byteCount) bytes" }
            var bytes = [UInt8](repeating: 0, count: slices.byteCount)
            unsafe bytes.withUnsafeMutableBytes { unsafe slices.copy(to: $0) }
            send(&connection, bytes, after, isFromLog: false)
        case .readLog:
            logSends += 1
            connection.batch.begin(at: connection.cursor.place, wire: connection.cursor.wire, bytesMax: bytesMax)
            let isShort = Bool.random(using: &random)
            let begin = log.firstIndex { $0.record.sequence > connection.cursor.place.sequence } ?? log.count
            for (index, logged) in log[begin...].enumerated() {
                if isShort, index % 7 == 6, !connection.batch.bytes.isEmpty { break }
                let isWanted = connection.cursor.isInterested(in: logged.interests)
                if connection.batch.offer(logged.record, isWanted: isWanted) != .taken { break }
            }
            send(&connection, connection.batch.bytes, connection.batch.after, isFromLog: true)
        }
    }

    private mutating func send(_ connection: inout Connection, _ bytes: [UInt8], _ after: StreamPlace, isFromLog: Bool)
    {
        let isWhole = Int.random(in: 0...2, using: &random) > 0
        let taken = isWhole ? bytes.count : Int.random(in: 0...bytes.count, using: &random)
        connection.received += bytes[..<taken]
        connection.sending = (after, bytes.count, taken, isFromLog)
    }

    private mutating func settleSends() {
        for slot in connections.keys.sorted() {
            guard var connection = connections[slot], let sending = connection.sending else { continue }
            connection.sending = nil
            if sending.taken == sending.byteCount {
                connection.cursor.place = sending.after
            } else if sending.isFromLog {
                connection.cursor.place = connection.batch.place(afterSending: sending.taken)
            } else {
                connection.cursor.place = fanout.settle(connection.cursor, sentBytes: sending.taken)
            }
            connections[slot] = connection
            check(connection, isComplete: false)
        }
    }

    private mutating func check(_ connection: Connection, isComplete: Bool) {
        let received = connection.received
        guard connection.expected.starts(with: received) else {
            failure = "member \(connection.slot) received what it should not at \(connection.cursor.place)"
            return
        }
        if isComplete, received.count != connection.expected.count {
            failure = "member \(connection.slot) lacks \(connection.expected.count - received.count) bytes"
        }
    }
}
