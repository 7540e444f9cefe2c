import ArgumentParser
import FanfareServer

/// `fanfare subscriptions rotate-secret`.
struct RotateSecret: FanfareCommand {
    static let configuration = CommandConfiguration(
        commandName: "rotate-secret", abstract: "Give a subscription a new signing secret, and print it once.",
        discussion:
            "The secrets it had sign besides for the overlap, so that the receiver has time to learn the new one.")

    @OptionGroup var service: ServiceOptions

    @Argument(help: "The subscription's id.")
    var id: String

    @Option(
        help: "How long the old secrets sign on, such as 1h; the configuration's webhooks.secret_overlap without it.")
    var overlap: String?

    @Flag(help: "Print the answer as JSON for machines.")
    var json = false

    func perform() throws(CommandFailure) {
        let body = overlap.map { JSONOutput.object([.init("overlap", .string($0))]).line }
        let answer = try SimpleRequest(service).send("POST", Subscriptions.path(id, "/rotate-secret"), body: body).body
        try Subscriptions.tell(answer, json, try JSONAnswer.object(answer)["signing_secret"]?.string ?? "")
    }
}
