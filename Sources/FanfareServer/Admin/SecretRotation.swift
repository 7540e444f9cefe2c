import FanfareBase

/// What a request for another secret says: `{"overlap"}`.
struct RotationRequest: Sendable {
    /// Milliseconds the secrets there are sign on; nil for the configuration's.
    var overlapMilliseconds: Int?

    /// Reads a request's body; an empty one leaves everything to the configuration.
    static func parse(_ body: [UInt8]) throws(Diagnostics) -> RotationRequest {
        if body.isEmpty { return RotationRequest() }
        var reading = Reading(
            file: nil, rights: .init(secrets: Configuration.SecretAllowance(), folder: "", surroundings: .process))
        let request = reading.read(body, as: form)
        guard let request, reading.diagnostics.isEmpty else { throw Diagnostics(reading.diagnostics.inOrder) }
        return request
    }

    private static let form = ObjectForm<RotationRequest>(
        meaning: "how a secret is replaced",
        fields: [
            Field(
                "overlap", \.overlapMilliseconds, optional: .duration(ConfigurationRange.secretOverlapMilliseconds),
                "How long the secrets there are sign on.")
        ], blank: { RotationRequest() })
}

extension SubscriptionDefinition.Webhook {
    /// The same, signing with `secret`; the secrets it had sign until `until`. When that makes more than may be, those that
    /// would end first end now.
    package func rotated(to secret: Secret, now: WallTime, until: WallTime) -> Self {
        var webhook = self
        let retiring = retiringSecrets + signingSecrets.map { .init(secret: $0, until: until) }
        webhook.signingSecrets = [secret]
        webhook.retiringSecrets = retiring.filter { $0.until > now }.suffix(
            ConfigurationRange.signingSecrets.upperBound)
        return webhook
    }
}

/// The secrets that the service keeps for a subscription whose file lists none, as the journal has them.
struct KeptSecrets {
    /// Each of them signs.
    var signing: [String]
    /// Those that sign until a time, in nanoseconds since 1970.
    var retiring: [(secret: String, until: WallTime)]

    /// The secrets of `webhook`.
    init(_ webhook: SubscriptionDefinition.Webhook) {
        signing = webhook.signingSecrets.map(\.text)
        retiring = webhook.retiringSecrets.map { ($0.secret.text, $0.until) }
    }

    /// What the journal has; nil when it has none.
    init?(document: [UInt8]) {
        let root: JSONObject?
        do throws(JSONSyntaxError) { root = try JSONDocument(document).root.object } catch { return nil }
        guard let root, let signing = root["signing_secrets"]?.array else { return nil }
        self.signing = signing.compactMap(\.string)
        retiring = (root["retiring_secrets"]?.array ?? []).compactMap { entry in
            guard let secret = entry.object?["secret"]?.string,
                let until = entry.object?["until"]?.string.flatMap({ RFC3339.time($0) })
            else { return nil }
            return (secret, until)
        }
        if self.signing.isEmpty { return nil }
    }

    /// For the journal.
    var document: [UInt8] {
        let retiring = retiring.map { secret, until in
            JSONOutput.object([.init("secret", .string(secret)), .init("until", .string(RFC3339.text(until)))])
        }
        return JSONOutput.object([
            .init("signing_secrets", .array(signing.map { .string($0) })), .init("retiring_secrets", .array(retiring)),
        ]).line
    }

    /// `webhook` signing with these.
    func applied(to webhook: SubscriptionDefinition.Webhook) -> SubscriptionDefinition.Webhook {
        var webhook = webhook
        webhook.signingSecrets = signing.map { Secret($0) }
        webhook.retiringSecrets = retiring.map { .init(secret: Secret($0.secret), until: $0.until) }
        return webhook
    }
}

extension AdminEndpoint {
    /// `POST /v1/subscriptions/ID/rotate-secret`: the new secret is in the answer, once.
    func rotateSecret(_ admitted: Router.Admitted, _ id: String) -> HTTPHandler.Verdict {
        if case .failure(let refused) = find(id, admitted) { return .answer(refused.answer) }
        guard admitted.request.body.count <= Limits.redeliveryBytesMax else {
            return .answer(
                .problem(413, "body-too-large", "The body has at most \(Limits.redeliveryBytesMax) bytes."))
        }
        do throws(Diagnostics) {
            let request = try RotationRequest.parse(admitted.request.body.array)
            let service = shard.service
            let overlap = request.overlapMilliseconds ?? service.configuration.webhooks.secretOverlapMilliseconds
            let (principal, reply) = (admitted.principal, address(admitted))
            let isTaken = service.worker.submit {
                let kind = ChangeRequest.Kind.rotate(
                    secret: service.secrets.signingSecret(), overlapMilliseconds: overlap)
                let change = SubscriptionChange(request: ChangeRequest(kind, id: id, by: principal), reply: reply)
                service.inboxes[0].post(ShardTask { change.apply($0) })
            }
            return isTaken ? .pending : .answer(Self.busy)
        } catch {
            return .answer(error.answer("invalid-rotation"))
        }
    }
}
