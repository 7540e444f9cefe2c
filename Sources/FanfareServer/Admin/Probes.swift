import FanfareBase
import FanfareWire

/// `/healthz`, `/readyz` and `/metrics`.
struct Probes {
    let shard: Shard
    let connection: Connection
    let ticket: UInt64

    /// Answers one of them.
    func route(_ path: String, _ request: HTTPRequest) -> HTTPHandler.Verdict {
        guard request.method == .get || request.method == .head else { return .answer(Router.notAllowed("GET, HEAD")) }
        switch path {
        case "/healthz": return .answer(.text(200, "ok\n"))
        case "/readyz": return .answer(readiness)
        default: return metrics()
        }
    }

    /// Every shard is asked how far its sockets are behind.
    private func metrics() -> HTTPHandler.Verdict {
        let reply = ReplyAddress(
            shard: shard.number, slot: connection.slot, generation: connection.generation, ticket: ticket)
        shard.gather(
            { SocketLags(of: $0) },
            then: { parts, shard in
                let page = MetricsPage(service: shard.service, lags: SocketLags(parts))
                shard.answer(
                    reply,
                    Answer(status: 200, contentType: "text/plain; version=0.0.4; charset=utf-8", body: page.text))
            })
        return .pending
    }

    private var readiness: Answer {
        guard shard.service.state == .serving else {
            return .problem(503, "draining", "The service is ending.", headers: [("retry-after", "1")])
        }
        guard shard.service.isAccepting else {
            return .problem(
                503, "no-space", "The disk is full: nothing can be published.", headers: [("retry-after", "1")])
        }
        return .text(200, "ready\n")
    }
}
