import FanfareTLS
import Testing

@Suite struct DataTests {
    let client: TLSContext
    let server: TLSContext

    init() throws {
        let authority = try Authority()
        client = try authority.client()
        server = try authority.server("localhost")
    }

    private func established() throws -> Wire {
        let wire = try Wire(client, server)
        try wire.shakeHands()
        return wire
    }

    private func pattern(_ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) } }

    @Test(arguments: [1, 1000, 16_384, .max])
    func dataArrivesWholeHoweverItsBytesArrive(step: Int) throws {
        let wire = try established()
        let data = pattern(step == 1 ? 40_000 : 1 << 20)
        wire.client.seal(data)
        wire.server.seal(data)
        try wire.settle(step: step)
        #expect(wire.server.plaintext == data)
        #expect(wire.client.plaintext == data)
    }

    @Test(arguments: [1, 2, 230, 16_383, 16_384])
    func aSealedRecordStaysWithinWhatWasPromised(count: Int) throws {
        let wire = try established()
        wire.server.seal(pattern(count))
        #expect(wire.server.output.count <= TLSSession.sealedBytesMax(count))
        #expect(wire.server.output.count == count + 22)
    }

    @Test func slicesBecomeOneRecordInTheirOrder() throws {
        let wire = try established()
        wire.server.sealGathering([pattern(10), [], pattern(230), pattern(16_000)])
        #expect(wire.server.output.count == 16_240 + 22)
        try wire.settle()
        #expect(wire.client.plaintext == pattern(10) + pattern(230) + pattern(16_000))
    }

    @Test func slicesLongerThanARecordBecomeFullRecordsAndARest() throws {
        let wire = try established()
        let slices = [pattern(10), pattern(16_384), pattern(40_000), []]
        wire.server.sealGathering(slices)
        let bytes = slices.reduce(0) { $0 + $1.count }
        #expect(wire.server.output.count == bytes + 4 * 22)
        try wire.settle()
        #expect(wire.client.plaintext == slices.reduce([], +))
    }

    @Test func aLongSliceBecomesFullRecordsAndARest() throws {
        let wire = try established()
        wire.server.sealGathering([pattern(65_000)])
        #expect(wire.server.output.count == 65_000 + 4 * 22)
        try wire.settle()
        #expect(wire.client.plaintext == pattern(65_000))
    }

    @Test func noSlicesAndEmptySlicesMakeNoRecord() throws {
        let wire = try established()
        wire.server.sealGathering([])
        wire.server.sealGathering([[]])
        wire.server.seal([])
        #expect(wire.server.output.isEmpty)
    }

    @Test func whatOneSessionReceivesMayBeSealedOnAnotherAtOnce() throws {
        let (publisher, subscriber) = (try established(), try established())
        for _ in 0..<3 { publisher.client.seal(pattern(500)) }
        let published = publisher.client.takeOutput()
        // Safe: the bytes are used within their closures.
        try unsafe published.withUnsafeBytes { bytes in
            _ = try unsafe publisher.server.session.receive(bytes, output: &publisher.server.output) { plaintext in
                subscriber.server.sealGathering([unsafe Array(plaintext.prefix(3)), unsafe Array(plaintext)])
            }
        }
        try subscriber.settle()
        let delivery = pattern(500).prefix(3) + pattern(500)
        #expect(subscriber.client.plaintext == Array(delivery + delivery + delivery))
    }

    @Test func aKeyIsChangedAfterItsRecords() throws {
        server.changeKeys(afterRecords: 2)
        let wire = try established()
        var sizes: [Int] = []
        for _ in 0..<5 {
            wire.server.seal(pattern(100))
            sizes.append(wire.server.output.count)
            #expect(wire.server.output.count <= TLSSession.sealedBytesMax(100))
            try wire.settle()
        }
        #expect(wire.client.plaintext.count == 500)
        #expect(sizes == [122, 122, 149, 122, 149])
    }
}

@Suite struct ClosingTests {
    let wire: Wire

    init() throws {
        let authority = try Authority()
        wire = try Wire(authority.client(), authority.server("localhost"))
        try wire.shakeHands()
    }

    @Test func closeNotifyEndsAConnectionAndIsNotATruncation() throws {
        wire.client.seal([1, 2, 3])
        wire.client.session.close(output: &wire.client.output)
        try wire.settle()
        #expect(wire.server.plaintext == [1, 2, 3])
        #expect(wire.server.session.isClosedByPeer)
        try wire.server.session.receiveEnd()
    }

    @Test func anEndWithoutCloseNotifyIsATruncation() throws {
        wire.client.seal([1, 2, 3])
        try wire.server.receive(wire.client.takeOutput(limit: 10))
        #expect(!wire.server.session.isClosedByPeer)
        #expect(throws: TLSError.truncated) { try wire.server.session.receiveEnd() }
    }

    @Test func afterThePeersCloseDataCanStillBeSent() throws {
        wire.client.session.close(output: &wire.client.output)
        try wire.settle()
        wire.server.seal([9])
        try wire.settle()
        #expect(wire.client.plaintext == [9])
    }

    @Test func afterOurOwnCloseNothingIsSealed() throws {
        wire.server.session.close(output: &wire.server.output)
        let goodbye = wire.server.output.count
        wire.server.session.close(output: &wire.server.output)
        wire.server.seal([9])
        #expect(wire.server.output.count == goodbye)
        wire.client.seal([7])
        try wire.settle()
        #expect(wire.server.plaintext == [7])
    }

    @Test func closingBeforeTheHandshakeSaysNothing() throws {
        let authority = try Authority()
        let early = try Wire(authority.client(), authority.server("localhost"))
        early.server.session.close(output: &early.server.output)
        #expect(early.server.output.isEmpty)
    }
}
