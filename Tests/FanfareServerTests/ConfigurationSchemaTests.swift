import FanfareBase
import FanfareServer
import Testing

@Suite struct ConfigurationSchemaTests {
    /// The schema, parsed again.
    private func schema(_ kind: JSONSchema) throws -> JSONObject {
        try #require(try JSONDocument(kind.page).root.object)
    }

    /// The property names of an object's schema, and those of every object inside it, as paths.
    private func keys(_ schema: JSONObject, _ prefix: String = "") -> Set<String> {
        var keys: Set<String> = []
        for member in schema["properties"]?.object?.members ?? [] {
            keys.insert(prefix + member.name)
            guard let property = member.value.object else { continue }
            keys.formUnion(self.keys(property, prefix + member.name + "."))
            if let items = property["items"]?.object { keys.formUnion(self.keys(items, prefix + member.name + ".")) }
        }
        return keys
    }

    /// The keys that a document uses, as paths; list indices are left out.
    private func keys(_ value: JSONValue, _ prefix: String = "") -> Set<String> {
        var keys: Set<String> = []
        for member in value.object?.members ?? [] {
            keys.insert(prefix + member.name)
            keys.formUnion(self.keys(member.value, prefix + member.name + "."))
        }
        for element in value.array ?? [] { keys.formUnion(self.keys(element, prefix)) }
        return keys
    }

    @Test func theSchemasListTheKeysOfTheContractsExamples() throws {
        let secrets: Set<String> = [
            "tokens.secret.env", "webhook.signing_secrets.env", "webhook.headers.authorization",
            "webhook.headers.authorization.env",
        ]
        let configuration = try JSONDocument(ContractExample.configuration).root
        #expect(keys(configuration).subtracting(secrets).subtracting(keys(try schema(.config))) == [])
        let subscription = try JSONDocument(ContractExample.subscription).root
        #expect(keys(subscription).subtracting(secrets).subtracting(keys(try schema(.subscription))) == [])
    }

    @Test func theSchemaNamesEveryKeyOnce() throws {
        #expect(
            keys(try schema(.config)) == [
                "$schema", "data_directory", "shards", "listeners", "listeners.name", "listeners.address",
                "listeners.protocol",
                "listeners.tls", "listeners.tls.certificate", "listeners.tls.private_key", "listeners.serves",
                "listeners.hosts", "listeners.origins", "listeners.anonymous", "subscriptions_directory", "topics",
                "topics.match", "topics.durability", "log", "log.segment_size", "log.retention", "log.retention.age",
                "log.retention.size", "log.deduplication_window", "webhooks", "webhooks.networks",
                "webhooks.plain_http",
                "webhooks.disable_after", "webhooks.proxy", "webhooks.proxy.url", "webhooks.proxy.authorization",
                "webhooks.proxy.resolves_names",
                "webhooks.secret_overlap", "webhooks.secrets", "webhooks.secrets.env", "webhooks.secrets.files",
                "limits",
                "limits.event_size", "limits.connections", "limits.connections_per_address", "limits.memory", "drain",
                "tenants", "tenants.name", "tenants.subscriptions", "tokens", "tokens.name",
                "tokens.secret", "tokens.allow", "tokens.allow.publish", "tokens.allow.subscribe",
                "tokens.allow.manage", "jwt", "jwt.keys", "jwt.issuer", "jwt.audience",
            ])
        #expect(
            keys(try schema(.subscription)) == [
                "$schema", "id", "tenant", "topics", "start", "webhook", "webhook.url", "webhook.signing_secrets",
                "webhook.retiring_secrets", "webhook.retiring_secrets.secret", "webhook.retiring_secrets.until",
                "webhook.content_mode", "webhook.compression", "webhook.order", "webhook.concurrency",
                "webhook.timeout", "webhook.retry",
                "webhook.retry.delays", "webhook.retry.jitter", "webhook.rate_limit", "webhook.rate_limit.per_second",
                "webhook.rate_limit.burst", "webhook.consent", "webhook.consent.origin", "webhook.consent.rate",
                "webhook.headers", "webhook.networks", "webhook.tls", "webhook.tls.ca",
                "webhook.tls.client_certificate", "webhook.tls.client_key", "webhook.include",
            ])
    }

    @Test func everyDefaultOfTheSchemaIsReadAsTheDefault() throws {
        var members: [String] = []
        for property in try schema(.config)["properties"]?.object?.members ?? [] {
            guard let value = property.value.object?["default"] else { continue }
            let text = String(decoding: JSONSchema.config.page[value.range], as: UTF8.self)
            members.append("\"\(property.name)\": \(text)")
        }
        let text = "{" + members.joined(separator: ", ") + "}"
        let world = ConfigurationWorld(["fanfare.json": text, "subscriptions.d/.keep": ""])
        #expect(world.errors() == [])
        #expect(members.count == 11)
        #expect(try world.read().configuration == Configuration())
    }
}
