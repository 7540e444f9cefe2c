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

    /// Makes the subscriptions of `members`, whose endpoints are at `url` and their number. What was made before a
    /// failure is there, for `remove`.
    ///
    /// - Parameter authority: the file with who certifies the endpoints; nil when they are plain.
    mutating func make(_ members: Range<Int>, at url: String, authority: String?) throws(CommandFailure) {
        let new = members.map { "/v1/subscriptions/bench-\(plan.run)-\($0)" }
        paths += new
        var definitions = members.makeIterator()
        try ManyRequests(loop, target, "making webhook subscriptions").send(new.count) { index in
            let definition = definition(definitions.next()!, at: url, authority: authority)
            return target.request(
                "PUT", new[index], headers: [("content-type", "application/json")], body: definition.line)
        }
    }

    private func definition(_ member: Int, at url: String, authority: String?) -> JSONOutput {
        var webhook: [JSONOutput.Member] = [.init("url", .string("\(url)\(member)"))]
        if let authority { webhook.append(.init("tls", .object([.init("ca", .string(authority))]))) }
        return .object([
            .init("topics", .array([.string(plan.topic(ofMember: member))])), .init("webhook", .object(webhook)),
        ])
    }

    /// Removes them; what cannot be removed is told.
    func remove() {
        guard !paths.isEmpty else { return }
        do throws(CommandFailure) {
            // After a failure some may never have been made.
            try ManyRequests(loop, target, "removing webhook subscriptions", allows: [404]).send(paths.count) {
                target.request("DELETE", paths[$0])
            }
        } catch {
            Terminal.error("fanfare: subscriptions of this run could not be removed: \(error.message)")
        }
    }
}
