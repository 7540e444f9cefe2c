import FanfareBase

/// The JSON Schema (draft 2020-12) of a kind of file, made from the tables that read it. What a schema cannot say (checks
/// across keys, files and addresses) is left to `fanfare check`.
package enum JSONSchema: String, Sendable, CaseIterable {
    /// `fanfare.json`.
    case config
    /// A file of `subscriptions.d`, or the body of `PUT /v1/subscriptions/ID`.
    case subscription
    /// A file of `load-profiles`, for `fanfare bench`.
    case profile

    /// The schema as a text for people.
    package var page: [UInt8] { output.page }

    /// The schema.
    var output: JSONOutput {
        switch self {
        case .config: document(ConfigurationForms.configuration, title: "fanfare.json")
        case .subscription: document(SubscriptionForms.subscription, title: "A fanfare subscription")
        case .profile: document(LoadProfileForms.profile, title: "A fanfare load profile")
        }
    }

    private func document(_ form: ObjectForm<some Sendable>, title: String) -> JSONOutput {
        Self.document(title: title, meaning: form.meaning, form.schema)
    }

    /// A whole schema with `members`.
    package static func document(title: String, meaning: String, _ members: [JSONOutput.Member]) -> JSONOutput {
        .object(
            [
                .init("$schema", .string("https://json-schema.org/draft/2020-12/schema")),
                .init("title", .string(title)),
                .init("description", .string(meaning)),
            ] + members)
    }
}
