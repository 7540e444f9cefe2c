import FanfareBase

extension SubscriptionDefinition {
    /// Reads a definition from the API's request body or from the journal.
    ///
    /// - Parameter id: The id of the request's path; the body may leave it out but not contradict it. Nil: the body says.
    /// - Throws: Everything that is wrong, each with the pointer that problem+json shows.
    package static func parse(
        _ body: [UInt8], id: String?, policy: DefinitionPolicy
    ) throws(Diagnostics) -> SubscriptionDefinition {
        let (definition, reading) = read(body, id: id, policy: policy)
        guard let definition, reading.diagnostics.isEmpty else { throw Diagnostics(reading.diagnostics.inOrder) }
        return definition
    }

    /// The definition as far as it could be read, and what was wrong with it.
    static func read(
        _ bytes: [UInt8], id: String?, policy: DefinitionPolicy
    ) -> (SubscriptionDefinition?, Reading) {
        var file: String?
        if case .file(let path) = policy.origin { file = path }
        var reading = Reading(file: file, rights: policy.rights)
        let form = id.map(form(for:)) ?? SubscriptionForms.subscription
        guard var definition = reading.read(bytes, as: form) else { return (nil, reading) }
        let pointer = JSONPointer.root.appending("id")
        if let id {
            if !isID(id) {
                reading.refuse(
                    "\"\(id.prefix(64))\" in the request's path", allowed: Form.identifier.allowed, at: pointer)
            }
            if definition.id.isEmpty { definition.id = id }
            if reading.isWritten(pointer), definition.id != id {
                reading.refuse("\"\(definition.id)\"", allowed: "the id of the request's path, \"\(id)\"", at: pointer)
            }
        }
        definition.origin = policy.origin
        policy.check(definition, &reading)
        return (definition, reading)
    }

    /// The form in which `id` need not be repeated.
    private static func form(for id: String) -> ObjectForm<SubscriptionDefinition> {
        let known = SubscriptionForms.subscription
        let fields = known.fields.map { $0.name == "id" ? Field("id", \.id, .identifier, $0.meaning) : $0 }
        return ObjectForm(
            meaning: known.meaning, fields: fields, later: known.later, isRoot: known.isRoot, blank: known.blank)
    }

    /// Whether `text` can be an id: `[a-z0-9-]{1,64}`.
    package static func isID(_ text: String) -> Bool { Form.isIdentifier(text) }

    /// The definition for people: every key, secrets replaced by where they come from, or by `{"hidden": true}`.
    package var shown: JSONOutput { SubscriptionForms.subscription.write(self, .origins) }

    /// The definition for the journal: every key, secrets that were written out included. `parse` reads it again.
    package var stored: [UInt8] { SubscriptionForms.subscription.write(self, .everything).line }

    /// The same with 1 s before its first retry, for development: 1 s, 5 s, 5 min, ….
    package func forDevelopment() -> SubscriptionDefinition {
        var definition = self
        let delays = webhook.retry.delaysMilliseconds
        if let first = delays.first, first > 1000 { definition.webhook.retry.delaysMilliseconds = [1000] + delays }
        return definition
    }
}

extension Configuration {
    /// The same for `--development`: every listener on loopback with its port, plain HTTP and private addresses allowed for
    /// webhooks.
    package func forDevelopment() -> Configuration {
        var configuration = self
        configuration.webhooks.plainHTTP = true
        configuration.webhooks.privateAddresses = true
        for index in listeners.indices where !listeners[index].address.isLocal {
            guard case .tcp(let address, let port) = listeners[index].address.kind else { continue }
            let isV4 = if case .v4 = address { true } else { false }
            configuration.listeners[index].address = ListenerAddress(
                text: isV4 ? "127.0.0.1:\(port)" : "[::1]:\(port)",
                kind: .tcp(isV4 ? .v4(0x7F00_0001) : .v6(0, 1), port: port))
        }
        return configuration
    }
}

extension [Diagnostic] {
    /// In the order of their places in one text.
    var inOrder: [Diagnostic] {
        enumerated().sorted { left, right in
            let (a, b) = (left.element.location?.offset ?? 0, right.element.location?.offset ?? 0)
            return a == b ? left.offset < right.offset : a < b
        }.map(\.element)
    }
}
