import CFanfareCompression
import FanfareBase
import FanfareDelivery
import Testing

@Suite struct DeflatedEventsTests {
    private func framed(_ event: TestEvent, _ wire: WireFormat, resultBytesMax: Int = 1 << 20) -> [UInt8] {
        let batch = TestBatch([event])
        var bytes: [UInt8] = []
        Framing.append(batch.records[0], wire, DeflatedEvents(resultBytesMax: resultBytesMax), into: &bytes)
        return bytes
    }

    private func inflated(_ payload: ArraySlice<UInt8>) -> String {
        guard let inflater = unsafe fanfare_inflater_new() else { return "" }
        defer { unsafe fanfare_inflater_free(inflater) }
        let bytes = Array(payload) + [0, 0, 0xFF, 0xFF]
        var left = bytes.count
        var produced = 0
        let text = unsafe [UInt8](unsafeUninitializedCapacity: 1 << 21) { buffer, count in
            let state = unsafe bytes.withUnsafeBytes {
                unsafe fanfare_inflate(inflater, $0.baseAddress, &left, buffer.baseAddress, buffer.count, &produced)
            }
            #expect(state == FANFARE_INFLATE_BETWEEN && left == 0)
            count = produced
        }
        return String(decoding: text, as: UTF8.self)
    }

    @Test func anEventIsOneCompressedTextFrameThatHoldsItAsItIs() {
        let event = TestEvent.sized(1, canonicalBytes: 5_000)
        let frame = framed(event, .deflatedWebSocket)
        #expect(frame[0] == 0xC1 && frame.count < 200)
        let payloadBytes = frame[1] < 126 ? Int(frame[1]) : Int(frame[2]) << 8 | Int(frame[3])
        let payload = frame.suffix(payloadBytes)
        #expect(frame.count == payloadBytes + (payloadBytes < 126 ? 2 : 4))
        #expect(inflated(payload) == event.canonical)
    }

    @Test(arguments: [100, DeliveryLimits.deflatedEventBytesMin - 1, DeliveryLimits.deflatedEventBytesMax + 1])
    func whatIsSmallOrVeryLargeGoesOutAsItIs(_ canonicalBytes: Int) {
        let event = TestEvent.sized(1, canonicalBytes: canonicalBytes)
        #expect(framed(event, .deflatedWebSocket) == framed(event, .webSocket))
    }

    @Test func whatDoesNotGetSmallerGoesOutAsItIs() {
        var random = SeededRandom(seed: 3)
        let noise = String(
            decoding: (0..<1_000).map { _ in UInt8.random(in: 0x30...0x5B, using: &random) }, as: UTF8.self)
        let event = TestEvent(sequence: 1, attributes: [("id", "\"\(noise)\"")])
        // Six bits a character compress; so the result's own limit stands in for what does not.
        #expect(framed(event, .deflatedWebSocket, resultBytesMax: 500) == framed(event, .webSocket))
        #expect(framed(event, .deflatedWebSocket)[0] == 0xC1)
    }

    @Test func aTurnsBudgetForCompressingEndsTheTurnAndTheNextOneGoesOn() {
        let harness = FanoutHarness()
        var member = harness.member(1, [0], wire: .deflatedWebSocket)
        harness.fanout.beginTurn()
        for sequence in 1...5 { harness.announce(UInt64(sequence), [0], canonicalBytes: 900_000) }
        var turns = 1
        var sends = 0
        while member.place.sequence.rawValue < 5, turns < 10 {
            switch harness.gatheredBytes(member, bytesMax: 1 << 20).0 {
            case .send(let after):
                member.place = after
                sends += 1
            case .turnFull:
                harness.fanout.beginTurn()
                turns += 1
            default: Issue.record("neither sent nor put off")
            }
        }
        #expect(member.place == StreamPlace(after: SequenceNumber(5)))
        #expect(turns >= 2 && sends >= 2)
    }

    @Test func anEventNamedByItsTypeCarriesItUnescapedBeforeItsData() {
        let event = TestEvent(sequence: 9, attributes: [("id", "\"1\""), ("type", "\"a\\u00e9\\\"b\"")])
        #expect(
            String(decoding: framed(event, .namedServerSentEvents), as: UTF8.self)
                == "id: \(event.position)\nevent: aé\"b\ndata: \(event.canonical)\n\n")
        let plain = TestEvent(sequence: 9, attributes: [("type", "\"a.b\"")])
        #expect(
            String(decoding: framed(plain, .namedServerSentEvents), as: UTF8.self)
                == "id: \(plain.position)\nevent: a.b\ndata: \(plain.canonical)\n\n")
    }

    @Test(arguments: ["fanfare.gap", "fanfare.", "\\u0066anfare.gap", "fanfare\\u002egap"])
    func aTypeThatLooksLikeOurOwnEventsIsAMessage(_ type: String) {
        let event = TestEvent(sequence: 9, attributes: [("type", "\"\(type)\"")])
        #expect(framed(event, .namedServerSentEvents) == framed(event, .serverSentEvents))
    }

    @Test func aTypeThatOnlyBeginsLikeThemIsAName() {
        let event = TestEvent(sequence: 9, attributes: [("type", "\"fanfares.a\"")])
        #expect(framed(event, .namedServerSentEvents) != framed(event, .serverSentEvents))
    }

    @Test func aTypeTooLongToBeANameIsAMessage() {
        let name = String(repeating: "t", count: 1_025)
        let event = TestEvent(sequence: 9, attributes: [("type", "\"\(name)\"")])
        #expect(framed(event, .namedServerSentEvents) == framed(event, .serverSentEvents))
    }
}
