import FanfareBase
import FanfareDelivery
import Testing

/// A fan-out with a hand on it: announces sized events and reads what members are given.
final class FanoutHarness {
    let fanout: Fanout
    var sent: [UInt64: TestEvent] = [:]
    var slices = FrameSlices()

    init(head: UInt64 = 0, _ limits: FanoutLimits = FanoutLimits()) {
        fanout = Fanout(head: SequenceNumber(head), limits: limits)
    }

    func announce(_ sequence: UInt64, _ interests: [UInt32], canonicalBytes: Int = 120) {
        let event = TestEvent.sized(sequence, canonicalBytes: canonicalBytes)
        sent[sequence] = event
        let batch = TestBatch([event])
        fanout.announce(
            batch.records[0], owner: batch, ownerBytes: batch.byteCount, matches: interests.map { InterestID($0) })
    }

    func member(_ slot: UInt32, _ interests: [UInt32], wire: WireFormat = .stream, after: UInt64? = nil) -> MemberCursor
    {
        var member = MemberCursor(after: after.map { SequenceNumber($0) } ?? fanout.head, wire: wire)
        for interest in interests {
            let joined = fanout.join(slot, &member, InterestID(interest))
            precondition(joined)
        }
        return member
    }

    func gathered(_ member: MemberCursor, bytesMax: Int = 65_536) -> (GatherOutcome, String) {
        let (outcome, bytes) = gatheredBytes(member, bytesMax: bytesMax)
        return (outcome, String(decoding: bytes, as: UTF8.self))
    }

    func gatheredBytes(_ member: MemberCursor, bytesMax: Int) -> (GatherOutcome, [UInt8]) {
        let outcome = fanout.gather(member, bytesMax: bytesMax, into: &slices)
        var bytes = [UInt8](repeating: 0, count: slices.byteCount)
        unsafe bytes.withUnsafeMutableBytes { unsafe slices.copy(to: $0) }
        return (outcome, bytes)
    }

    func lines(_ sequences: UInt64...) -> String {
        sequences.map { sent[$0]!.canonical + "\n" }.joined()
    }

    func visits() -> [UInt32] {
        var visited: [UInt32] = []
        while let slot = fanout.nextVisit() { visited.append(slot) }
        return visited
    }
}

@Suite struct FanoutTests {
    @Test func aMemberAtLatestGetsWhatIsAnnouncedAfterItJoined() {
        let harness = FanoutHarness(head: 4)
        var member = harness.member(7, [0])
        #expect(harness.gathered(member).0 == .nothing)
        harness.fanout.beginTurn()
        harness.announce(5, [0])
        harness.announce(6, [])
        harness.announce(7, [0])
        #expect(harness.visits() == [7])
        let (outcome, bytes) = harness.gathered(member)
        #expect(outcome == .send(after: StreamPlace(after: SequenceNumber(7))))
        #expect(bytes == harness.lines(5, 7))
        member.place = StreamPlace(after: SequenceNumber(7))
        #expect(harness.gathered(member).0 == .nothing)
    }

    @Test func aRunOfEventsIsOneSlice() {
        let harness = FanoutHarness()
        let member = harness.member(1, [0], wire: .webSocket)
        harness.fanout.beginTurn()
        for sequence in 1...16 { harness.announce(UInt64(sequence), [0]) }
        _ = harness.gathered(member)
        #expect(unsafe harness.slices.slices.count == 1)
        #expect(harness.slices.byteCount == 16 * 122)
    }

    @Test func membersAtTheSamePlaceShareTheSameBytes() {
        let harness = FanoutHarness()
        let first = harness.member(1, [0])
        let second = harness.member(2, [0])
        harness.fanout.beginTurn()
        harness.announce(1, [0])
        _ = harness.gathered(first)
        let address = unsafe harness.slices.slices[0].baseAddress
        _ = harness.gathered(second)
        #expect(unsafe harness.slices.slices[0].baseAddress == address)
    }

    @Test func anEventThatMatchesTwoInterestsOfAMemberArrivesOnce() {
        let harness = FanoutHarness()
        let member = harness.member(1, [0, 1, 2])
        harness.fanout.beginTurn()
        harness.announce(1, [0, 1])
        harness.announce(2, [2])
        harness.announce(3, [1, 2])
        harness.announce(4, [3])
        harness.announce(5, [0])
        let (outcome, bytes) = harness.gathered(member)
        #expect(outcome == .send(after: StreamPlace(after: SequenceNumber(5))))
        #expect(bytes == harness.lines(1, 2, 3, 5))
    }

    @Test func aSendHoldsWholeFramesUpToItsLimit() {
        let harness = FanoutHarness()
        let member = harness.member(1, [0])
        harness.fanout.beginTurn()
        for sequence in 1...3 { harness.announce(UInt64(sequence), [0], canonicalBytes: 99) }
        let (outcome, bytes) = harness.gathered(member, bytesMax: 250)
        #expect(outcome == .send(after: StreamPlace(after: SequenceNumber(2))))
        #expect(bytes == harness.lines(1, 2))
    }

    @Test(arguments: WireFormat.allCases, [70, 200, 70_000, 3_000_000])
    func aFrameLargerThanASendIsGivenInPiecesThatMakeTheFrame(_ wire: WireFormat, _ canonicalBytes: Int) {
        let harness = FanoutHarness()
        var member = harness.member(1, [0], wire: wire)
        harness.fanout.beginTurn()
        harness.announce(1, [0], canonicalBytes: canonicalBytes)
        var received: [UInt8] = []
        while case (.send(let after), let bytes) = harness.gatheredBytes(member, bytesMax: canonicalBytes / 7) {
            received += bytes
            member.place = after
        }
        #expect(member.place == StreamPlace(after: SequenceNumber(1)))
        var whole: [UInt8] = []
        let batch = TestBatch([harness.sent[1]!])
        Framing.append(batch.records[0], wire, harness.fanout.deflated, into: &whole)
        #expect(received == whole)
    }

    @Test func aShortSendSettlesInsideTheFrameItEndedIn() {
        let harness = FanoutHarness()
        var member = harness.member(1, [0])
        harness.fanout.beginTurn()
        for sequence in [3, 5, 9] as [UInt64] { harness.announce(sequence, [0], canonicalBytes: 99) }
        _ = harness.gathered(member)
        #expect(harness.fanout.settle(member, sentBytes: 0) == member.place)
        #expect(harness.fanout.settle(member, sentBytes: 40) == StreamPlace(after: SequenceNumber(2), begunBytes: 40))
        #expect(harness.fanout.settle(member, sentBytes: 100) == StreamPlace(after: SequenceNumber(3)))
        member.place = harness.fanout.settle(member, sentBytes: 150)
        #expect(member.place == StreamPlace(after: SequenceNumber(4), begunBytes: 50))
        let (outcome, bytes) = harness.gathered(member)
        #expect(bytes == String(harness.lines(5, 9).dropFirst(50)))
        #expect(outcome == .send(after: StreamPlace(after: SequenceNumber(9))))
        #expect(harness.fanout.settle(member, sentBytes: 20) == StreamPlace(after: SequenceNumber(4), begunBytes: 70))
    }

    @Test func aBegunFrameIsFinishedEvenWhenItsInterestWasLeft() {
        let harness = FanoutHarness()
        var member = harness.member(1, [0, 1])
        harness.fanout.beginTurn()
        harness.announce(1, [0], canonicalBytes: 99)
        harness.announce(2, [1], canonicalBytes: 99)
        member.place = StreamPlace(after: SequenceNumber(0), begunBytes: 10)
        harness.fanout.leave(&member, InterestID(0))
        #expect(harness.gathered(member).1 == String(harness.lines(1, 2).dropFirst(10)))
    }

    @Test func aMemberWhoseEventWasLetGoReadsTheLog() {
        var limits = FanoutLimits()
        limits.tailEvents = 4
        let harness = FanoutHarness(limits)
        var member = harness.member(1, [0])
        harness.fanout.beginTurn()
        for sequence in 1...5 { harness.announce(UInt64(sequence), [0]) }
        #expect(harness.gathered(member).0 == .readLog)
        member.place = StreamPlace(after: SequenceNumber(1))
        #expect(harness.gathered(member).1 == harness.lines(2, 3, 4, 5))
    }

    @Test func anIdleMemberStaysLiveHoweverFarOthersMoveOn() {
        var limits = FanoutLimits()
        limits.tailEvents = 4
        let harness = FanoutHarness(limits)
        let idle = harness.member(1, [0])
        _ = harness.member(2, [1])
        harness.fanout.beginTurn()
        for sequence in 1...50 { harness.announce(UInt64(sequence), [1]) }
        #expect(harness.gathered(idle).0 == .nothing)
        harness.fanout.beginTurn()
        harness.announce(51, [0])
        #expect(harness.gathered(idle).1 == harness.lines(51))
    }

    @Test func theTailKeepsBatchesWithinItsBytesAndAlwaysTheNewest() {
        var limits = FanoutLimits()
        limits.tailBytes = 1_000
        let harness = FanoutHarness(limits)
        let member = harness.member(1, [0])
        harness.fanout.beginTurn()
        harness.announce(1, [0], canonicalBytes: 2_000)
        #expect(harness.gathered(member).1 == harness.lines(1))
        harness.fanout.beginTurn()
        harness.announce(2, [0])
        #expect(harness.gathered(member).0 == .readLog)
    }

    @Test func aMemberFromAPositionJoinsTheLiveFeedWhenTheTailReachesBackToIt() {
        let harness = FanoutHarness()
        _ = harness.member(1, [0])
        harness.fanout.beginTurn()
        for sequence in 1...5 { harness.announce(UInt64(sequence), [0]) }
        #expect(harness.gathered(harness.member(2, [0], after: 3)).1 == harness.lines(4, 5))
        // Nobody had this interest when the events came by: only the log knows what it would have matched.
        #expect(harness.gathered(harness.member(3, [1], after: 3)).0 == .readLog)
        #expect(harness.gathered(harness.member(3, [1], after: 5)).0 == .nothing)
    }

    @Test func aLaterInterestTakesEffectAtTheHeadWhenNothingPends() {
        let harness = FanoutHarness()
        _ = harness.member(9, [1])
        var member = harness.member(1, [0])
        harness.fanout.beginTurn()
        harness.announce(1, [1])
        #expect(harness.fanout.join(1, &member, InterestID(1)))
        #expect(member.place == StreamPlace(after: SequenceNumber(1)))
        #expect(harness.gathered(member).0 == .nothing)
    }

    @Test func aLaterInterestTakesEffectAtThePlaceWhenSomethingPends() {
        let harness = FanoutHarness()
        _ = harness.member(9, [1])
        var member = harness.member(1, [0])
        harness.fanout.beginTurn()
        harness.announce(1, [1])
        harness.announce(2, [0])
        #expect(harness.fanout.join(1, &member, InterestID(1)))
        #expect(harness.gathered(member).1 == harness.lines(1, 2))
    }

    @Test func anInterestBeyondTheLimitIsRefused() {
        let harness = FanoutHarness()
        let limit = UInt32(DeliveryLimits.interestsPerMember)
        var member = harness.member(1, Array(0..<limit))
        #expect(!harness.fanout.join(1, &member, InterestID(limit)))
        #expect(harness.fanout.join(1, &member, InterestID(limit - 1)))
        #expect(member.interestCount == Int(limit))
    }

    @Test func aMemberWithManyInterestsGetsTheirEventsInOrderOnceAndLeavesThemAll() {
        let harness = FanoutHarness()
        var member = harness.member(1, Array(0..<100))
        let other = harness.member(2, [7])
        harness.fanout.beginTurn()
        harness.announce(1, [99, 3])
        harness.announce(2, [200])
        harness.announce(3, [7, 8, 9])
        harness.announce(4, [3])
        #expect(harness.gathered(member).1 == harness.lines(1, 3, 4))
        harness.fanout.leaveAll(&member)
        #expect(member.interestCount == 0)
        #expect(harness.fanout.memberCount(of: InterestID(3)) == 0)
        #expect(harness.fanout.memberCount(of: InterestID(7)) == 1)
        #expect(harness.gathered(other).1 == harness.lines(3))
    }

    @Test func aFeedThatMovedOnSendsEveryoneToTheLog() {
        let harness = FanoutHarness()
        let member = harness.member(1, [0])
        harness.fanout.beginTurn()
        harness.announce(1, [0])
        harness.fanout.skip(to: SequenceNumber(10))
        #expect(harness.visits() == [1])
        #expect(harness.gathered(member).0 == .readLog)
        #expect(harness.gathered(harness.member(2, [0])).0 == .nothing)
    }

    @Test func whenTheTurnsShareOfTheRingIsUsedUpTheMemberWaitsForTheNextTurn() {
        var limits = FanoutLimits()
        limits.frameRingBytes = 4_096
        let harness = FanoutHarness(limits)
        var member = harness.member(1, [0])
        harness.fanout.beginTurn()
        for sequence in 1...40 { harness.announce(UInt64(sequence), [0], canonicalBytes: 99) }
        let (outcome, bytes) = harness.gathered(member)
        #expect(outcome == .send(after: StreamPlace(after: SequenceNumber(20))))
        #expect(bytes.utf8.count == 2_000)
        #expect(harness.fanout.framedThrough == SequenceNumber(20), "the frame that did not fit has not been made")
        member.place = StreamPlace(after: SequenceNumber(20))
        #expect(harness.gathered(member).0 == .turnFull)
        harness.fanout.beginTurn()
        #expect(harness.gathered(member).0 == .send(after: StreamPlace(after: SequenceNumber(40))))
        #expect(harness.fanout.framedThrough == SequenceNumber(40))
    }

    @Test func aWebhookTakesItsEventsOneByOne() {
        let harness = FanoutHarness()
        var member = harness.member(1, [0, 1])
        harness.fanout.beginTurn()
        harness.announce(1, [0])
        harness.announce(2, [])
        harness.announce(3, [1])
        var sequences: [UInt64] = []
        while case .event(let sequence, let index) = harness.fanout.next(member) {
            #expect(harness.fanout.record(at: index).sequence == sequence)
            sequences.append(sequence.rawValue)
            member.place = StreamPlace(after: sequence)
        }
        #expect(sequences == [1, 3])
    }
}
