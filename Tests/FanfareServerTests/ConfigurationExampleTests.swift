import FanfareBase
import FanfareServer
import Testing

@Suite struct ConfigurationExampleTests {
    @Test func theContractsExamplesAreRead() throws {
        #expect(ContractExample.world.errors() == [])
        let loaded = try ContractExample.world.read()
        let configuration = loaded.configuration
        #expect(configuration.listeners.map(\.name) == ["public", "local", "stream"])
        #expect(configuration.listeners[0].tls?.certificate == "cert.pem")
        #expect(configuration.listeners[0].address.kind == .tcp(.v4(0), port: 8443))
        #expect(configuration.listeners[0].hosts == ["events.example.com"])
        #expect(configuration.listeners[0].origins == ["https://app.example.com"])
        #expect(configuration.listeners[1].serves == Set(Listener.Service.allCases))
        #expect(configuration.listeners[2].protocol == .stream)
        #expect(configuration.listeners[2].address.kind == .unix(path: "run/fanfare.sock"))
        #expect(configuration.topics == [.init(match: "telemetry.>", durability: .written), .init(match: ">")])
        #expect(configuration.tokens[0].secret.text == "0123456789abcdef")
        #expect(configuration.tokens[0].allow.manage == ["acme"])
        #expect(loaded.files == ["fanfare.json", "subscriptions.d/acme-billing.json"])
    }

    @Test func theContractsSubscriptionIsRead() throws {
        let subscription = try #require(try ContractExample.world.read().subscriptions.first)
        #expect(subscription.id == "acme-billing")
        #expect(subscription.origin == .file("subscriptions.d/acme-billing.json"))
        #expect(subscription.topics == ["acme.orders.>"])
        let webhook = subscription.webhook
        #expect(webhook.url.host == "billing.example.com")
        #expect(webhook.url.target == "/hooks")
        #expect(webhook.url.port == 443)
        #expect(webhook.signingSecrets.map(\.text) == [ContractExample.secret])
        #expect(webhook.retry == SubscriptionDefinition.Retry())
        #expect(webhook.rateLimit == .init(perSecond: 500, burst: 1000))
        #expect(
            webhook.headers == [
                .init(name: "authorization", value: Secret("Bearer x", origin: .environment("BILLING_AUTH")))
            ])
        #expect(webhook.networks.map(\.description) == ["10.2.0.0/16"])
        #expect(webhook.tls.ca == "subscriptions.d/ca.pem")
        #expect(webhook.tls.clientKey == "subscriptions.d/client.key")
    }

    @Test func filtersAreRefusedAsComingLater() {
        var world = ContractExample.world
        world.files["subscriptions.d/acme-billing.json"] = ContractExample.subscription.replacing(
            "\n  \"start\"", with: ContractExample.filters + "\n  \"start\"")
        #expect(
            world.errors() == [
                "subscriptions.d/acme-billing.json:6:3: /filters: found \"filters\" (event filters), which a later version "
                    + "brings; allowed is to leave it out"
            ])
    }

    @Test func anEmptyObjectMeansTheDefaults() throws {
        let loaded = try ConfigurationWorld(["fanfare.json": "{}"]).read()
        #expect(loaded.configuration == Configuration())
        #expect(loaded.subscriptions == [])
        let configuration = loaded.configuration
        #expect(configuration.dataDirectory == "data")
        #expect(configuration.shards == 0)
        #expect(configuration.listeners.count == 1)
        #expect(configuration.listeners[0].address.kind == .tcp(.v4(0x7F00_0001), port: 8080))
        #expect(configuration.listeners[0].serves == Set(Listener.Service.allCases))
        #expect(configuration.listeners[0].protocol == .http)
        #expect(configuration.listeners[0].tls == nil)
        #expect(configuration.listeners[0].anonymous == false)
        #expect(configuration.subscriptionsDirectory == "subscriptions.d")
        #expect(configuration.topics == [])
        #expect(configuration.log.segmentBytes == 64 << 20)
        #expect(configuration.log.retention.ageMilliseconds == 7 * 24 * 3_600_000)
        #expect(configuration.log.retention.sizeBytes == 10 << 30)
        #expect(configuration.log.deduplicationWindowMilliseconds == 600_000)
        #expect(configuration.webhooks.networks == [])
        #expect(configuration.webhooks.plainHTTP == false)
        #expect(configuration.webhooks.disableAfterMilliseconds == 5 * 24 * 3_600_000)
        #expect(configuration.webhooks.secrets.environment == [])
        #expect(configuration.webhooks.secrets.files == [])
        #expect(configuration.limits.eventBytes == 1 << 20)
        #expect(configuration.limits.connections == 100_000)
        #expect(configuration.limits.memoryBytes == 2 << 30)
        #expect(configuration.drainMilliseconds == 10_000)
        #expect(configuration.tokens == [])
    }

    @Test func withoutAFileTheDefaultsHoldUnlessOneWasNamed() throws {
        let nothing = ConfigurationWorld().surroundings
        #expect(try ConfigurationReader.read(nil, surroundings: nothing).configuration == Configuration())
        #expect(ConfigurationWorld().errors() == ["fanfare.json: the configuration does not exist"])
    }

    @Test func aShortSubscriptionHasTheContractsDefaults() throws {
        let body = #"{"topics": ["a"], "webhook": {"url": "https://example.com"}}"#
        let definition = try SubscriptionDefinition.parse(
            Array(body.utf8), id: "x",
            policy: Configuration().apiPolicy(surroundings: ConfigurationWorld().surroundings))
        #expect(
            definition
                == SubscriptionDefinition(
                    id: "x", topics: ["a"], webhook: .init(url: try WebhookURL("https://example.com/"))))
        #expect(definition.tenant == "default")
        #expect(definition.start == .latest)
        #expect(definition.origin == .api)
        #expect(definition.webhook.contentMode == .structured)
        #expect(definition.webhook.order == .none)
        #expect(definition.webhook.concurrency == 64)
        #expect(definition.webhook.timeoutMilliseconds == 15_000)
        #expect(
            definition.webhook.retry.delaysMilliseconds == [
                5_000, 300_000, 1_800_000, 7_200_000, 18_000_000, 36_000_000, 50_400_000, 72_000_000, 86_400_000,
            ])
        #expect(definition.webhook.retry.jitter == 0.2)
        #expect(definition.webhook.rateLimit == nil)
        #expect(
            definition.webhook.headers == [] && definition.webhook.networks == [] && definition.webhook.include == [])
        #expect(definition.webhook.signingSecrets == [])
        #expect(definition.webhook.tls == .init())
    }

    @Test func pathsAreRelativeToTheFileTheyStandIn() throws {
        let text = #"{"listeners": [{"name": "a", "address": "unix:run/a"}], "subscriptions_directory": "/s"}"#
        let world = ConfigurationWorld([
            "etc/f.json": text,
            "/s/x.json":
                #"{"id": "x", "topics": ["a"], "webhook": {"url": "https://a.example", "signing_secrets": [{"file": "k"}]}}"#,
            "/s/k": ContractExample.secret + "\r\n",
        ])
        let loaded = try ConfigurationReader.read("etc/f.json", surroundings: world.surroundings)
        #expect(loaded.configuration.dataDirectory == "etc/data")
        #expect(loaded.configuration.folder == "etc")
        #expect(loaded.configuration.listeners[0].address.kind == .unix(path: "etc/run/a"))
        #expect(
            loaded.subscriptions[0].webhook.signingSecrets == [Secret(ContractExample.secret, origin: .file("/s/k"))])
    }

    @Test func developmentStaysOnLoopbackAndOpensPrivateWebhooks() throws {
        let world = ConfigurationWorld([
            "fanfare.json":
                #"{"listeners": [{"name": "a", "address": "0.0.0.0:80"}, {"name": "b", "address": "[::]:81"}]}"#,
            "subscriptions.d/x.json":
                #"{"id": "x", "topics": ["a"], "webhook": {"url": "http://127.0.0.1:9000", "signing_secrets": ["\#(ContractExample.secret)"]}}"#,
        ])
        #expect(world.errors().count == 4)
        let loaded = try world.read(development: true)
        #expect(loaded.configuration.listeners.map(\.address.text) == ["127.0.0.1:80", "[::1]:81"])
        #expect(loaded.configuration.listeners.allSatisfy { $0.address.isLocal })
        #expect(loaded.subscriptions[0].webhook.retry.delaysMilliseconds.prefix(3) == [1000, 5000, 300_000])
        #expect(loaded.configuration.addressPolicy().allows([10, 0, 0, 1], port: 80))
        #expect(!loaded.configuration.addressPolicy().allows([169, 254, 169, 254], port: 80))
        #expect(!loaded.configuration.addressPolicy().allows([127, 0, 0, 1], port: 80))
    }
}
