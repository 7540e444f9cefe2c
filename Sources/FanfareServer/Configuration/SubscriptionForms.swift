import FanfareBase

/// The keys of a subscription, in a file of `subscriptions.d` and in the API alike: the one table behind reading,
/// writing, suggestions, defaults and the JSON Schema.
enum SubscriptionForms {
    typealias Webhook = SubscriptionDefinition.Webhook

    static let subscription = ObjectForm<SubscriptionDefinition>(
        meaning: "A fanfare subscription: which events go to which webhook, and how.",
        fields: [
            Field("id", \.id, .identifier, required: true, "Unique in the service; the file's name does not matter."),
            Field("tenant", \.tenant, .identifier, "Whose it is: who may manage it."),
            Field(
                "topics", \.topics, Form.pattern.list(ConfigurationRange.subscriptionTopics, unique: true),
                required: true,
                "Patterns of the topics it wants."),
            Field("start", \.start, .start, "Where it begins; counts when it is created, never again."),
            Field("webhook", \.webhook, webhook.form, required: true, "Where its events go."),
        ],
        later: ["filters": "event filters"], isRoot: true,
        blank: { SubscriptionDefinition(id: "", topics: [], webhook: Webhook(url: .placeholder)) })

    static let webhook = ObjectForm<Webhook>(
        meaning: "a webhook",
        fields: [
            Field("url", \.url, .webhookURL, required: true, "Where requests are posted to."),
            Field(
                "signing_secrets", \.signingSecrets,
                signingSecret.list(ConfigurationRange.signingSecrets, unique: true),
                "Standard Webhooks secrets, each of which signs; without any the service makes one and keeps it."),
            Field(
                "retiring_secrets", \.retiringSecrets, retiringSecret.form.list(ConfigurationRange.signingSecrets),
                "Secrets that were replaced and sign besides until a time."),
            Field(
                "content_mode", \.contentMode, .choice, "Body: the event, its data with ce- headers, or its data alone."
            ),
            Field(
                "compression", \.compression, .choice,
                "The content coding of bodies; the signature is over the content as decoded."),
            Field("order", \.order, .choice, "Up to concurrency in flight, or one at a time in sequence."),
            Field(
                "concurrency", \.concurrency, .integer(ConfigurationRange.concurrency),
                "Deliveries in flight at one time; 1 with order \"all\"."),
            Field(
                "timeout", \.timeoutMilliseconds, .duration(ConfigurationRange.timeoutMilliseconds),
                "One attempt, from resolve to the end of the answer."),
            Field("retry", \.retry, retry.form, "What follows a failed attempt."),
            Field(
                "rate_limit", \.rateLimit, optional: rateLimit.form,
                "The most it wants to be asked; without it no limit."),
            Field(
                "consent", \.consent, optional: consent.form,
                "Ask the endpoint before it gets events (OPTIONS); without it nobody asks."),
            Field("headers", \.headers, .headers, "Further headers of every request."),
            Field(
                "networks", \.networks, Form.network.list(0...ConfigurationRange.listEntries),
                "Networks it may reach although they would be refused as private, besides the configuration's."),
            Field("tls", \.tls, tls.form, "What TLS trusts, and our identity."),
            Field(
                "include", \.include, Form<SubscriptionDefinition.Inclusion>.set(min: 0),
                "What requests carry only when asked to."),
        ],
        blank: { Webhook(url: .placeholder) }, check: SubscriptionChecks.check)

    static let retry = ObjectForm<SubscriptionDefinition.Retry>(
        meaning: "what follows a failed attempt",
        fields: [
            Field(
                "delays", \.delaysMilliseconds,
                Form.duration(ConfigurationRange.retryDelayMilliseconds).list(ConfigurationRange.retryDelays),
                "Waits before the second attempt, the third, …; after the last the delivery is a dead letter."),
            Field("jitter", \.jitter, .number(0...1), "Each wait is longer or shorter by up to this share, at random."),
        ], blank: { SubscriptionDefinition.Retry() })

    static let rateLimit = ObjectForm<SubscriptionDefinition.RateLimit>(
        meaning: "a rate",
        fields: [
            Field(
                "per_second", \.perSecond, .integer(ConfigurationRange.requests), required: true,
                "Requests in the long run."),
            Field(
                "burst", \.burst, .integer(ConfigurationRange.requests), required: true,
                "Requests at once after a pause."),
        ], blank: { SubscriptionDefinition.RateLimit(perSecond: 1, burst: 1) })

    static let consent = ObjectForm<SubscriptionDefinition.Consent>(
        meaning: "what the endpoint is asked",
        fields: [
            Field("origin", \.origin, .host, required: true, "Who we are, a host name: WebHook-Request-Origin."),
            Field(
                "rate", \.rate, optional: .integer(ConfigurationRange.requests),
                "Requests a minute we should like to make: WebHook-Request-Rate."),
        ], blank: { SubscriptionDefinition.Consent(origin: "") })

    static let tls = ObjectForm<SubscriptionDefinition.TLSFiles>(
        meaning: "what TLS trusts, and our identity",
        fields: [
            Field("ca", \.ca, optional: .pem("certificates"), "PEM: trusted instead of the system's."),
            Field(
                "client_certificate", \.clientCertificate, optional: .pem("a certificate chain"), "PEM: our identity."),
            Field("client_key", \.clientKey, optional: .pem("a private key"), "PEM: the identity's key."),
        ],
        blank: { SubscriptionDefinition.TLSFiles() }, check: SubscriptionChecks.check)

    static let retiringSecret = ObjectForm<SubscriptionDefinition.RetiringSecret>(
        meaning: "a secret that was replaced",
        fields: [
            Field("secret", \.secret, signingSecret, required: true, "The secret."),
            Field("until", \.until, .time, required: true, "From then on it signs nothing."),
        ], blank: { SubscriptionDefinition.RetiringSecret(secret: Secret(""), until: WallTime(nanoseconds: 0)) })

    private static let signingSecret = Form<Secret>.secret(
        "\"whsec_\" and base64 of 24 to 64 bytes (`openssl rand -base64 32`), or \"whsk_\" and base64 of an ed25519 private "
            + "key of 32 or 64 bytes", accepts: isSigningSecret)

    private static func isSigningSecret(_ text: String) -> Bool {
        if text.hasPrefix("whsec_") {
            return decodedBytes(text.dropFirst(6)).map { ConfigurationRange.hmacSecretBytes.contains($0) } ?? false
        }
        guard text.hasPrefix("whsk_"), let count = decodedBytes(text.dropFirst(5)) else { return false }
        return count == 32 || count == 64
    }

    /// How many bytes padded base64 stands for; nil when it is none.
    private static func decodedBytes(_ text: Substring) -> Int? {
        let bytes = Array(text.utf8)
        let padding = bytes.reversed().prefix { $0 == UInt8(ascii: "=") }.count
        let isAlphabet = bytes.dropLast(padding).allSatisfy { byte in
            HTTPCharacter.isLetterOrDigit(byte) || byte == UInt8(ascii: "+") || byte == UInt8(ascii: "/")
        }
        guard !bytes.isEmpty, bytes.count % 4 == 0, padding <= 2, isAlphabet else { return nil }
        return bytes.count / 4 * 3 - padding
    }
}

/// What no single key of a subscription can tell.
enum SubscriptionChecks {
    /// Checks of one webhook.
    static func check(_ webhook: inout SubscriptionDefinition.Webhook, _ pointer: JSONPointer, _ reading: inout Reading)
    {
        if webhook.order == .all {
            if webhook.concurrency > 1, reading.isWritten(pointer.appending("concurrency")) {
                reading.refuse(
                    "\(webhook.concurrency) with order \"all\"", allowed: "1, or to leave it out",
                    at: pointer.appending("concurrency"))
            }
            webhook.concurrency = 1
        }
        if webhook.url.scheme == .http, webhook.tls != SubscriptionDefinition.TLSFiles() {
            reading.refuse("\"tls\" with an http URL", allowed: "to leave it out", at: pointer.appending("tls"))
        }
    }

    /// Checks of an identity's two halves.
    static func check(_ tls: inout SubscriptionDefinition.TLSFiles, _ pointer: JSONPointer, _ reading: inout Reading) {
        let (certificate, key) = (pointer.appending("client_certificate"), pointer.appending("client_key"))
        if reading.isWritten(certificate) != reading.isWritten(key) {
            reading.refuse(
                "only one of \"client_certificate\" and \"client_key\"", allowed: "both or none", at: pointer)
        }
    }
}
