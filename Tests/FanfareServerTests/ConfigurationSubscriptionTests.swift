import FanfareBase
import FanfareServer
import Testing

@Suite struct ConfigurationSubscriptionTests {
    private static let pattern = "a topic pattern such as \"orders.*.paid\" or \"orders.>\""
    private static let signing =
        "\"whsec_\" and base64 of 24 to 64 bytes (`openssl rand -base64 32`), or \"whsk_\" and base64 of an ed25519 private key "
        + "of 32 or 64 bytes"

    /// The URL of a webhook and what is wrong with it.
    static let urls: [(String, String)] = [
        ("ftp://x", "the string \"ftp://x\", allowed is an absolute URL that begins with https://"),
        ("https://x/#a", "the string \"https://x/#a\", allowed is a URL without #fragment"),
        (
            "https://x/ä",
            "the string \"https://x/ä\", allowed is a URL of printable ASCII, other characters percent-encoded and names in "
                + "punycode"
        ),
        ("https://x:0/", "the string \"https://x:0/\", allowed is a host and a port from 1 to 65535"),
        ("https://x:99999", "the string \"https://x:99999\", allowed is a host and a port from 1 to 65535"),
        ("https:///a", "the string \"https:///a\", allowed is a host and a port from 1 to 65535"),
        (
            "https://-a.example",
            "the string \"https://-a.example\", allowed is a host name of letters, digits and hyphens, or an address"
        ),
        (
            "https://2130706433",
            "the string \"https://2130706433\", allowed is an IPv4 address as four decimal numbers such as 192.0.2.1"
        ),
        (
            "http://a.example",
            "an http URL, allowed is https, unless the configuration says \"webhooks\": {\"plain_http\": true}"
        ),
        ("https://10.0.0.1", "10.0.0.1, which is private, allowed is a public address, unless \"networks\" lists it"),
        (
            "https://127.0.0.1",
            "127.0.0.1, which is loopback, allowed is a public address, unless \"networks\" lists it"
        ),
        (
            "https://169.254.169.254",
            "169.254.169.254, which is a cloud's metadata service, allowed is a public address"
        ),
        (
            "https://[::ffff:a9fe:a9fe]",
            "::ffff:a9fe:a9fe, which is an IPv4 address inside IPv6 of 169.254.169.254, which is a cloud's metadata service, "
                + "allowed is a public address"
        ),
    ]

    @Test(arguments: urls) func aBadURLIsRefusedWithItsReason(_ url: String, _ error: String) {
        let body = #"{"topics": ["a"], "webhook": {"url": "\#(url)"}}"#
        #expect(ConfigurationWorld.bodyErrors(body) == ["/webhook/url: found \(error)"])
    }

    @Test(arguments: ["localhost", "hooks.localhost", "internal.example"])
    func namesAreJudgedWhenConnectingNotWhenSaved(_ name: String) {
        #expect(ConfigurationWorld.bodyErrors(#"{"topics": ["a"], "webhook": {"url": "https://\#(name)"}}"#) == [])
    }

    private func webhookErrors(_ rest: String) -> [String] {
        ConfigurationWorld.bodyErrors(#"{"topics": ["a"], "webhook": {"url": "https://a.example", \#(rest)}}"#)
    }

    @Test func missingAndMisspeltKeysAreTold() {
        #expect(
            ConfigurationWorld.bodyErrors("{}") == [
                ": found no \"topics\", allowed is a list of 1 to 64 of: \(Self.pattern)",
                ": found no \"webhook\", allowed is an object (a webhook)",
            ])
        #expect(
            ConfigurationWorld.bodyErrors(#"{"topics": ["a"], "webhok": 1, "webhook": {"url": "https://a.example"}}"#)
                == [
                    "/webhok: found the unknown key \"webhok\", did you mean \"webhook\"? Allowed are id, tenant, topics, start, webhook"
                ])
        #expect(
            ConfigurationWorld.bodyErrors(
                #"{"id": "b", "topics": ["a", "a", "b>"], "start": "now", "tenant": "A", "webhook": 5}"#) == [
                    "/id: found \"b\", allowed is the id of the request's path, \"a\"",
                    "/topics/1: found the string \"a\" again, allowed is one of each",
                    "/topics/2: found the string \"b>\", which has a wildcard inside a token; * and > stand for whole tokens, allowed is \(Self.pattern)",
                    "/start: found the string \"now\", allowed is \"latest\", \"earliest\", a position such as "
                        + "\"6553f100-0000000000000042\" or a time such as \"2026-01-31T12:00:00Z\"",
                    "/tenant: found the string \"A\", allowed is 1 to 64 of a-z, 0-9 and -",
                    "/webhook: found the number 5, allowed is an object",
                ])
    }

    @Test func numbersAndTimesHaveRanges() {
        #expect(
            webhookErrors(#""concurrency": 0, "timeout": "1h", "retry": {"delays": ["1ms"], "jitter": 2}"#) == [
                "/webhook/concurrency: found the number 0, allowed is an integer from 1 to 1024",
                "/webhook/timeout: found the string \"1h\", allowed is a duration (ms, s, m, h or d) from \"100ms\" to \"5m\"",
                "/webhook/retry/delays/0: found the string \"1ms\", allowed is a duration (ms, s, m, h or d) from \"100ms\" to "
                    + "\"30d\"",
                "/webhook/retry/jitter: found the number 2, allowed is a number from 0 to 1",
            ])
        #expect(
            webhookErrors(#""order": "all", "concurrency": 2, "rate_limit": {"per_second": 0}, "include": ["x"]"#) == [
                "/webhook/concurrency: found 2 with order \"all\", allowed is 1, or to leave it out",
                "/webhook/rate_limit: found no \"burst\", allowed is an integer from 1 to 1000000",
                "/webhook/rate_limit/per_second: found the number 0, allowed is an integer from 1 to 1000000",
                "/webhook/include/0: found the string \"x\", allowed is \"fanfareposition\" or \"tracestate\" or \"baggage\"",
            ])
    }

    @Test func whoWritesThroughTheAPIMayNotNameTheOperatorsSecretsFilesAndNetworks() {
        #expect(
            webhookErrors(
                #""signing_secrets": ["whsec_AAAA", "hello", {"env": "X"}, {"file": "/etc/passwd"}], "networks": ["10.0.0.0/8"], "tls": {"client_key": "x"}"#
            ) == [
                "/webhook/signing_secrets/0: found a secret of 10 characters, allowed is \(Self.signing)",
                "/webhook/signing_secrets/1: found a secret of 5 characters, allowed is \(Self.signing)",
                "/webhook/signing_secrets/2/env: found the environment variable X, allowed is one that \"webhooks\": {\"secrets\": "
                    + "{\"env\": […]}} of the configuration lists",
                "/webhook/signing_secrets/3/file: found the file /etc/passwd, allowed is one that \"webhooks\": {\"secrets\": "
                    + "{\"files\": […]}} of the configuration lists",
                "/webhook/networks/0: found the network 10.0.0.0/8, allowed is networks inside those of the configuration's "
                    + "\"webhooks\"",
                "/webhook/tls: found only one of \"client_certificate\" and \"client_key\", allowed is both or none",
                "/webhook/tls/client_key: found the file x, allowed is one that \"webhooks\": {\"secrets\": {\"files\": […]}} of "
                    + "the configuration lists",
            ])
    }

    @Test func whatTheConfigurationListsIsOpenToTheAPI() throws {
        var configuration = Configuration()
        configuration.webhooks.networks = [try #require(AddressNetwork("10.0.0.0/8"))]
        configuration.webhooks.secrets.environment = ["X"]
        configuration.webhooks.secrets.files = ["k"]
        configuration.webhooks.plainHTTP = true
        let world = ConfigurationWorld(
            ["k": ContractExample.secret + "\n"], variables: ["X": ContractExample.secret + "\n"])
        func parse(_ text: String) throws(Diagnostics) -> SubscriptionDefinition {
            try .parse(Array(text.utf8), id: "a", policy: configuration.apiPolicy(surroundings: world.surroundings))
        }
        let definition = try parse(
            #"{"topics": ["a"], "webhook": {"url": "http://10.1.2.3:80/x?y", "signing_secrets": [{"file": "k"}], "networks": ["10.1.0.0/16"]}}"#
        )
        #expect(definition.webhook.url.authority == "10.1.2.3")
        #expect(definition.webhook.url.target == "/x?y")
        #expect(definition.webhook.signingSecrets.map(\.text) == [ContractExample.secret])
        #expect(throws: Diagnostics.self) {
            // Only a file's final line feed is not part of a secret.
            try parse(#"{"topics": ["a"], "webhook": {"url": "https://a.example", "signing_secrets": [{"env": "X"}]}}"#)
        }
    }

    @Test func headersThatAreOursOrNoneAreRefused() {
        let ours =
            "which fanfare sets itself, allowed is any but framing, host, content-type, user-agent, trace context, webhook-*, "
            + "ce-* and fanfare-*"
        #expect(
            webhookErrors(
                #""headers": {"Host": "x", "webhook-id": "x", "ce-id": "x", "Transfer-Encoding": "x", "a b": "c", "X-A": "1", "x-a": "2", "x-b": "a\nb", "x-c": 5}"#
            ) == [
                "/webhook/headers/Host: found the header \"Host\", \(ours)",
                "/webhook/headers/webhook-id: found the header \"webhook-id\", \(ours)",
                "/webhook/headers/ce-id: found the header \"ce-id\", \(ours)",
                "/webhook/headers/Transfer-Encoding: found the header \"Transfer-Encoding\", \(ours)",
                "/webhook/headers/a b: found the header name \"a b\", allowed is a header name of RFC 9110",
                "/webhook/headers/x-a: found the header \"x-a\" again, allowed is one of each, whatever its case",
                "/webhook/headers/x-b: found a secret of 3 characters, allowed is at most 4096 printable ASCII characters, no space "
                    + "at the ends",
                "/webhook/headers/x-c: found a number, allowed is a string, {\"env\": \"NAME\"} or {\"file\": \"path\"}",
            ])
    }

    @Test func aDefinitionIsStoredAndReadAgainAsItWas() throws {
        var configuration = Configuration()
        configuration.webhooks.networks = [try #require(AddressNetwork("0.0.0.0/0"))]
        configuration.webhooks.secrets.environment = ["S"]
        configuration.webhooks.secrets.files = ["ca.pem"]
        let world = ConfigurationWorld(["ca.pem": ContractExample.pem], variables: ["S": ContractExample.secret])
        let policy = configuration.apiPolicy(surroundings: world.surroundings)
        for start in ["latest", "earliest", "6553f100-0000000000000042", "2026-01-31T12:00:00.000000001Z"] {
            for order in ["\"none\", \"concurrency\": 7", "\"all\""] {
                let text = """
                    {"topics": ["a", "b.>"], "tenant": "t", "start": "\(start)", "webhook": {"url": "https://[2606::1]:444/x?y=%20",
                     "signing_secrets": [{"env": "S"}, "\(ContractExample.secret)"], "content_mode": "binary", "order": \(order),
                     "timeout": "250ms", "retry": {"delays": ["1s", "90s"], "jitter": 0.25},
                     "rate_limit": {"per_second": 5, "burst": 6}, "headers": {"X-A": "b", "x-c": {"env": "S"}},
                     "networks": ["10.0.0.0/8"], "tls": {"ca": "ca.pem"}, "include": ["baggage", "fanfareposition"]}}
                    """
                let definition = try SubscriptionDefinition.parse(Array(text.utf8), id: "a", policy: policy)
                let again = try SubscriptionDefinition.parse(definition.stored, id: nil, policy: policy)
                #expect(again == definition)
                let shown = String(decoding: definition.shown.page, as: UTF8.self)
                #expect(!shown.contains(ContractExample.secret) && !shown.contains("\"b\""))
                #expect(shown.contains("{\"env\": \"S\"}") || shown.contains("\"env\": \"S\""))
                #expect(throws: Diagnostics.self) {
                    try SubscriptionDefinition.parse(Array(shown.utf8), id: nil, policy: policy)
                }
            }
        }
    }

    @Test func theIdOfThePathIsCheckedToo() {
        let policy = Configuration().apiPolicy(surroundings: ConfigurationWorld().surroundings)
        #expect(throws: Diagnostics.self) {
            try SubscriptionDefinition.parse(
                Array(#"{"topics": ["a"], "webhook": {"url": "https://a.example"}}"#.utf8), id: "A/b", policy: policy)
        }
        #expect(
            SubscriptionDefinition.isID("a-1") && !SubscriptionDefinition.isID("")
                && !SubscriptionDefinition.isID("a_b"))
        #expect(!SubscriptionDefinition.isID(String(repeating: "a", count: 65)))
    }

    @Test func timesAreReadAndWritten() {
        let cases: [(String, UInt64?)] = [
            ("1970-01-01T00:00:00Z", 0), ("1970-01-01T00:00:01.5Z", 1_500_000_000),
            ("2000-02-29T23:59:60Z", 951_868_800_000_000_000), ("2026-01-31t12:00:00+01:30", 1_769_855_400_000_000_000),
            ("2026-01-31T12:00:00-00:00", 1_769_860_800_000_000_000), ("2023-02-29T00:00:00Z", nil),
            ("2026-13-01T00:00:00Z", nil), ("2026-01-31T24:00:00Z", nil), ("2026-01-31T12:00:00", nil),
            ("2026-01-31 12:00:00Z", nil), ("2026-01-31T12:00:00.Z", nil),
            ("2026-01-31T12:00:00.1234567899Z", 1_769_860_800_123_456_789),
            ("1969-12-31T23:59:59Z", 0), ("1970-01-01T00:00:00+00:01", 0), ("0000-01-01T00:00:00Z", 0),
            ("2026-01-31T12:00:00Zx", nil), ("", nil), ("2262-01-01T00:00:00Z", UInt64(Int64.max)),
            ("9999-12-31T23:59:59Z", UInt64(Int64.max)),
        ]
        for (text, nanoseconds) in cases { #expect(RFC3339.time(text)?.nanoseconds == nanoseconds, "\(text)") }
        for seconds: UInt64 in [0, 951_782_400, 951_868_799, 1_769_860_800, 4_102_444_799] {
            let time = WallTime(nanoseconds: seconds * 1_000_000_000 + seconds % 2)
            #expect(RFC3339.time(RFC3339.text(time)) == time)
        }
    }
}
