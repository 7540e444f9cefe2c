import FanfareBase

/// A configured interest with an identity: which events go to which webhook, and how (CONTRACT, sections 2 and 6).
///
/// Written in a file of `subscriptions.d` or made through the API. A plain value: replacing a definition keeps its cursor.
package struct SubscriptionDefinition: Sendable, Hashable {
    /// `[a-z0-9-]{1,64}`, unique in the service.
    package var id: String
    /// Whose it is: who may manage it.
    package var tenant = "default"
    /// Patterns of the topics it wants; at least one.
    package var topics: [String]
    /// Where its cursor begins; counts when it is created, never again.
    package var start = Start.latest
    /// Where its events go. Kept once for all who know the definition: it is most of it.
    @Shared package var webhook: Webhook
    /// Where the definition is kept.
    package var origin = Origin.api
    /// It is a file's that lists no secrets: it signs with those the service keeps for it.
    package var keepsSecrets = false

    /// A definition with the contract's defaults.
    package init(id: String, topics: [String], webhook: Webhook) {
        self.id = id
        self.topics = topics
        _webhook = Shared(webhook)
    }

    /// Where a definition is kept, and so who may change it.
    package enum Origin: Sendable, Hashable {
        /// The journal; the API changes it.
        case api
        /// The file at this path is the truth; the API answers 409.
        case file(String)
    }

    /// Where a new subscription begins.
    package enum Start: Sendable, Hashable {
        /// With the first event after its creation.
        case latest
        /// With the oldest retained event.
        case earliest
        /// After this position.
        case position(Position)
        /// With the first event accepted at or after this time.
        case time(WallTime)
    }

    /// An HTTP endpoint and how it is treated.
    package struct Webhook: Sendable, Hashable {
        /// Where requests go.
        package var url: WebhookURL
        /// Each gives one signature: `whsec_` an HMAC (`v1`), `whsk_` an ed25519 signature (`v1a`). Empty only in a
        /// definition as it was written: the service makes one for it.
        package var signingSecrets: [Secret] = []
        /// Secrets that were replaced and sign besides for a while.
        package var retiringSecrets: [RetiringSecret] = []
        /// What the request's body is.
        package var contentMode = ContentMode.structured
        /// Whether one delivery waits for another.
        package var order = Order.none
        /// Deliveries in flight at one time; 1 with `Order.all`.
        package var concurrency = 64
        /// One attempt from resolve to the end of the answer, in milliseconds.
        package var timeoutMilliseconds = 15_000
        /// What follows a failed attempt.
        package var retry = Retry()
        /// The most it wants to be asked; nil when it doesn't say.
        package var rateLimit: RateLimit?
        /// What the endpoint is asked before it gets events; nil when nobody asks.
        package var consent: Consent?
        /// Further headers, names in lowercase, in their order.
        package var headers: [Header] = []
        /// Networks it may reach although they would be refused as private, besides the configuration's.
        package var networks: [AddressNetwork] = []
        /// What TLS uses instead of the system's trust store, and as our identity; all nil by default.
        package var tls = TLSFiles()
        /// The content coding of bodies that become smaller by it.
        package var compression = Compression.none
        /// What a request carries beyond the default.
        package var include: Set<Inclusion> = []

        /// An endpoint with the contract's defaults.
        package init(url: WebhookURL) { self.url = url }
    }

    /// What an endpoint is asked before it gets events (CloudEvents HTTP 1.1 Web Hooks, section 4).
    package struct Consent: Sendable, Hashable {
        /// Who we are: `WebHook-Request-Origin`.
        package var origin: String
        /// Requests a minute that we should like to make, `WebHook-Request-Rate`; nil when we do not say.
        package var rate: Int?
    }

    /// A secret that signs for a while yet, so that receivers have time to learn its successor.
    package struct RetiringSecret: Sendable, Hashable {
        /// The secret.
        package var secret: Secret
        /// From then on it signs nothing.
        package var until: WallTime

        /// `secret`, which signs until `until`.
        package init(secret: Secret, until: WallTime) {
            self.secret = secret
            self.until = until
        }
    }

    /// What the body of a request is.
    package enum ContentMode: String, Sendable, Hashable, CaseIterable {
        /// The event as JSON.
        case structured
        /// The data as body and the attributes as `ce-*` headers.
        case binary
        /// The data alone.
        case data
    }

    /// The content coding of bodies.
    package enum Compression: String, Sendable, Hashable, CaseIterable {
        /// As they are.
        case none
        /// RFC 1952.
        case gzip
        /// RFC 8878.
        case zstd
    }

    /// Whether one delivery waits for another.
    package enum Order: String, Sendable, Hashable, CaseIterable {
        /// Up to `concurrency` in flight.
        case none
        /// One at a time, in sequence.
        case all
    }

    /// What is left out of a request unless it is asked for.
    package enum Inclusion: String, Sendable, Hashable, CaseIterable {
        /// The attribute `fanfareposition`.
        case position = "fanfareposition"
        /// The header `tracestate`.
        case traceState = "tracestate"
        /// The header `baggage`.
        case baggage
    }

    /// The waits between the attempts of one delivery.
    package struct Retry: Sendable, Hashable {
        /// Before the second attempt, the third, …, in milliseconds; after the last the delivery is given up on.
        package var delaysMilliseconds = Self.defaultDelaysMilliseconds
        /// Each wait is made longer or shorter by up to this share of it, at random. 0 to 1.
        package var jitter = 0.2

        /// 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h: nine retries over three days (Standard Webhooks).
        package static let defaultDelaysMilliseconds = [
            5_000, 300_000, 1_800_000, 7_200_000, 18_000_000, 36_000_000, 50_400_000, 72_000_000, 86_400_000,
        ]

        /// The defaults.
        package init() {}
    }

    /// A token bucket.
    package struct RateLimit: Sendable, Hashable {
        /// Requests a second in the long run.
        package var perSecond: Int
        /// Requests at once after a pause.
        package var burst: Int

        /// A bucket of `burst` filled with `perSecond`.
        package init(perSecond: Int, burst: Int) {
            self.perSecond = perSecond
            self.burst = burst
        }
    }

    /// A header of the requests.
    package struct Header: Sendable, Hashable {
        /// In lowercase.
        package var name: String
        /// Never shown: it may be a credential.
        package var value: Secret

        /// The header `name: value`.
        package init(name: String, value: Secret) {
            self.name = name
            self.value = value
        }
    }

    /// Resolved paths of PEM files.
    package struct TLSFiles: Sendable, Hashable {
        /// Certificates to trust instead of the system's; nil for the system's.
        package var ca: String?
        /// Our certificate for this endpoint; comes with `clientKey`.
        package var clientCertificate: String?
        /// Its private key.
        package var clientKey: String?

        /// No files.
        package init() {}
    }
}
