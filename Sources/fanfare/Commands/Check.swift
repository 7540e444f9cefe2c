import ArgumentParser
import FanfareServer

/// `fanfare check`: reads configuration and subscription files and says what is wrong with them; changes nothing.
struct Check: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Validate configuration and subscription files; change nothing.",
        discussion: "Every error of every file is told as FILE:LINE:COLUMN: POINTER: what was found, what is allowed.")

    @Option(help: "The configuration file; without one fanfare.json if there is one, else the defaults.")
    var config: String?

    @Flag(help: "Check what `serve --development` would take.")
    var development = false

    func run() throws {
        let loaded = try LoadedConfiguration.read(config, development: development)
        do throws(Service.StartError) { try Service.checkMemory(loaded.configuration) } catch {
            Terminal.error("fanfare: \(error)")
            throw ExitCode(error.exitCode)
        }
        let listeners = loaded.configuration.listeners
        Terminal.line(
            "valid: \(Plural.of(loaded.files.count, "file")), \(Plural.of(listeners.count, "listener")), "
                + Plural.of(loaded.subscriptions.count, "subscription"))
        for listener in listeners { Terminal.line("  listener \(listener.name): \(listener.address.text)") }
        for subscription in loaded.subscriptions {
            Terminal.line("  subscription \(subscription.id): \(subscription.topics.joined(separator: " "))")
        }
    }
}

/// Counting words.
enum Plural {
    /// `1 file`, `2 files`.
    static func of(_ count: some BinaryInteger, _ noun: String) -> String {
        count == 1 ? "1 \(noun)" : "\(count) \(noun)s"
    }
}
