import FanfareBase
import FanfareDelivery
import Testing

@Suite struct CatchUpBatchTests {
    private let events = (1...5).map { TestEvent.sized(UInt64($0 * 2), canonicalBytes: 99) }
    private let deflated = DeflatedEvents(resultBytesMax: 1 << 20)

    private func place(_ sequence: UInt64, _ begunBytes: Int = 0) -> StreamPlace {
        StreamPlace(after: SequenceNumber(sequence), begunBytes: begunBytes)
    }

    @Test func wantedRecordsAreFramedAndOthersPassedOver() {
        let log = TestBatch(events)
        var batch = CatchUpBatch(deflated)
        batch.begin(at: place(2), wire: .stream, bytesMax: 1_000)
        for record in log.records { #expect(batch.offer(record, isWanted: record.sequence.rawValue != 6) == .taken) }
        #expect(batch.bytes == Array([1, 3, 4].map { events[$0].canonical + "\n" }.joined().utf8))
        #expect(batch.after == place(10))
    }

    @Test func unwantedRecordsMoveThePlaceWithoutBytes() {
        let log = TestBatch(events)
        var batch = CatchUpBatch(deflated)
        batch.begin(at: place(0), wire: .webSocket, bytesMax: 1_000)
        for record in log.records { #expect(batch.offer(record, isWanted: false) == .taken) }
        #expect(batch.pass(to: SequenceNumber(12)) == .taken)
        #expect(batch.bytes.isEmpty && batch.after == place(12))
    }

    @Test func aRecordThatNoLongerFitsIsOfferedAgain() {
        let log = TestBatch(events)
        var batch = CatchUpBatch(deflated)
        batch.begin(at: place(0), wire: .stream, bytesMax: 250)
        #expect(batch.offer(log.records[0], isWanted: true) == .taken)
        #expect(batch.offer(log.records[1], isWanted: true) == .taken)
        #expect(batch.offer(log.records[2], isWanted: true) == .full)
        #expect(batch.after == place(4))
    }

    @Test(arguments: WireFormat.allCases)
    func everyShortSendSettlesWhereTheRestMakesTheSameStream(_ wire: WireFormat) {
        let log = TestBatch(events)
        var whole: [UInt8] = []
        for record in log.records { Framing.append(record, wire, deflated, into: &whole) }
        var batch = CatchUpBatch(deflated)
        for first in 0...whole.count {
            batch.begin(at: place(0), wire: wire, bytesMax: 10_000)
            for record in log.records { #expect(batch.offer(record, isWanted: true) == .taken) }
            #expect(batch.bytes == whole)
            let place = batch.place(afterSending: first)
            batch.begin(at: place, wire: wire, bytesMax: 10_000)
            for record in log.records { #expect(batch.offer(record, isWanted: true) == .taken) }
            #expect(batch.bytes == Array(whole[first...]))
            #expect(batch.place(afterSending: 0) == place)
        }
    }

    @Test(arguments: WireFormat.allCases, [1, 2, 3, 7, 50, 99, 100, 101, 163])
    func piecesOfAnySizeMakeTheSameStream(_ wire: WireFormat, _ bytesMax: Int) {
        let log = TestBatch(events)
        var whole: [UInt8] = []
        for record in log.records { Framing.append(record, wire, deflated, into: &whole) }
        var received: [UInt8] = []
        var batch = CatchUpBatch(deflated)
        var place = place(0)
        while place != self.place(10) {
            batch.begin(at: place, wire: wire, bytesMax: bytesMax)
            for record in log.records where batch.offer(record, isWanted: true) == .full { break }
            #expect(!batch.bytes.isEmpty && batch.bytes.count <= bytesMax)
            received += batch.bytes
            place = batch.after
        }
        #expect(received == whole)
    }

    @Test func aBegunFrameIsFinishedEvenWhenItIsNoLongerWanted() {
        let log = TestBatch(events)
        var batch = CatchUpBatch(deflated)
        batch.begin(at: place(3, 60), wire: .stream, bytesMax: 1_000)
        #expect(batch.offer(log.records[0], isWanted: true) == .taken)
        #expect(batch.offer(log.records[1], isWanted: false) == .taken)
        #expect(batch.bytes == Array((events[1].canonical + "\n").utf8.dropFirst(60)))
        #expect(batch.after == place(4))
    }

    @Test func aBegunFrameWhoseEventIsGoneCannotBeFinished() {
        let log = TestBatch(events)
        var batch = CatchUpBatch(deflated)
        batch.begin(at: place(3, 60), wire: .stream, bytesMax: 1_000)
        #expect(batch.offer(log.records[2], isWanted: true) == .begunEventIsGone)
        #expect(batch.pass(to: SequenceNumber(5)) == .begunEventIsGone)
    }
}
