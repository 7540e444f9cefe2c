import ArgumentParser
import FanfareServer

/// `fanfare schema`: prints the JSON Schema of a kind of file.
struct Schema: FanfareCommand {
    /// The kinds: those that are read, and the one that is written.
    enum Kind: String, CaseIterable, ExpressibleByArgument {
        case config, subscription, profile, result

        /// The schema as a text for people.
        var page: [UInt8] {
            switch self {
            case .config: JSONSchema.config.page
            case .subscription: JSONSchema.subscription.page
            case .profile: JSONSchema.profile.page
            case .result: BenchResultForm.page
            }
        }
    }

    static let configuration = CommandConfiguration(abstract: "Print the JSON Schema of a file kind.")

    @Argument(help: "config, subscription, profile, or result (what fanfare bench writes).")
    var kind: Kind

    func perform() throws(CommandFailure) { Terminal.write(kind.page) }
}
