import FanfareBase
import FanfareServer
import Testing

/// CONTRACT, section 5: what a socket is told, and in which order, whatever is under way on it.
@Suite struct SocketOpsTests {
    enum Transport: CaseIterable { case webSocket, stream }

    private static func upgrade(_ query: String = "", subprotocol: String? = nil) -> String {
        "GET /v1/subscribe\(query) HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
            + "sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            + (subprotocol.map { "sec-websocket-protocol: \($0)\r\n" } ?? "") + "\r\n"
    }

    /// A client of ops in a booth.
    private struct Client {
        let booth: Booth
        let transport: Transport
        let visitor: Visitor
        let link: Link

        init(
            _ booth: Booth, _ transport: Transport, query: String = "", subprotocol: String? = nil, waits: Bool = true
        ) {
            self.booth = booth
            self.transport = transport
            let hello = transport == .webSocket ? upgrade(query, subprotocol: subprotocol) : "\n"
            (visitor, link) = booth.enter(stream: transport == .stream, hello)
            if waits { booth.pass(seconds: 1) }
        }

        /// Takes next to nothing, or everything at once.
        func stall(_ stalls: Bool) {
            link.readBytes = stalls ? 40 : 65_536
            link.readPause = stalls ? 10_000_000_000 : 10_000
        }

        func say(_ messages: String...) {
            let bytes = messages.flatMap { message -> [UInt8] in
                transport == .stream ? Array("\(message)\n".utf8) : Self.frame(message)
            }
            booth.kernel.send(bytes, on: link)
        }

        private static func frame(_ text: String) -> [UInt8] {
            let count = text.utf8.count
            let length = count < 126 ? [0x80 | UInt8(count)] : [0xFE, UInt8(count >> 8), UInt8(count & 0xFF)]
            return [0x81] + length + [0, 0, 0, 0] + Array(text.utf8)
        }

        /// What it was told, message by message; what is no message as it is.
        var messages: [String] {
            if transport == .stream { return visitor.text.split(separator: "\n").map(String.init) }
            var messages: [String] = []
            var rest = visitor.heard[...]
            if let end = HTTPReply.headEnd(Array(rest)) { rest = rest.dropFirst(end) }
            while let first = rest.first {
                let start = Array(rest.prefix(10))
                var (length, header) = (Int(start[1]), 2)
                if length >= 126 {
                    header = length == 126 ? 4 : 10
                    length = start[2..<header].reduce(0) { $0 << 8 | Int($1) }
                }
                let payload = String(decoding: rest.dropFirst(header).prefix(length), as: UTF8.self)
                if first == 0x81 { messages.append(payload) }
                if first == 0x88 { messages.append("close: \(payload.dropFirst(2))") }
                if first != 0x81, first != 0x88, first != 0x89 { messages.append("a frame begins with \(first)") }
                rest = rest.dropFirst(header + length)
            }
            return messages
        }

        /// The same without heartbeats.
        var answers: [String] { summary.filter { !$0.hasPrefix("heartbeat") } }

        /// All of it, in short: ops and events with the number of their position.
        var summary: [String] {
            messages.map { message in
                let name =
                    SeenEvent.value("op", in: message).map { op in
                        let about = SeenEvent.value("id", in: message) ?? SeenEvent.value("title", in: message)
                        return about.map { "\(op) \($0)" } ?? op
                    } ?? SeenEvent.value("id", in: message) ?? message
                let place = SeenEvent.value("position", in: message) ?? SeenEvent.value("fanfareposition", in: message)
                return name + (place.flatMap { Position($0) }.map { " @\($0.sequence.rawValue)" } ?? "")
            }
        }
    }

    /// Subscribes to so many patterns.
    private static func subscribe(_ name: String, _ count: Int) -> String {
        let topics = (0..<count).map { "\"\(name).\($0)\"" }.joined(separator: ",")
        return "{\"op\":\"subscribe\",\"id\":\"\(name)\",\"topics\":[\(topics)]}"
    }

    @Test(arguments: Transport.allCases)
    func severalSubscriptionsMayHaveManyPatternsEach(_ transport: Transport) throws {
        let booth = try Booth()
        let client = Client(booth, transport)
        for name in ["a", "b", "c", "d", "e"] { client.say(Self.subscribe(name, name == "e" ? 1 : 64)) }
        booth.pass(seconds: 1)
        let names = ["subscribed a @0", "subscribed b @0", "subscribed c @0", "subscribed d @0"]
        #expect(client.summary == names + ["error too-many-topics"])
        Self.publish(booth, [("1", "a.0", 10), ("2", "d.63", 10), ("3", "e.0", 10), ("4", "b.7", 10)])
        #expect(client.summary.suffix(3) == ["1 @1", "2 @2", "4 @4"])
        client.say("{\"op\":\"unsubscribe\",\"id\":\"a\"}", Self.subscribe("e", 1))
        booth.pass(seconds: 1)
        #expect(client.summary.suffix(2) == ["unsubscribed a", "subscribed e @4"])
        booth.kernel.reset(client.link)
        booth.pass(seconds: 1)
        #expect(booth.violations.isEmpty, "\(booth.violations)")
    }

    private static func publish(_ booth: Booth, _ events: [(id: String, type: String, bytes: Int)]) {
        for event in events {
            let data = String(repeating: "x", count: event.bytes)
            let body =
                "{\"specversion\":\"1.0\",\"id\":\"\(event.id)\",\"source\":\"/s\",\"type\":\"\(event.type)\",\"data\":\"\(data)\"}"
            let head = "POST /v1/events HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/cloudevents+json\r\n"
            _ = booth.enter("\(head)content-length: \(body.utf8.count)\r\n\r\n\(body)")
            booth.pass(seconds: 1)
        }
    }

    private static func get(_ booth: Booth, _ target: String) -> String {
        let visitor = booth.enter("GET \(target) HTTP/1.1\r\nhost: localhost\r\n\r\n").visitor
        booth.pass(seconds: 1)
        return visitor.text
    }

    // MARK: Inside a frame

    @Test(arguments: Transport.allCases, [true, false])
    func aFrameIsCompleteBeforeWhatIsWantedChanges(_ transport: Transport, isLive: Bool) throws {
        let booth = try Booth()
        let client = Client(booth, transport)
        if !isLive { Self.publish(booth, [("big", "big.x", 200_000)]) }
        client.say("{\"op\":\"subscribe\",\"id\":\"x\",\"topics\":[\"big.x\"],\"from\":\"earliest\"}")
        if isLive { booth.pass(seconds: 1) }
        client.stall(true)
        if isLive { Self.publish(booth, [("big", "big.x", 200_000)]) }
        booth.pass(seconds: 2)
        client.say("{\"op\":\"unsubscribe\",\"id\":\"x\"}")
        booth.pass(seconds: 2)
        client.say("{\"op\":\"subscribe\",\"id\":\"y\",\"topics\":[\"big.*\"]}", "{\"op\":\"ping\"}")
        booth.pass(seconds: 2)
        client.stall(false)
        booth.pass(seconds: 12)
        #expect(client.answers == ["subscribed x @0", "big @1", "unsubscribed x", "subscribed y @1", "pong"])
        #expect(booth.violations.isEmpty, "\(booth.violations)")
    }

    @Test(arguments: Transport.allCases)
    func aSubscriptionAmongOthersWaitsForTheFrameToo(_ transport: Transport) throws {
        let booth = try Booth()
        let client = Client(booth, transport)
        client.say(
            "{\"op\":\"subscribe\",\"id\":\"x\",\"topics\":[\"big.x\"]}",
            "{\"op\":\"subscribe\",\"id\":\"k\",\"topics\":[\"none\"]}")
        booth.pass(seconds: 1)
        client.stall(true)
        Self.publish(booth, [("big", "big.x", 200_000), ("late", "big.z", 10)])
        client.say(
            "{\"op\":\"unsubscribe\",\"id\":\"x\"}", "{\"op\":\"subscribe\",\"id\":\"y\",\"topics\":[\"big.*\"]}")
        booth.pass(seconds: 1)
        client.stall(false)
        booth.pass(seconds: 12)
        // What came in the meantime and only the second wants is behind the cursor, or before it: the answer says which.
        #expect(
            client.answers == [
                "subscribed x @0", "subscribed k @0", "big @1", "unsubscribed x", "subscribed y @2",
            ])
    }

    @Test(arguments: Transport.allCases, [1_000, 3_000, 5_000])
    func answersKeepTheirOrderAroundTheEndOfAFrame(_ transport: Transport, readBytes: Int) throws {
        let booth = try Booth()
        Self.publish(booth, [("big", "big.x", 200_000)])
        let client = Client(booth, transport)
        client.link.readBytes = readBytes
        client.link.readPause = 2_000_000_000
        // From the log, so that what is not taken of a send is kept for this connection alone.
        client.say("{\"op\":\"subscribe\",\"id\":\"x\",\"topics\":[\"big.x\"],\"from\":\"earliest\"}")
        let count = 220_000 / readBytes
        for _ in 0..<count {
            client.say("{\"op\":\"ping\"}", "{\"op\":\"none\"}")
            booth.pass(seconds: 3)
        }
        client.stall(false)
        booth.pass(seconds: 20)
        let answers = client.answers.filter { !["subscribed x @0", "big @1"].contains($0) }
        #expect(answers.count == 2 * count)
        let pairs = stride(from: 0, to: answers.count - 1, by: 2).map { [answers[$0], answers[$0 + 1]] }
        #expect(pairs.allSatisfy { $0[0] == "pong" && $0[1].hasPrefix("error") }, "\(pairs)")
    }

    // MARK: Where it begins

    @Test(arguments: Transport.allCases)
    func oneWhoAsksForTheLastEventsIsToldWhereTheyBegin(_ transport: Transport) throws {
        let booth = try Booth()
        Self.publish(booth, (1...10).flatMap { [("a\($0)", "a.a", 10), ("b\($0)", "b.b", 10)] })
        let client = Client(booth, transport)
        client.say(
            "{\"op\":\"subscribe\",\"id\":\"x\",\"topics\":[\"a.a\"],\"from\":\"last:2\"}",
            "{\"op\":\"subscribe\",\"id\":\"y\",\"topics\":[\"b.b\"]}", "{\"op\":\"ping\"}")
        booth.pass(seconds: 2)
        #expect(
            client.summary == [
                "subscribed x @16", "subscribed y @16", "pong", "a9 @17", "b9 @18", "a10 @19", "b10 @20",
            ])
    }

    @Test func anOpBehindAURLThatAsksForTheLastEventsWaitsUntilTheyAreFound() throws {
        let booth = try Booth()
        Self.publish(booth, [("a1", "a.a", 10), ("a2", "a.a", 10), ("b1", "b.b", 10)])
        let client = Client(booth, .webSocket, query: "?topic=a.a&from=last:1", waits: false)
        client.say("{\"op\":\"subscribe\",\"id\":\"y\",\"topics\":[\"b.b\"]}")
        booth.pass(seconds: 1)
        #expect(client.summary == ["subscribed y @1", "a2 @2", "b1 @3"])
        let idle = Client(booth, .webSocket, query: "?topic=none&from=last:1", waits: false)
        idle.say("{\"op\":\"subscribe\",\"id\":\"y\",\"topics\":[\"b.b\"]}", "{\"op\":\"ping\"}")
        booth.pass(seconds: 1)
        #expect(idle.summary == ["subscribed y @3", "pong"])
    }

    @Test func aURLWithoutTopicsSaysWhereTheFirstSubscriptionBegins() throws {
        let booth = try Booth()
        Self.publish(booth, [("a1", "a.a", 10), ("a2", "a.a", 10)])
        let client = Client(booth, .webSocket, query: "?from=earliest")
        client.say("{\"op\":\"subscribe\",\"id\":\"x\",\"topics\":[\"a.a\"]}")
        booth.pass(seconds: 1)
        #expect(client.summary == ["subscribed x @0", "a1 @1", "a2 @2"])
        let other = Client(booth, .webSocket, query: "?from=earliest&slow=skip")
        other.say("{\"op\":\"subscribe\",\"id\":\"x\",\"topics\":[\"a.a\"],\"from\":\"last:1\"}")
        booth.pass(seconds: 1)
        #expect(other.summary == ["subscribed x @1", "a2 @2"], "an op's own word counts")
        for query in ["?from=garbage", "?slow=garbage", "?from=ffffffff-0000000000000001x"] {
            let refused = Client(booth, .webSocket, query: query)
            #expect(refused.visitor.text.hasPrefix("HTTP/1.1 400"), "\(query)")
        }
    }

    @Test func aTimeBeforeWhatIsRetainedIsToldAsAGap() throws {
        let booth = try Booth { configuration in
            configuration.log.segmentBytes = 64 << 10
            configuration.log.retention.sizeBytes = 128 << 10
        }
        Self.publish(booth, (1...60).map { ("e\($0)", "a.a", 10_000) })
        let page = Self.get(booth, "/v1/events?limit=1&from=2000-01-01T00:00:00Z")
        #expect(page.contains("\"gap\":{\"after\":"), "\(page.suffix(200))")
        #expect(page.contains("-0000000000000000\",\"next\":"))
        let client = Client(booth, .webSocket, query: "?topic=a.a&from=2000-01-01T00:00:00Z")
        let first = try #require(client.messages.first)
        #expect(first.hasPrefix("{\"op\":\"gap\",\"after\":"), "\(first.prefix(200))")
        let earliest = Self.get(booth, "/v1/events?limit=1")
        #expect(earliest.contains("\"gap\":null"), "everything that is there was asked for")
    }

    @Test func aTimeIsToldAsAGapWhenNothingIsRetainedAnyMore() throws {
        let booth = try Booth { configuration in
            configuration.log.retention.ageMilliseconds = 60_000
        }
        Self.publish(booth, [("a1", "a.a", 10)])
        booth.pass(seconds: 400)
        #expect(Self.get(booth, "/v1/events").contains("\"events\":[]"), "retention has removed it")
        #expect(Self.get(booth, "/v1/events?from=2000-01-01T00:00:00Z").contains("\"gap\":{\"after\":"))
        #expect(Self.get(booth, "/v1/events?from=2200-01-01T00:00:00Z").contains("\"gap\":null"))
    }

    @Test func aTimeWithinWhatIsRetainedHasNoGap() throws {
        let booth = try Booth()
        Self.publish(booth, [("a1", "a.a", 10)])
        #expect(Self.get(booth, "/v1/events?from=2000-01-01T00:00:00Z").contains("\"gap\":null"))
    }

    // MARK: Without subscriptions

    @Test(arguments: Transport.allCases)
    func oneWhoOnlyPublishesGetsHeartbeatsAndStays(_ transport: Transport) throws {
        let booth = try Booth()
        let client = Client(booth, transport)
        client.say(
            "{\"op\":\"publish\",\"event\":{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/s\",\"type\":\"a.a\"}}")
        booth.pass(seconds: 200)
        #expect(!client.link.serverClosed)
        #expect(client.summary.filter { $0 == "heartbeat @1" }.count == 13)
    }

    // MARK: What is an op, and what an event

    @Test func anObjectWithSpecversionIsAnEventAndNoOp() throws {
        let client = Client(try Booth(), .stream)
        client.say("{\"op\":\"ping\",\"specversion\":\"1.0\"}", "{\"op\":\"ping\"}")
        client.booth.pass(seconds: 1)
        #expect(client.summary == ["error invalid-message", "pong"])
    }

    @Test(arguments: Transport.allCases)
    func theEventOfAPublishMayHoldWhatHTTPTakes(_ transport: Transport) throws {
        let client = Client(try Booth(), transport)
        let envelope = "\"specversion\":\"1.0\",\"source\":\"/s\",\"type\":\"a.a\""
        client.say(
            "{\"op\":\"publish\",\"event\":{\(envelope),\"id\":\"1\",\"data\":\"\\ud800\"}}",
            "{\"op\":\"publish\",\"event\":{\(envelope),\"id\":\"\\ud800\"}}",
            "{\"op\":\"subscribe\",\"id\":\"\\ud800\",\"topics\":[\"a\"]}")
        client.booth.pass(seconds: 1)
        #expect(client.summary.sorted() == ["error invalid-event", "error invalid-json", "published"])
    }

    // MARK: Events only

    @Test func aGapAmongEventsSaysWhereToResume() throws {
        let booth = try Booth()
        Self.publish(booth, [("a1", "a.a", 10)])
        let client = Client(
            booth, .webSocket, query: "?topic=a.a&from=00000001-0000000000000005", subprotocol: "cloudevents.json")
        #expect(client.summary.map { $0.split(separator: " ").last } == ["@0", "@1"])
        #expect(client.messages.first?.contains("\"type\":\"dev.fanfare.gap\"") ?? false)
    }

    @Test func aDrainTellsOneWhoTakesEventsOnlyWhenToComeBack() throws {
        let booth = try Booth()
        let client = Client(booth, .webSocket, query: "?topic=a.a", subprotocol: "cloudevents.json")
        booth.service.drain()
        booth.step(until: { client.visitor.isOver })
        let last = try #require(client.messages.last)
        #expect(last.hasPrefix("close: {\"op\":\"closing\",\"reason\":\"restart\",\"retry_after_ms\":"), "\(last)")
    }

    @Test func anEventAboveTheLimitClosesAsTooBig() throws {
        let booth = try Booth { $0.limits.eventBytes = 1_024 }
        let client = Client(booth, .webSocket, query: "?topic=a.a", subprotocol: "cloudevents.json")
        let data = String(repeating: "x", count: 1_100)
        client.say("{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/s\",\"type\":\"a.a\",\"data\":\"\(data)\"}")
        booth.pass(seconds: 1)
        let close = try #require(client.visitor.heard.firstIndex(of: 0x88))
        #expect(Array(client.visitor.heard[(close + 2)..<(close + 4)]) == [0x03, 0xF1])
    }
}
