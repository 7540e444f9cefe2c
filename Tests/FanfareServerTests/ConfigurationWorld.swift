import FanfareBase
import FanfareServer
import Testing

/// Files and variables that exist only for one test.
struct ConfigurationWorld: Sendable {
    var files: [String: String] = [:]
    var variables: [String: String] = [:]
    /// Paths that exist but may not be read.
    var forbidden: Set<String> = []

    init(_ files: [String: String] = [:], variables: [String: String] = [:]) {
        self.files = files
        self.variables = variables
    }

    var surroundings: Surroundings {
        Surroundings(
            file: { path in
                if forbidden.contains(path) { return .failure(.forbidden) }
                return files[path].map { .success(Array($0.utf8)) } ?? .failure(.missing)
            },
            names: { folder in
                if forbidden.contains(folder) { return .failure(.forbidden) }
                let prefix = folder + "/"
                let names = files.keys.filter { $0.hasPrefix(prefix) }.map { String($0.dropFirst(prefix.count)) }
                return names.isEmpty ? .failure(.missing) : .success(names.filter { !$0.contains("/") })
            },
            variable: { variables[$0] })
    }

    /// Reads `fanfare.json` of this world.
    func read(development: Bool = false) throws(Diagnostics) -> LoadedConfiguration {
        try ConfigurationReader.read("fanfare.json", development: development, surroundings: surroundings)
    }

    /// What is wrong with this world, one a line; empty when nothing is.
    func errors(development: Bool = false) -> [String] {
        do throws(Diagnostics) {
            _ = try read(development: development)
            return []
        } catch {
            return error.all.map(\.description)
        }
    }

    /// The errors of a configuration of this text alone.
    static func errors(_ text: String) -> [String] { ConfigurationWorld(["fanfare.json": text]).errors() }

    /// The errors of a subscription of this text, as the body of a request for the id `a`.
    static func bodyErrors(_ text: String, _ configuration: Configuration = Configuration()) -> [String] {
        let policy = configuration.apiPolicy(surroundings: ConfigurationWorld().surroundings)
        do throws(Diagnostics) {
            _ = try SubscriptionDefinition.parse(Array(text.utf8), id: "a", policy: policy)
            return []
        } catch {
            return error.all.map { "\($0.pointer): \($0.message)" }
        }
    }
}

/// The contract's two examples, without the keys that come later.
enum ContractExample {
    static let configuration = """
        {
          "data_directory": "data",
          "shards": 0,
          "listeners": [
            {"name": "public", "address": "0.0.0.0:8443", "tls": {"certificate": "cert.pem", "private_key": "key.pem"},
             "serves": ["publish", "subscribe"], "hosts": ["events.example.com"], "origins": ["https://app.example.com"]},
            {"name": "local",  "address": "127.0.0.1:8080", "serves": ["publish", "subscribe", "manage", "probe"]},
            {"name": "stream", "address": "unix:run/fanfare.sock", "protocol": "stream", "serves": ["publish", "subscribe"]}
          ],
          "subscriptions_directory": "subscriptions.d",
          "topics": [{"match": "telemetry.>", "durability": "written"}, {"match": ">", "durability": "synced"}],
          "log": {"segment_size": "64MiB", "retention": {"age": "7d", "size": "10GiB"}, "deduplication_window": "10m"},
          "webhooks": {"networks": [], "plain_http": false},
          "limits": {"event_size": "1MiB", "connections": 100000, "memory": "2GiB"},
          "drain": "10s",
          "tokens": [{"name": "backend", "secret": {"env": "FANFARE_TOKEN"},
                      "allow": {"publish": ["acme.>"], "subscribe": ["acme.>"], "manage": ["acme"]}}]
        }
        """
    static let filters = "\n  \"filters\": [{\"not\": {\"exact\": {\"subject\": \"test\"}}}],"
    static let subscription = """
        {
          "$schema": "subscription.schema.json",
          "id": "acme-billing",
          "tenant": "acme",
          "topics": ["acme.orders.>"],
          "start": "latest",
          "webhook": {
            "url": "https://billing.example.com/hooks",
            "signing_secrets": [{"env": "BILLING_WEBHOOK_SECRET"}],
            "content_mode": "structured",
            "order": "none",
            "concurrency": 64,
            "timeout": "15s",
            "retry": {"delays": ["5s", "5m", "30m", "2h", "5h", "10h", "14h", "20h", "24h"], "jitter": 0.2},
            "rate_limit": {"per_second": 500, "burst": 1000},
            "headers": {"authorization": {"env": "BILLING_AUTH"}},
            "networks": ["10.2.0.0/16"],
            "tls": {"ca": "ca.pem", "client_certificate": "client.pem", "client_key": "client.key"}
          }
        }
        """
    static let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    static let pem = "-----BEGIN CERTIFICATE-----\n"

    static var world: ConfigurationWorld {
        ConfigurationWorld(
            [
                "fanfare.json": configuration, "cert.pem": pem, "key.pem": pem,
                "subscriptions.d/acme-billing.json": subscription, "subscriptions.d/ca.pem": pem,
                "subscriptions.d/client.pem": pem, "subscriptions.d/client.key": pem,
            ],
            variables: [
                "FANFARE_TOKEN": "0123456789abcdef", "BILLING_WEBHOOK_SECRET": secret, "BILLING_AUTH": "Bearer x",
            ])
    }
}
