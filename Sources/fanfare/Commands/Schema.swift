import ArgumentParser
import FanfareServer

/// `fanfare schema`: prints the JSON Schema of a kind of file.
struct Schema: FanfareCommand {
    static let configuration = CommandConfiguration(abstract: "Print the JSON Schema of a file kind.")

    @Argument(help: "config, subscription or profile.")
    var kind: String

    func perform() throws(CommandFailure) {
        let schema: JSONSchema
        do throws(JSONSchema.UnknownKind) { schema = try JSONSchema(named: kind) } catch {
            throw .usage(error.description)
        }
        Terminal.write(schema.page)
    }
}
