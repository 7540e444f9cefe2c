import ArgumentParser
import FanfareBase
import FanfareServer

/// `fanfare subscriptions test`.
struct TestSubscription: FanfareCommand {
    static let configuration = CommandConfiguration(
        commandName: "test", abstract: "Send a test event to a subscription's endpoint and tell what it answered.",
        discussion:
            "The event is of the type dev.fanfare.test and is on no log. Ends with 69 when it was not delivered.")

    @OptionGroup var service: ServiceOptions

    @Argument(help: "The subscription's id.")
    var id: String

    @Flag(help: "Print the outcome as JSON for machines.")
    var json = false

    func perform() throws(CommandFailure) {
        let body = try SimpleRequest(service).send("POST", Subscriptions.path(id, "/test")).body
        let answer = try JSONAnswer.object(body)
        let isDelivered = answer["delivered"]?.boolean ?? false
        if json { Terminal.write(JSONOutput(answer).page) }
        guard isDelivered else {
            throw .unavailable("\(id): not delivered: \(answer["error"]?.string ?? "no reason told")")
        }
        if json { return }
        let milliseconds = answer["timings_ms"]?.object?["total"]?.number?.double ?? 0
        Terminal.line("\(id): delivered, \(answer["status"]?.number?.integer ?? 0) after \(milliseconds) ms")
    }
}
