import FanfareBase
import FanfareTLS

/// What two subscriptions must have in common to share connections (CONTRACT, section 6).
struct EndpointKey: Hashable {
    /// Plain or TLS.
    var scheme: WebhookURL.Scheme
    /// A name in lowercase, or an address.
    var host: String
    /// Its port.
    var port: UInt16
    /// Whom we trust and who we are.
    var tls: SubscriptionDefinition.TLSFiles
    /// Which addresses may be connected to.
    var policy: AddressPolicy

    /// What the requests of `webhook` need.
    init(_ webhook: SubscriptionDefinition.Webhook, policy: AddressPolicy) {
        scheme = webhook.url.scheme
        host = webhook.url.host
        port = webhook.url.port
        tls = webhook.url.scheme == .https ? webhook.tls : SubscriptionDefinition.TLSFiles()
        self.policy = policy.opened(to: webhook.networks)
    }
}

/// The connections of one shard to one endpoint: kept alive, one request at a time each; over HTTP/2 the places on its
/// carriers.
///
/// Invariants: `idle` are open connections without a delivery, the one used last at the end; `count` are all there are,
/// those being opened included; new ones are opened only while `count` < `limit`.
final class EndpointPool {
    /// Where the connections lead.
    let key: EndpointKey
    /// Addresses that no lookup is needed for; nil for names.
    let literal: [IPAddress]?
    /// What TLS sessions are made with; nil on plain endpoints and when `failure` says why.
    let tls: TLSContext?
    /// Why no connection can be made: trusted certificates or our own could not be read.
    let failure: String?

    /// Connections open or being opened.
    private(set) var count = 0
    /// Subscriptions that use it.
    private(set) var users = 0
    /// Connections that wait for a request, the one used last at the end.
    private(set) var idle: [EndpointConnection] = []
    /// HTTP/2 connections that take further places.
    private(set) var carriers: [HTTP2Carrier] = []
    /// The connection opened last agreed on HTTP/2.
    var speaksHTTP2 = false
    /// Connections being opened; over HTTP/2 one is enough for all who wait.
    private var beingOpened = 0
    /// Attempts that its subscriptions together may have in flight.
    private var concurrency = 0
    /// Subscriptions that wait for a connection.
    private var waiters = RingQueue<UInt32>(limit: .max >> 1)
    /// What makes the next handshake short.
    var resumption: TLSResumption?

    /// A pool without connections.
    init(_ key: EndpointKey, literal: [IPAddress]?, tls: TLSContext?, failure: String?) {
        self.key = key
        self.literal = literal
        self.tls = tls
        self.failure = failure
    }

    /// Connections there may be.
    var limit: Int { max(1, min(concurrency, Limits.endpointConnectionsMax)) }
    /// Whether an attempt gets a connection now.
    var hasRoom: Bool {
        if !idle.isEmpty { return true }
        guard count < limit else { return false }
        return !speaksHTTP2 || beingOpened == 0 || carriers.contains { $0.hasRoom }
    }

    /// A subscription with so many attempts at once begins to use it.
    func join(concurrency: Int) {
        users += 1
        self.concurrency += concurrency
    }

    /// A subscription uses it no more. What is idle belongs to nobody when it was the last; the caller ends it.
    func leave(concurrency: Int) {
        users -= 1
        self.concurrency -= concurrency
    }

    /// The connection used last: the others get old and go.
    func takeIdle() -> EndpointConnection? { idle.popLast() }

    /// A new place on an HTTP/2 connection.
    func takePlace() -> EndpointConnection? {
        guard let carrier = carriers.first(where: { $0.hasRoom }) else { return nil }
        let place = EndpointConnection(pool: self, for: nil)
        carrier.add(place)
        count += 1
        return place
    }

    /// A connection is being opened.
    func opening(_ connection: EndpointConnection) {
        count += 1
        beingOpened += 1
        connection.isBeingOpened = true
    }

    /// A connection is open, or will not be.
    func opened(_ connection: EndpointConnection) {
        if connection.isBeingOpened { beingOpened -= 1 }
        connection.isBeingOpened = false
    }

    /// An HTTP/2 connection takes places.
    func add(_ carrier: HTTP2Carrier) { carriers.append(carrier) }

    /// An HTTP/2 connection takes no more places.
    func remove(_ carrier: HTTP2Carrier) { carriers.removeAll { $0 === carrier } }

    /// A connection has no delivery any more and can take the next one.
    func putBack(_ connection: EndpointConnection) { idle.append(connection) }

    /// A connection is over, or could not be opened.
    func remove(_ connection: EndpointConnection) {
        opened(connection)
        count -= 1
        idle.removeAll { $0 === connection }
    }

    /// A subscription waits for a connection.
    func await(_ slot: UInt32) { _ = waiters.append(slot) }

    /// The subscription that waits longest, if there is a connection for it.
    func nextWaiter() -> UInt32? { hasRoom ? waiters.popFirst() : nil }
}
