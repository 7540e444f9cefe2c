import FanfareBase

/// The keys of `fanfare.json`: the one table behind reading, suggestions, defaults and the JSON Schema.
enum ConfigurationForms {
    static let configuration = ObjectForm<Configuration>(
        meaning: "The configuration of a fanfare service.",
        fields: [
            Field(
                "data_directory", \.dataDirectory, .path("a folder"),
                "The folder of the log, the journal and keys; made when missing."),
            Field(
                "shards", \.shards, .integer(0...ConfigurationRange.shards),
                "Threads that carry connections; 0: one per core."),
            Field(
                "listeners", \.listeners, listener.form.list(ConfigurationRange.listeners), "Where the service listens."
            ),
            Field(
                "subscriptions_directory", \.subscriptionsDirectory, .path("a folder"),
                "The folder of subscription files, *.json; the default may be missing."),
            Field(
                "topics", \.topics, topicRule.form.list(0...ConfigurationRange.topicRules),
                "When events are acknowledged; the first match wins, without a match \"synced\"."),
            Field("log", \.log, log.form, "The event log."),
            Field("webhooks", \.webhooks, webhooks.form, "What holds for every webhook."),
            Field("limits", \.limits, limits.form, "The bounds of the whole service."),
            Field(
                "drain", \.drainMilliseconds, .duration(ConfigurationRange.drainMilliseconds),
                "How long closing connections is spread over after SIGTERM."),
            Field(
                "tenants", \.tenants, tenant.form.list(0...ConfigurationRange.tenants),
                "How much each tenant may have; \"*\" is each that is not named."),
            Field(
                "tokens", \.tokens, token.form.list(0...ConfigurationRange.tokens),
                "Who may do what; empty: no one has to say who they are, which only loopback and anonymous listeners allow."
            ),
            Field(
                "jwt", \.jwt, optional: jwt.form, "Whose JSON Web Tokens are taken; their scope says what they allow."),
        ],
        isRoot: true, blank: { Configuration() }, check: ConfigurationChecks.check)

    static let listener = ObjectForm<Listener>(
        meaning: "a listener",
        fields: [
            Field(
                "name", \.name, .identifier, required: true, "Unique among the listeners; shown in logs and metrics."),
            Field(
                "address", \.address, .listenerAddress, required: true,
                "Where it listens; port 0 lets the kernel choose."),
            Field(
                "protocol", \.protocol, .choice,
                "HTTP/1.1 with WebSocket and Server-Sent Events, or newline-delimited JSON."),
            Field("tls", \.tls, optional: listenerTLS.form, "Certificate and key; without it connections are plain."),
            Field("serves", \.serves, Form<Listener.Service>.set(min: 1), "The groups of requests it answers."),
            Field(
                "hosts", \.hosts, Form.host.list(0...ConfigurationRange.listEntries),
                "What Host may say besides a literal address and localhost; ports are not compared."),
            Field(
                "origins", \.origins, Form.origin.list(0...ConfigurationRange.listEntries),
                "Web origins whose pages may use it besides its own."),
            Field("anonymous", \.anonymous, .flag, "Whether clients without a token may do everything it serves."),
        ],
        blank: { Listener(name: "", address: ListenerAddress(text: "", kind: .unix(path: ""))) },
        check: ConfigurationChecks.check)

    static let listenerTLS = ObjectForm<Listener.TLSFiles>(
        meaning: "a certificate and its key",
        fields: [
            Field("certificate", \.certificate, .pem("a certificate chain"), required: true, "PEM, the leaf first."),
            Field("private_key", \.privateKey, .pem("a private key"), required: true, "PEM, without a passphrase."),
        ], blank: { Listener.TLSFiles(certificate: "", privateKey: "") })

    static let topicRule = ObjectForm<Configuration.TopicRule>(
        meaning: "a rule for topics",
        fields: [
            Field("match", \.match, .pattern, required: true, "Which topics."),
            Field("durability", \.durability, .choice, "Acknowledged after fdatasync, or after write."),
        ], blank: { Configuration.TopicRule(match: "") })

    static let log = ObjectForm<Configuration.LogSettings>(
        meaning: "the event log",
        fields: [
            Field(
                "segment_size", \.segmentBytes, .size(ConfigurationRange.segmentBytes), "Bytes of one file of the log."),
            Field("retention", \.retention, retention.form, "What is kept."),
            Field(
                "deduplication_window", \.deduplicationWindowMilliseconds,
                .duration(ConfigurationRange.deduplicationMilliseconds),
                "How long topic, source and id of an event are remembered; 0ms: not at all."),
        ], blank: { Configuration.LogSettings() }, check: ConfigurationChecks.check)

    static let retention = ObjectForm<Configuration.Retention>(
        meaning: "how much of the log is kept",
        fields: [
            Field(
                "age", \.ageMilliseconds, .duration(ConfigurationRange.retentionMilliseconds),
                "Older events are removed."),
            Field(
                "size", \.sizeBytes, .size(ConfigurationRange.retentionBytes),
                "The oldest events beyond it are removed."),
        ], blank: { Configuration.Retention() })

    static let webhooks = ObjectForm<Configuration.WebhookSettings>(
        meaning: "what holds for every webhook",
        fields: [
            Field(
                "networks", \.networks, Form.network.list(0...ConfigurationRange.listEntries),
                "Networks that webhooks may reach although they would be refused as private."),
            Field("plain_http", \.plainHTTP, .flag, "Whether http URLs are accepted."),
            Field(
                "disable_after", \.disableAfterMilliseconds, .duration(ConfigurationRange.disableAfterMilliseconds),
                "How long nothing but failure disables a subscription."),
            Field(
                "proxy", \.proxy, optional: proxy.form,
                "An HTTP proxy that connections to endpoints are tunnelled through (CONNECT)."),
            Field(
                "secret_overlap", \.secretOverlapMilliseconds, .duration(ConfigurationRange.secretOverlapMilliseconds),
                "How long a rotated secret signs besides its successor unless the request says."),
            Field(
                "secrets", \.secrets, allowance.form, "What subscriptions made through the API may take secrets from."),
        ], blank: { Configuration.WebhookSettings() })

    static let proxy = ObjectForm<Configuration.EgressProxy>(
        meaning: "an HTTP proxy",
        fields: [
            Field("url", \.url, .webhookURL, required: true, "http://HOST:PORT of the proxy."),
            Field(
                "authorization", \.authorization, optional: proxyAuthorization,
                "The value of proxy-authorization, such as \"Basic \" and base64 of user:password."),
            Field(
                "resolves_names", \.resolvesNames, .flag,
                "Whether it is given names instead of checked addresses, and guards against private ones itself."),
        ], blank: { Configuration.EgressProxy(url: .placeholder) }, check: ConfigurationChecks.check)

    static let tenant = ObjectForm<Configuration.TenantQuota>(
        meaning: "how much a tenant may have",
        fields: [
            Field("name", \.name, .tenantOrAll, required: true, "The tenant, or \"*\" for each that is not named."),
            Field(
                "subscriptions", \.subscriptions, .integer(ConfigurationRange.tenantSubscriptions), required: true,
                "Subscriptions it may have; one more is refused."),
        ], blank: { Configuration.TenantQuota(name: "", subscriptions: 0) })

    static let allowance = ObjectForm<Configuration.SecretAllowance>(
        meaning: "variables and files",
        fields: [
            Field(
                "env", \.environment, Form.variable.list(0...ConfigurationRange.listEntries),
                "Names of environment variables, exactly."),
            Field(
                "files", \.files, Form.path("a file").list(0...ConfigurationRange.listEntries),
                "Paths of files with secrets, certificates or keys, exactly."),
        ], blank: { Configuration.SecretAllowance() })

    static let limits = ObjectForm<Configuration.LimitSettings>(
        meaning: "the bounds of the whole service",
        fields: [
            Field(
                "event_size", \.eventBytes, .size(ConfigurationRange.eventBytes),
                "Bytes of one event, envelope included."),
            Field(
                "connections", \.connections, .integer(ConfigurationRange.connections),
                "Client connections at one time, all listeners together."),
            Field(
                "connections_per_address", \.connectionsPerAddress, .integer(ConfigurationRange.connections),
                "Client connections of one address at one time; IPv6 addresses count by their /64."),
            Field(
                "memory", \.memoryBytes, .size(ConfigurationRange.memoryBytes),
                "Bytes that all pools together may take."),
        ], blank: { Configuration.LimitSettings() })

    static let token = ObjectForm<Configuration.AccessToken>(
        meaning: "a token",
        fields: [
            Field(
                "name", \.name, .tokenName, required: true, "Shown in logs; the source of events published without one."
            ),
            Field("secret", \.secret, tokenSecret, required: true, "What clients send as bearer token."),
            Field("allow", \.allow, rights.form, "What it may do; nothing by default."),
        ], blank: { Configuration.AccessToken(name: "", secret: Secret("")) })

    static let rights = ObjectForm<Configuration.Rights>(
        meaning: "what a token may do",
        fields: [
            Field(
                "publish", \.publish, Form.pattern.list(0...ConfigurationRange.listEntries), "Topics it may publish to."
            ),
            Field(
                "subscribe", \.subscribe, Form.pattern.list(0...ConfigurationRange.listEntries),
                "Topics it may subscribe to."),
            Field(
                "manage", \.manage, Form.tenantOrAll.list(0...ConfigurationRange.listEntries),
                "Tenants whose subscriptions it may manage; \"*\" is every tenant and the service itself."),
        ], blank: { Configuration.Rights() })

    static let jwt = ObjectForm<TokenVerifier>(
        meaning: "an issuer of JSON Web Tokens",
        fields: [
            Field(
                "keys", \.keys, .keySet, required: true,
                "A JWK Set with the issuer's keys for HS256, ES256 or EdDSA; read again at reload."),
            Field("issuer", \.issuer, claim, required: true, "What \"iss\" must be."),
            Field("audience", \.audience, claim, required: true, "What \"aud\" must be or hold."),
        ], blank: { TokenVerifier() })

    private static let claim = Form<String>.text("a text of 1 to 1024 bytes") { (1...1024).contains($0.utf8.count) }

    private static let proxyAuthorization = Form<Secret>.secret(
        "1 to \(ConfigurationRange.headerValueBytes) visible ASCII characters and spaces"
    ) { text in
        (1...ConfigurationRange.headerValueBytes).contains(text.utf8.count)
            && text.utf8.allSatisfy { (0x20...0x7E).contains($0) }
    }

    private static let tokenSecret = Form<Secret>.secret(
        "\(ConfigurationRange.tokenSecretCharacters.lowerBound) to \(ConfigurationRange.tokenSecretCharacters.upperBound) of "
            + "A-Z, a-z, 0-9, -, ., _, ~, +, / and ="
    ) { text in
        ConfigurationRange.tokenSecretCharacters.contains(text.utf8.count)
            && text.utf8.allSatisfy(HTTPCharacter.isBearer)
    }
}
