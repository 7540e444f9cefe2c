import ArgumentParser
import FanfareBase
import FanfareServer

/// `fanfare subscriptions redeliver`.
struct Redeliver: FanfareCommand {
    static let configuration = CommandConfiguration(
        commandName: "redeliver", abstract: "Deliver events again: one, or a range with both its ends.",
        discussion:
            "Without a range: everything that was given up on. It goes on in the background, also when the service is "
            + "restarted; `fanfare subscriptions show` tells how far it is.")

    /// What is delivered again.
    enum Only: String, ExpressibleByArgument, CaseIterable {
        case failed, all
    }

    @OptionGroup var service: ServiceOptions

    @Argument(help: "The subscription's id.")
    var id: String

    @Argument(help: "The position of the one event to deliver again, whatever became of it.")
    var position: String?

    @Option(help: "The first position.")
    var from: String?

    @Option(help: "The last position.")
    var to: String?

    @Option(help: "failed (what was given up on) or all (that match); failed unless one event is named.")
    var only: Only?

    @Flag(help: "Print the answer as JSON for machines.")
    var json = false

    func validate() throws {
        if position != nil, from != nil || to != nil { throw ValidationError("Name one event or a range, not both.") }
    }

    func perform() throws(CommandFailure) {
        let only = only ?? (position == nil ? .failed : .all)
        var members: [JSONOutput.Member] = []
        if let first = position ?? from { members.append(.init("from", .string(first))) }
        if let last = position ?? to { members.append(.init("to", .string(last))) }
        members.append(.init("only", .string(only.rawValue)))
        let answer = try SimpleRequest(service).send(
            "POST", Subscriptions.path(id, "/redeliver"), body: JSONOutput.object(members).line)
        try Subscriptions.tell(answer.body, json, words(try JSONAnswer.object(answer.body)))
    }

    private func words(_ answer: JSONObject) -> String {
        guard let redelivery = answer["redelivery"]?.object else { return "\(id): nothing there to deliver again" }
        let range = "from \(redelivery["from"]?.string ?? "?") to \(redelivery["to"]?.string ?? "?")"
        guard let count = answer["redelivering"]?.number?.integer else {
            return "\(id): delivering again all that match \(range)"
        }
        return "\(id): delivering again \(count) that were given up on, \(range)"
    }
}
