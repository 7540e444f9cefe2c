import FanfareBase
import FanfareServer
import Glibc
import Testing

/// What clients are told while as many JSON Web Tokens wait to be verified as may.
@Suite struct TokenQueueTests {
    /// A service whose thread for tokens stands still behind a full queue.
    private final class Jam {
        let booth: Booth
        private var release: [Int32] = [-1, -1]

        init() throws {
            booth = try Booth { configuration in
                configuration.jwt = TokenVerifier()
                configuration.tokens = [
                    Configuration.AccessToken(
                        name: "known", secret: Secret("0123456789abcdef"),
                        allow: Configuration.Rights(publish: [">"], subscribe: [">"], manage: []))
                ]
            }
            var begun: [Int32] = [-1, -1]
            let results = unsafe (pipe(&begun), pipe(&release))
            #expect(results == (0, 0))
            let (isBegun, isReleased) = (begun[1], release[0])
            let worker = booth.service.context.tokenWorker
            let isTaken = worker.submit {
                var byte: UInt8 = 0
                _ = unsafe write(isBegun, &byte, 1)
                _ = unsafe read(isReleased, &byte, 1)
            }
            #expect(isTaken)
            var byte: UInt8 = 0
            let count = unsafe read(begun[0], &byte, 1)
            #expect(count == 1)
            while worker.submit({}) {}
            begun.forEach { close($0) }
        }

        deinit {
            var byte: UInt8 = 0
            _ = unsafe write(release[1], &byte, 1)
            // The end it reads from stays: the thread may not have come to it yet.
            close(release[1])
        }

        /// What one who says `hello` is told, when that is over or a while has passed.
        func told(_ hello: String, stream: Bool = false) -> (text: String, isOver: Bool) {
            let visitor = booth.enter(stream: stream, hello).visitor
            booth.pass(seconds: 3)
            // The machine's end would be the visitor's.
            return withExtendedLifetime(booth) { (visitor.text, visitor.isOver) }
        }
    }

    private static let token = "authorization: Bearer a.b.c\r\n"

    @Test func anEventSourceIsAskedToComeBack() throws {
        let visitor = try Jam().told("GET /v1/subscribe?topic=a HTTP/1.1\r\nhost: localhost\r\n\(Self.token)\r\n")
        #expect(visitor.text.hasPrefix("HTTP/1.1 200 "), "it gives up for good on anything else")
        #expect(visitor.text.contains("content-type: text/event-stream"))
        #expect(visitor.text.contains("retry: 1000\n"))
        #expect(visitor.isOver)
    }

    @Test(arguments: [
        "GET /v1/subscribe?topic=a HTTP/1.1\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
            + "sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
        "POST /v1/topics/a HTTP/1.1\r\ncontent-length: 0\r\n",
        "GET /v1/events HTTP/1.1\r\n",
    ])
    func aWebSocketsHandshakeAndAnyOtherRequestAreAnswered503(request: String) throws {
        let visitor = try Jam().told("\(request)host: localhost\r\n\(Self.token)\r\n")
        #expect(visitor.text.hasPrefix("HTTP/1.1 503 "))
        #expect(visitor.text.contains("retry-after: 1\r\n"))
        #expect(visitor.text.contains("content-type: application/problem+json\r\n"))
        #expect(visitor.text.contains("tokens-waiting"))
        #expect(!visitor.isOver, "the connection is as good as before")
    }

    @Test func aStreamThatNobodyKnowsYetIsToldWhenToComeBack() throws {
        let visitor = try Jam().told("{\"op\":\"authenticate\",\"token\":\"a.b.c\"}\n", stream: true)
        let lines = visitor.text.split(separator: "\n")
        #expect(lines.count == 2 && lines[0].contains("\"unavailable\""), "\(visitor.text)")
        #expect(lines.last?.contains("\"op\":\"closing\"") ?? false)
        #expect(lines.last?.contains("\"retry_after_ms\":1000") ?? false)
        #expect(visitor.isOver)
    }

    @Test func aRefreshThatCannotBeVerifiedChangesNothing() throws {
        let visitor = try Jam().told(
            "{\"op\":\"authenticate\",\"token\":\"0123456789abcdef\"}\n{\"op\":\"authenticate\",\"token\":\"a.b.c\"}\n"
                + "{\"op\":\"subscribe\",\"id\":\"a\",\"topics\":[\"a\"]}\n", stream: true)
        let lines = visitor.text.split(separator: "\n")
        #expect(lines.count == 2 && lines[0].contains("\"unavailable\""), "\(visitor.text)")
        #expect(lines.last?.contains("\"op\":\"subscribed\"") ?? false)
        #expect(!visitor.isOver)
    }
}
