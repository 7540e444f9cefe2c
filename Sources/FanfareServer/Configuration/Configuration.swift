/// Everything `fanfare.json` says, checked and with its defaults filled in (CONTRACT, section 2).
///
/// A plain value: reading it again and comparing tells what a reload changes. Paths are resolved against the file they
/// were written in. The tables that read it, describe it as JSON Schema and suggest its keys are one and the same
/// (`ConfigurationForms`).
package struct Configuration: Sendable, Hashable {
    /// Where the log, the journal and keys are kept. Created when missing.
    package var dataDirectory = "data"
    /// Threads that carry connections, 0 meaning one per core. 0 to `ConfigurationRange.shards`.
    package var shards = 0
    /// Where the service listens; never empty.
    package var listeners: [Listener] = [.default]
    /// The folder of subscription files.
    package var subscriptionsDirectory = "subscriptions.d"
    /// Which topics are acknowledged when; the first match wins, no match means `synced`.
    package var topics: [TopicRule] = []
    /// The event log.
    package var log = LogSettings()
    /// What holds for every webhook.
    package var webhooks = WebhookSettings()
    /// The bounds of the whole service.
    package var limits = LimitSettings()
    /// How long closing connections is spread over after SIGTERM, in milliseconds.
    package var drainMilliseconds = 10_000
    /// Who may do what. Empty: nobody has to say who they are, which only loopback and `anonymous` listeners allow.
    package var tokens: [AccessToken] = []
    /// Whose JSON Web Tokens are taken besides; nil: nobody's.
    package var jwt: TokenVerifier?

    /// How much tenants may have; those not named, and without `*`, have no bound of their own.
    package var tenants: [TenantQuota] = []

    /// The folder of the file it was read from; empty for the working folder. Definitions from the API resolve their paths
    /// against it.
    package var folder = ""

    /// The configuration that `{}` means.
    package init() {}

    /// When the publisher of an event hears that it is accepted.
    package enum Durability: String, Sendable, Hashable, CaseIterable {
        /// After fdatasync: survives power loss.
        case synced
        /// After write: survives kill -9, not power loss.
        case written
    }

    /// One line of `topics`.
    package struct TopicRule: Sendable, Hashable {
        /// The pattern of the topics it is about.
        package var match: String
        /// When events on them are acknowledged.
        package var durability: Durability

        /// A rule for the topics that `match` matches.
        package init(match: String, durability: Durability = .synced) {
            self.match = match
            self.durability = durability
        }
    }

    /// How large the log's files are, how long it keeps events and remembers their ids.
    package struct LogSettings: Sendable, Hashable {
        /// Bytes of one segment file.
        package var segmentBytes = 64 << 20
        /// What is kept.
        package var retention = Retention()
        /// How long a publisher's (topic, source, id) is remembered, in milliseconds; 0 remembers none.
        package var deduplicationWindowMilliseconds = 600_000

        /// The defaults.
        package init() {}
    }

    /// How much of the log is kept; what exceeds either bound is removed, oldest segments first.
    package struct Retention: Sendable, Hashable {
        /// Events older than this may be removed, in milliseconds.
        package var ageMilliseconds = 7 * 86_400_000
        /// Bytes the log's files may take.
        package var sizeBytes = 10 << 30

        /// The defaults.
        package init() {}
    }

    /// How much a tenant may have.
    package struct TenantQuota: Sendable, Hashable {
        /// Whose it is; `*` for each tenant that is not named.
        package var name: String
        /// Subscriptions there may be.
        package var subscriptions: Int

        /// So many subscriptions for `name`.
        package init(name: String, subscriptions: Int) {
            self.name = name
            self.subscriptions = subscriptions
        }
    }

    /// What holds for every webhook subscription.
    package struct WebhookSettings: Sendable, Hashable {
        /// Networks that webhooks may reach although they would be refused as private.
        package var networks: [AddressNetwork] = []
        /// Whether `http` URLs are accepted.
        package var plainHTTP = false
        /// How long nothing but failure disables a subscription, in milliseconds.
        package var disableAfterMilliseconds = 5 * 86_400_000
        /// How long a rotated secret signs besides its successor unless the request says, in milliseconds.
        package var secretOverlapMilliseconds = 86_400_000
        /// What subscriptions made through the API may take secrets from.
        package var secrets = SecretAllowance()
        /// What connections to endpoints go through; nil: straight there.
        package var proxy: EgressProxy?
        /// Whether private addresses are reachable without being listed: only in development.
        package var privateAddresses = false

        /// The defaults.
        package init() {}
    }

    /// An HTTP proxy that every connection to an endpoint is tunnelled through (CONNECT, RFC 9110, section 9.3.6).
    package struct EgressProxy: Sendable, Hashable {
        /// Where it listens: `http`, a host and a port. Chosen by the operator, so no address of it is refused.
        package var url: WebhookURL
        /// The value of `proxy-authorization`; never shown.
        package var authorization: Secret?
        /// Whether it is given the endpoints' names instead of addresses that have been looked up and checked.
        package var resolvesNames = false

        /// A proxy that is given addresses.
        package init(url: WebhookURL) { self.url = url }
    }

    /// The variables and files that subscriptions made through the API may name.
    package struct SecretAllowance: Sendable, Hashable {
        /// Names of environment variables, exactly.
        package var environment: [String] = []
        /// Paths of files, resolved, exactly.
        package var files: [String] = []

        /// Nothing.
        package init() {}
    }

    /// The bounds of the whole service. What happens at each is in `docs/CONFIGURATION.md`.
    package struct LimitSettings: Sendable, Hashable {
        /// Bytes of one event, envelope included.
        package var eventBytes = 1 << 20
        /// Client connections at one time, all listeners together.
        package var connections = 100_000
        /// Client connections of one address at one time; IPv6 addresses count by their /64.
        package var connectionsPerAddress = 20_000
        /// Bytes that all pools together may take.
        package var memoryBytes = 2 << 30

        /// The defaults.
        package init() {}
    }

    /// Someone who may do something, known by a secret.
    package struct AccessToken: Sendable, Hashable {
        /// Shown in logs, and in the `source` of events published without one: `/tokens/NAME`.
        package var name: String
        /// What the client sends: 16 to 512 characters.
        package var secret: Secret
        /// What it may do.
        package var allow: Rights

        /// A token without any rights unless they are given.
        package init(name: String, secret: Secret, allow: Rights = Rights()) {
            self.name = name
            self.secret = secret
            self.allow = allow
        }
    }

    /// What a token may do; nothing by default.
    package struct Rights: Sendable, Hashable {
        /// Patterns of the topics it may publish to.
        package var publish: [String]
        /// Patterns of the topics it may subscribe to.
        package var subscribe: [String]
        /// Tenants whose subscriptions it may manage; `*` is every tenant.
        package var manage: [String]

        /// These rights.
        package init(publish: [String] = [], subscribe: [String] = [], manage: [String] = []) {
            self.publish = publish
            self.subscribe = subscribe
            self.manage = manage
        }
    }
}
