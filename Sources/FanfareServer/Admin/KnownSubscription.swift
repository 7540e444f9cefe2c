/// What is known of a subscription besides what it is doing: what decisions about it depend on.
package struct KnownSubscription: Sendable, Hashable {
    /// Where a definition is kept.
    package enum Origin: Sendable, Hashable {
        /// The journal; the API changes it.
        case api
        /// A file; nil when the file has gone.
        case file(String?)
    }

    /// Its name.
    package var id: String
    /// Where its definition is kept.
    package var origin: Origin
    /// What it is, as written; nil when that is not known: its file has gone or its document is not accepted any more.
    package var definition: SubscriptionDefinition?
    /// Why nothing is delivered though nobody disabled it; nil when something is.
    package var paused: String?
    /// A shard has been given it.
    package var isInstalled = false

    /// The subscription `id` whose definition is not known yet.
    package init(id: String, origin: Origin) {
        self.id = id
        self.origin = origin
    }

    /// What `definition` says, kept where it says.
    package init(_ definition: SubscriptionDefinition) {
        id = definition.id
        self.definition = definition
        switch definition.origin {
        case .api: origin = .api
        case .file(let path): origin = .file(path)
        }
    }

    /// Its file is there and is the truth, so the API changes nothing.
    package var isOfPresentFile: Bool { if case .file(.some) = origin { true } else { false } }

    /// Whether `principal` may see and change it. What nobody knows the tenant of is for those who may everything.
    package func isManaged(by principal: Principal) -> Bool {
        guard let definition else { return principal.mayManageEverything }
        return principal.mayManage(definition.tenant)
    }
}
