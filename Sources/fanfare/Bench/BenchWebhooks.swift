import FanfareLoad
import FanfareServer
import Glibc

/// The webhook subscriptions of a run: files of a service that is to be started, or made through the API of one that runs.
struct BenchWebhooks {
    /// Endpoints that are alike.
    struct Group {
        /// Whose they are.
        let members: Range<Int>
        /// Where they are; each member's number follows.
        let url: String
        /// The file with who certifies them; nil when they are plain.
        let authority: String?
    }

    private let definitions: [(id: String, members: [JSONOutput.Member])]

    /// Subscriptions of `plan` for the endpoints of `groups`.
    init(_ plan: BenchPlan, _ groups: [Group]) {
        definitions = groups.flatMap { group in
            group.members.map { member in
                var webhook: [JSONOutput.Member] = [.init("url", .string("\(group.url)\(member)"))]
                if let authority = group.authority {
                    webhook.append(.init("tls", .object([.init("ca", .string(authority))])))
                }
                let topics = JSONOutput.array([.string(plan.topic(ofMember: member))])
                return (
                    "bench-\(plan.run)-\(member)",
                    [.init("topics", topics), .init("webhook", .object(webhook))]
                )
            }
        }
    }

    /// Writes them to the folder of a service.
    func write(to folder: ServiceFolder) throws(CommandFailure) {
        let path = "\(folder.path)/subscriptions.d"
        try LocalFile.makeFolder(path, mode: 0o700)
        for (id, members) in definitions {
            let page = JSONOutput.object([.init("id", .string(id))] + members).page
            try folder.write(String(decoding: page, as: UTF8.self), to: "subscriptions.d/\(id).json")
        }
    }

    /// Makes them through the API. What was made before a failure is there, for `remove`.
    func make(_ loop: ClientLoop, _ target: ClientTarget) throws(CommandFailure) {
        guard !definitions.isEmpty else { return }
        try ManyRequests(loop, target, "making webhook subscriptions").send(definitions.count) { index in
            target.request(
                "PUT", "/v1/subscriptions/\(definitions[index].id)", headers: [("content-type", "application/json")],
                body: JSONOutput.object(definitions[index].members).line)
        }
    }

    /// Removes them through the API; what cannot be removed is told.
    func remove(_ loop: ClientLoop, _ target: ClientTarget) {
        guard !definitions.isEmpty else { return }
        do throws(CommandFailure) {
            // After a failure some may never have been made.
            try ManyRequests(loop, target, "removing webhook subscriptions", allows: [404]).send(definitions.count) {
                target.request("DELETE", "/v1/subscriptions/\(definitions[$0].id)")
            }
        } catch {
            Terminal.error("fanfare: subscriptions of this run could not be removed: \(error.message)")
        }
    }
}
