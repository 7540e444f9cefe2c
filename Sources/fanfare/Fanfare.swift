import ArgumentParser
import FanfareServer

@main
struct Fanfare: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fanfare",
        abstract: "A notification service: one log, many cursors.",
        version: ServiceVersion.text,
        subcommands: [
            Serve.self, Check.self, Publish.self, Subscribe.self, Receive.self, Status.self, Subscriptions.self,
            LogCommands.self, Schema.self, Bench.self, Demo.self,
        ])
}
