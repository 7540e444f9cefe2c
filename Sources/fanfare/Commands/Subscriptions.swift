import ArgumentParser
import FanfareBase
import FanfareLoad
import FanfareServer
import Glibc

/// `fanfare subscriptions`: the webhook subscriptions of a service.
struct Subscriptions: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "List, show, export, enable, disable, redeliver and test webhook subscriptions.",
        subcommands: [
            ListSubscriptions.self, ShowSubscription.self, ExportSubscriptions.self, EnableSubscription.self,
            DisableSubscription.self, Redeliver.self, TestSubscription.self,
            RotateSecret.self,
        ],
        defaultSubcommand: ListSubscriptions.self)

    /// The path of the subscription `id` and of what is below it.
    static func path(_ id: String, _ rest: String = "") -> String { "/v1/subscriptions/\(QueryText.encode(id))\(rest)" }

    /// An answer's object as JSON, or `words` for a person.
    static func tell(_ body: [UInt8], _ json: Bool, _ words: String) throws(CommandFailure) {
        let object = try JSONAnswer.object(body)
        if json { Terminal.write(JSONOutput(object).page) } else { Terminal.line(words) }
    }

    /// Every subscription, page by page.
    static func all(_ request: SimpleRequest) throws(CommandFailure) -> [JSONValue] {
        var found: [JSONValue] = []
        var after = ""
        while true {
            let query = after.isEmpty ? "" : "?after=\(QueryText.encode(after))"
            let page = try JSONAnswer.object(try request.send("GET", "/v1/subscriptions" + query).body)
            found += page["subscriptions"]?.array ?? []
            guard let next = page["next"]?.string else { return found }
            after = next
        }
    }
}

/// `fanfare subscriptions list`.
struct ListSubscriptions: FanfareCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "One row for each subscription.")

    @OptionGroup var service: ServiceOptions

    @Flag(help: "Print JSON for machines, one subscription a line.")
    var json = false

    func perform() throws(CommandFailure) {
        let all = try Subscriptions.all(try SimpleRequest(service))
        if json {
            for subscription in all { Terminal.write(JSONOutput(subscription).line + [UInt8(ascii: "\n")]) }
        } else if all.isEmpty {
            Terminal.line("no webhook subscriptions")
        } else {
            for line in StatusText.table(all.compactMap(\.object)) { Terminal.line(line) }
        }
    }
}

/// `fanfare subscriptions show`.
struct ShowSubscription: FanfareCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "All that is known of one subscription, as JSON; its secrets are not.")

    @OptionGroup var service: ServiceOptions

    @Argument(help: "The subscription's id.")
    var id: String

    @Flag(help: "Show its recent attempts instead.")
    var attempts = false

    func perform() throws(CommandFailure) {
        let path = Subscriptions.path(id, attempts ? "/attempts" : "")
        let object = try JSONAnswer.object(try SimpleRequest(service).send("GET", path).body)
        Terminal.write(JSONOutput(object).page)
    }
}

/// `fanfare subscriptions enable`.
struct EnableSubscription: FanfareCommand {
    static let configuration = CommandConfiguration(
        commandName: "enable", abstract: "Let a disabled subscription go on.")

    @OptionGroup var service: ServiceOptions

    @Argument(help: "The subscription's id.")
    var id: String

    @Flag(help: "Print the subscription as JSON for machines.")
    var json = false

    func perform() throws(CommandFailure) {
        let answer = try SimpleRequest(service).send("POST", Subscriptions.path(id, "/enable"))
        try Subscriptions.tell(answer.body, json, "\(id) is enabled")
    }
}

/// `fanfare subscriptions disable`.
struct DisableSubscription: FanfareCommand {
    static let configuration = CommandConfiguration(
        commandName: "disable", abstract: "Hold a subscription; its cursor is kept.")

    @OptionGroup var service: ServiceOptions

    @Argument(help: "The subscription's id.")
    var id: String

    @Flag(help: "Print the subscription as JSON for machines.")
    var json = false

    func perform() throws(CommandFailure) {
        let answer = try SimpleRequest(service).send("POST", Subscriptions.path(id, "/disable"))
        try Subscriptions.tell(answer.body, json, "\(id) is disabled")
    }
}

/// `fanfare subscriptions export`.
struct ExportSubscriptions: FanfareCommand {
    static let configuration = CommandConfiguration(
        commandName: "export", abstract: "Write subscriptions as files for subscriptions.d.",
        discussion:
            "Secrets are never given back. A file without signing_secrets signs with those the service keeps, so the files "
            + "can take over as they are. Headers whose value was written out are to be filled in; they are told.")

    @OptionGroup var service: ServiceOptions

    @Argument(help: "The ids; without any, all subscriptions.")
    var ids: [String] = []

    @Option(help: "The directory to write to; files that are there already are left alone.")
    var output = "subscriptions.d"

    func perform() throws(CommandFailure) {
        let all = try Subscriptions.all(try SimpleRequest(service)).compactMap(\.object)
        for id in ids where !all.contains(where: { $0["id"]?.string == id }) {
            throw .data("there is no subscription \(id)")
        }
        guard unsafe mkdir(output, 0o700) == 0 || errno == EEXIST else { throw failure(output) }
        for subscription in all {
            guard let id = subscription["id"]?.string, ids.isEmpty || ids.contains(id),
                let definition = subscription["definition"], definition.object != nil
            else { continue }
            let exported = ExportedDefinition(JSONOutput(definition))
            try write(exported.definition.page, to: "\(output)/\(id).json")
            for header in exported.hiddenHeaders {
                Terminal.error("\(output)/\(id).json: fill in the header \(header), which is a secret")
            }
        }
    }

    private func write(_ page: [UInt8], to path: String) throws(CommandFailure) {
        // Created, never replaced: a file is the truth for its subscription.
        let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        if descriptor < 0, errno == EEXIST { return Terminal.error("\(path) is there already; left alone") }
        guard descriptor >= 0 else { throw failure(path) }
        Terminal.write(page, to: descriptor)
        close(descriptor)
        Terminal.line(path)
    }

    private func failure(_ path: String) -> CommandFailure {
        // Safe: strerror's text is copied before the next call can change it.
        .io("\(path): \(unsafe String(cString: strerror(errno)).lowercased())")
    }
}

/// A definition as a file may have it: without secrets that are hidden, which the service keeps.
struct ExportedDefinition {
    /// The file's content.
    private(set) var definition: JSONOutput
    /// Headers whose value is hidden and that the service does not keep.
    private(set) var hiddenHeaders: [String] = []

    /// What the API shows, as a file.
    init(_ shown: JSONOutput) {
        definition = shown
        guard case .object(var members) = shown, let place = members.firstIndex(where: { $0.name == "webhook" }),
            case .object(var webhook) = members[place].value
        else { return }
        if case .object(let headers)? = members[place].value["headers"] {
            hiddenHeaders = headers.filter { $0.value["hidden"] != nil }.map(\.name)
        }
        if case .array(let secrets)? = members[place].value["signing_secrets"],
            secrets.contains(where: { $0["hidden"] != nil })
        {
            webhook.removeAll { $0.name == "signing_secrets" || $0.name == "retiring_secrets" }
        }
        members[place].value = .object(webhook)
        definition = .object(members)
    }
}

extension JSONOutput {
    /// A value that was read, to be written again.
    init(_ value: JSONValue) {
        switch value.content {
        case .null: self = .null
        case .boolean(let flag): self = .boolean(flag)
        case .number(let number): self = number.integer.map { .integer($0) } ?? .number(number.double)
        case .string(let text): self = .string(text)
        case .array(let elements): self = .array(elements.map { JSONOutput($0) })
        case .object(let object): self = JSONOutput(object)
        }
    }

    /// An object that was read, to be written again.
    init(_ object: JSONObject) { self = .object(object.members.map { Member($0.name, JSONOutput($0.value)) }) }
}
