import FanfareBase

/// What definitions of one origin may say beyond their form: where webhooks may go and what secrets they may name.
package struct DefinitionPolicy: Sendable {
    /// Whether it is about a file or about the API.
    package var origin: SubscriptionDefinition.Origin
    /// Which addresses webhooks may reach, the configuration's networks included.
    package var addresses: AddressPolicy
    /// Whether `http` URLs are accepted.
    package var allowsPlainHTTP: Bool
    /// Variables, files and the folder of relative paths.
    package var rights: Reading.Rights

    /// A policy.
    package init(
        origin: SubscriptionDefinition.Origin, addresses: AddressPolicy, allowsPlainHTTP: Bool, rights: Reading.Rights
    ) {
        self.origin = origin
        self.addresses = addresses
        self.allowsPlainHTTP = allowsPlainHTTP
        self.rights = rights
    }

    /// Refuses what the form allows but the policy does not.
    func check(_ definition: SubscriptionDefinition, _ reading: inout Reading) {
        let pointer = JSONPointer.root.appending("webhook")
        let webhook = definition.webhook
        let url = pointer.appending("url")
        if webhook.url.scheme == .http, !allowsPlainHTTP {
            reading.refuse(
                "an http URL", allowed: "https, unless the configuration says \"webhooks\": {\"plain_http\": true}",
                at: url)
        }
        if let address = webhook.url.address, let refusal = refusal(address, webhook) {
            let cure = refusal.canBeOpened ? ", unless \"networks\" lists it" : ""
            reading.refuse("\(webhook.url.host), which is \(refusal)", allowed: "a public address\(cure)", at: url)
        }
        guard origin == .api else { return }
        // Who may write a definition may not thereby open the operator's network.
        for (index, network) in webhook.networks.enumerated()
        where !addresses.networks.contains(where: { $0.contains(network) }) && !addresses.allowsPrivate {
            reading.refuse(
                "the network \(network)", allowed: "networks inside those of the configuration's \"webhooks\"",
                at: pointer.appending("networks").appending(index))
        }
    }

    private func refusal(_ address: IPAddress, _ webhook: SubscriptionDefinition.Webhook) -> AddressPolicy.Refusal? {
        addresses.opened(to: webhook.networks).refusal(of: address, port: webhook.url.port)
    }
}

extension AddressPolicy {
    /// The same policy with these networks besides its own: what a subscription's connections are asked with.
    package func opened(to networks: [AddressNetwork]) -> AddressPolicy {
        var policy = self
        policy.networks += networks
        return policy
    }
}

extension WebhookURL {
    /// The address that no lookup is needed for; `localhost` and names below it are loopback (RFC 6761, section 6.3).
    package var literalAddress: IPAddress? {
        address ?? (host == "localhost" || host.hasSuffix(".localhost") ? .v4(0x7F00_0001) : nil)
    }
}

extension Configuration {
    /// Which addresses webhooks may reach.
    ///
    /// - Parameter ownAddresses: This machine's addresses besides loopback, for listeners on all of them.
    /// - Parameter bound: The listeners as bound; nil takes those configured, without ports the kernel chooses.
    package func addressPolicy(ownAddresses: [IPAddress] = [], bound: [AddressPolicy.Endpoint]? = nil) -> AddressPolicy
    {
        let configured = listeners.compactMap { listener -> AddressPolicy.Endpoint? in
            guard case .tcp(let address, let port) = listener.address.kind, port != 0 else { return nil }
            return AddressPolicy.Endpoint(address: address, port: port)
        }
        return AddressPolicy(
            networks: webhooks.networks, ownListeners: bound ?? configured, ownAddresses: ownAddresses,
            allowsPrivate: webhooks.privateAddresses)
    }

    /// What definitions of the API may say: variables and files from the configuration's list, networks inside its own.
    package func apiPolicy(addresses: AddressPolicy? = nil, surroundings: Surroundings = .process) -> DefinitionPolicy {
        DefinitionPolicy(
            origin: .api, addresses: addresses ?? addressPolicy(), allowsPlainHTTP: webhooks.plainHTTP,
            rights: .init(secrets: webhooks.secrets, folder: folder, surroundings: surroundings))
    }

    /// What the definition in the file at `path` may say: everything the operator could say in `fanfare.json`.
    package func filePolicy(path: String, surroundings: Surroundings = .process) -> DefinitionPolicy {
        DefinitionPolicy(
            origin: .file(path), addresses: addressPolicy(), allowsPlainHTTP: webhooks.plainHTTP,
            rights: .init(secrets: nil, folder: Surroundings.folder(of: path), surroundings: surroundings))
    }
}
