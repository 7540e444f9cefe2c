import FanfareBase
import FanfareWire

/// `/healthz`, `/readyz` and `/metrics`.
struct Probes {
    let shard: Shard

    /// Answers one of them.
    func route(_ path: String, _ request: HTTPRequest) -> HTTPHandler.Verdict {
        guard request.method == .get || request.method == .head else { return .answer(Router.notAllowed("GET, HEAD")) }
        switch path {
        case "/healthz": return .answer(.text(200, "ok\n"))
        case "/readyz": return .answer(readiness)
        default:
            return .answer(
                Answer(
                    status: 200, contentType: "text/plain; version=0.0.4; charset=utf-8",
                    body: MetricsPage(service: shard.service).text))
        }
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
