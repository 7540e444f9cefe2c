import FanfareLoad
import FanfareServer

/// The webhook subscriptions of a run, made through the API.
struct BenchWebhooks {
    private let loop: ClientLoop
    private let target: ClientTarget
    private let plan: BenchPlan
    private var paths: [String] = []

    init(_ loop: ClientLoop, _ target: ClientTarget, _ plan: BenchPlan) {
        self.loop = loop
        self.target = target
        self.plan = plan
    }

    /// Makes the subscriptions of `members`, whose endpoints are at `url` and their number.
    ///
    /// - Parameter authority: the file with who certifies the endpoints; nil when they are plain.
    mutating func make(_ members: Range<Int>, at url: String, authority: String?) throws(CommandFailure) {
        for member in members {
            var webhook: [JSONOutput.Member] = [.init("url", .string("\(url)\(member)"))]
            if let authority { webhook.append(.init("tls", .object([.init("ca", .string(authority))]))) }
            let definition = JSONOutput.object([
                .init("topics", .array([.string(plan.topic(ofMember: member))])), .init("webhook", .object(webhook)),
            ])
            paths.append("/v1/subscriptions/bench-\(plan.run)-\(member)")
            _ = try SimpleRequest(loop, target).send("PUT", paths[paths.count - 1], body: definition.line)
        }
    }

    /// Removes them; what cannot be removed is told.
    func remove() {
        for path in paths {
            do throws(CommandFailure) { _ = try SimpleRequest(loop, target).send("DELETE", path) } catch {
                return Terminal.error("fanfare: subscriptions of this run could not be removed: \(error.message)")
            }
        }
    }
}
