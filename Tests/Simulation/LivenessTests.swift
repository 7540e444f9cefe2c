import FanfareBase
import FanfareRing
import FanfareServer
import Testing

/// CONTRACT, section 5: a connection is dead after 60 s in which it neither sent a byte nor took one.
@Suite struct LivenessTests {
    enum Transport: CaseIterable {
        case serverSentEvents, webSocket, stream

        var hello: String {
            switch self {
            case .serverSentEvents: "GET /v1/subscribe?topic=a HTTP/1.1\r\nhost: localhost\r\n\r\n"
            case .webSocket:
                "GET /v1/subscribe?topic=a HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
                    + "sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            case .stream: "{\"op\":\"subscribe\",\"id\":\"s\",\"topics\":[\"a\"]}\n"
            }
        }
    }

    private static let second: UInt64 = 1_000_000_000

    @Test(arguments: Transport.allCases)
    func aPeerThatVanishesIsLetGoAMinuteAfterTheLastByteItTook(transport: Transport) throws {
        let booth = try Booth()
        let link = booth.enter(stream: transport == .stream, transport.hello).link
        booth.pass(seconds: 200)
        #expect(!link.serverClosed, "it takes heartbeats")
        link.isSwallowing = true
        let last = try #require(booth.acknowledgements.last(on: link.descriptor))
        #expect(booth.now - last < 16 * Self.second)
        let isClosed = booth.step(until: { link.serverClosed })
        #expect(isClosed)
        let silence = booth.now - last
        #expect(silence >= 60 * Self.second && silence < 61 * Self.second, "closed after \(silence) ns")
        #expect(booth.violations.isEmpty, "\(booth.violations)")
    }

    @Test(arguments: Transport.allCases)
    func aPeerWhoseKernelOnlyAnswersProbesIsLetGo(transport: Transport) throws {
        let booth = try Booth()
        let link = booth.enter(stream: transport == .stream, transport.hello).link
        booth.pass(seconds: 20)
        link.isSwallowing = true
        let begin = booth.now
        let isClosed = booth.step(until: {
            booth.acknowledgements.took(0, on: link.descriptor, at: booth.now)
            return link.serverClosed
        })
        #expect(isClosed)
        // What it took just before is seen at the next look, and may seem as young as that look.
        #expect(booth.now - begin < 80 * Self.second, "closed after \(booth.now - begin) ns")
    }

    @Test(arguments: Transport.allCases)
    func aReaderThatTakesAFewBytesNowAndThenStays(transport: Transport) throws {
        let booth = try Booth()
        let (reader, link) = booth.enter(stream: transport == .stream, transport.hello)
        booth.pass(seconds: 1)
        link.readBytes = 40
        link.readPause = 50 * Int(Self.second)
        let data = String(repeating: "x", count: 30_000)
        let body = "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/s\",\"type\":\"a\",\"data\":\"\(data)\"}"
        let head = "POST /v1/events HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/cloudevents+json\r\n"
        _ = booth.enter("\(head)content-length: \(body.utf8.count)\r\n\r\n\(body)")
        let before = reader.heard.count
        for _ in 0..<10 {
            booth.pass(seconds: 120)
            #expect(!link.serverClosed)
        }
        #expect(reader.heard.count > before, "it takes bytes")
        #expect(reader.heard.count < 20_000, "and is slow")
    }
}
