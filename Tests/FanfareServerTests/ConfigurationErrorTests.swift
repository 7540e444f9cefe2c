import FanfareBase
import FanfareServer
import Testing

/// A text of `fanfare.json` and everything that is wrong with it, as it is told.
struct WrongConfiguration: Sendable, CustomTestStringConvertible {
    var text: String
    var errors: [String]
    var testDescription: String { text }

    init(_ text: String, _ errors: String...) {
        self.text = text
        self.errors = errors
    }
}

@Suite struct ConfigurationErrorTests {
    private static let configurationKeys =
        "data_directory, shards, listeners, subscriptions_directory, topics, log, webhooks, limits, drain, tenants, tokens, jwt"
    private static let secretForms = "a string, {\"env\": \"NAME\"} or {\"file\": \"path\"}"
    private static let pattern = "a topic pattern such as \"orders.*.paid\" or \"orders.>\""
    private static let address =
        "\"ADDRESS:PORT\", \"[IPV6]:PORT\", \"localhost:PORT\" or \"unix:PATH\" (ports 0 to 65535, paths of at most 107 bytes)"

    static let keys = [
        WrongConfiguration(
            #"{"shard": 1}"#,
            "1:2: /shard: found the unknown key \"shard\", did you mean \"shards\"? Allowed are \(configurationKeys)"),
        WrongConfiguration(
            #"{"zzz": 1}"#, "1:2: /zzz: found the unknown key \"zzz\", allowed are \(configurationKeys)"),
        WrongConfiguration(
            "{\"shards\": 1,\n \"shards\": 2}",
            "2:2: /shards: found the key a second time (the first is at line 1, column 2), allowed is one"),
        WrongConfiguration("[]", "1:1: (whole file): found an array, allowed is an object"),
        WrongConfiguration("", "1:1: not JSON: found the end of the text, allowed is a value"),
        WrongConfiguration("{\"a\":\n }", "2:2: not JSON: found '}', allowed is a value"),
        WrongConfiguration(
            #"{"$schema": 1, "a/b~": 2}"#, "1:13: /$schema: found the number 1, allowed is a string",
            "1:16: /a~1b~0: found the unknown key \"a/b~\", allowed are \(configurationKeys)"),
    ]

    static let values = [
        WrongConfiguration(
            #"{"shards": "four"}"#, "1:12: /shards: found the string \"four\", allowed is an integer from 0 to 256"),
        WrongConfiguration(
            #"{"shards": 300}"#, "1:12: /shards: found the number 300, allowed is an integer from 0 to 256"),
        WrongConfiguration(
            #"{"shards": 1.5}"#, "1:12: /shards: found the number 1.5, allowed is an integer from 0 to 256"),
        WrongConfiguration(#"{"shards": null}"#, "1:12: /shards: found null, allowed is an integer from 0 to 256"),
        WrongConfiguration(
            #"{"drain": 5}"#,
            "1:11: /drain: found the number 5, allowed is a duration (ms, s, m, h or d) from \"0ms\" to \"10m\""),
        WrongConfiguration(
            #"{"drain": "11m"}"#,
            "1:11: /drain: found the string \"11m\", allowed is a duration (ms, s, m, h or d) from \"0ms\" to \"10m\""),
        WrongConfiguration(
            #"{"limits": {"event_size": "1MB"}}"#,
            "1:27: /limits/event_size: found the string \"1MB\", allowed is a size (B, KiB, MiB, GiB or TiB) from \"1KiB\" to "
                + "\"16MiB\""),
        WrongConfiguration(#"{"limits": []}"#, "1:12: /limits: found an array, allowed is an object"),
        WrongConfiguration(
            #"{"topics": [{"match": "a..b"}, {"durability": "fast"}]}"#,
            "1:23: /topics/0/match: found the string \"a..b\", which has an empty token (a dot at an end, or two beside each other), allowed is \(pattern)",
            "1:32: /topics/1: found no \"match\", allowed is \(pattern)",
            "1:47: /topics/1/durability: found the string \"fast\", allowed is \"synced\" or \"written\""),
        WrongConfiguration(
            #"{"webhooks": {"networks": ["10.0.0.1/8", "fd00::/8"], "plain_http": 1}}"#,
            "1:28: /webhooks/networks/0: found the string \"10.0.0.1/8\", allowed is a network in CIDR notation such as "
                + "\"10.2.0.0/16\" or \"fd12:3456::/32\", its host bits zero",
            "1:69: /webhooks/plain_http: found the number 1, allowed is true or false"),
        WrongConfiguration(
            #"{"data_directory": ""}"#, "1:20: /data_directory: found the string \"\", allowed is the path of a folder"),
    ]

    static let listeners = [
        WrongConfiguration(
            #"{"listeners": []}"#,
            "1:15: /listeners: found a list of 0, allowed is a list of 1 to 64 of: an object (a listener)"),
        WrongConfiguration(
            #"{"listeners": [{"name": "A", "address": "example.com:80"}]}"#,
            "1:25: /listeners/0/name: found the string \"A\", allowed is 1 to 64 of a-z, 0-9 and -",
            "1:41: /listeners/0/address: found the string \"example.com:80\", allowed is \(address)"),
        WrongConfiguration(
            #"{"listeners": [{"name": "a", "address": "0.0.0.0:80"}]}"#,
            "1:41: /listeners/0/address: found \"0.0.0.0:80\", which other machines can reach, without any tokens, allowed is a "
                + "loopback address, \"tokens\", \"jwt\", or \"anonymous\": true on the listener"),
        WrongConfiguration(
            #"{"listeners": [{"name": "a", "address": "127.0.0.1:80"}, {"name": "a", "address": "localhost:80"}]}"#,
            "1:67: /listeners/1/name: found the name \"a\" again (the first is at line 1, column 25), allowed is one of each",
            "1:83: /listeners/1/address: found the address \"127.0.0.1 port 80\" again (the first is at line 1, column 41), "
                + "allowed is one of each"),
        WrongConfiguration(
            #"{"listeners": [{"name": "a", "address": "127.0.0.1:80", "protocol": "stream", "serves": ["probe"], "hosts": ["a"]}]}"#,
            "1:89: /listeners/0/serves: found \"probe\" on a stream listener, allowed is \"publish\" and \"subscribe\"",
            "1:109: /listeners/0/hosts: found \"hosts\" on a stream listener, allowed is to leave it out: only HTTP has them"
        ),
        WrongConfiguration(
            #"{"listeners": [{"name": "a", "address": "[::1]:80", "protocol": "grpc", "serves": ["publish", "publish"]}]}"#,
            "1:65: /listeners/0/protocol: found the string \"grpc\", allowed is \"http\" or \"stream\"",
            "1:95: /listeners/0/serves/1: found the string \"publish\" again, allowed is one of each"),
        WrongConfiguration(
            #"{"listeners": [{"name": "a", "address": "[::1]:80", "serves": [], "hosts": ["a:1"], "origins": ["*"]}]}"#,
            "1:63: /listeners/0/serves: found a list of 0, allowed is a list of 1 to 4 of: \"publish\" or \"subscribe\" or "
                + "\"manage\" or \"probe\"",
            "1:77: /listeners/0/hosts/0: found the string \"a:1\", allowed is a host name without scheme and port",
            "1:97: /listeners/0/origins/0: found the string \"*\", allowed is a web origin such as "
                + "\"https://app.example.com\", without path and wildcards"),
        WrongConfiguration(
            #"{"listeners": [{"name": "a", "address": "unix:x", "tls": {"certificate": "c.pem", "private_key": "bad.pem"}}]}"#,
            "1:58: /listeners/0/tls: found \"tls\" on a Unix socket, allowed is to leave it out",
            "1:74: /listeners/0/tls/certificate: found the file c.pem, which does not exist, allowed is a file that can be read",
            "1:98: /listeners/0/tls/private_key: found the file bad.pem, which holds no \"-----BEGIN\", allowed is the path of a "
                + "PEM file with a private key"),
    ]

    static let crossChecks = [
        WrongConfiguration(
            #"{"log": {"segment_size": "64MiB", "retention": {"size": "100MiB", "age": "5m"}}}"#,
            "1:9: /log/deduplication_window: found \"10m\", allowed is at most the retention's age of 5m",
            "1:57: /log/retention/size: found \"100MiB\" with segments of 64MiB, allowed is at least two segments"),
        WrongConfiguration(
            #"{"limits": {"event_size": "16MiB"}, "log": {"segment_size": "16MiB"}}"#,
            "1:27: /limits/event_size: found \"16MiB\" with log segments of 16MiB, allowed is at most half a segment"),
        WrongConfiguration(
            #"{"subscriptions_directory": "nope"}"#,
            "1:29: /subscriptions_directory: found the folder nope, which does not exist, allowed is a folder that can be read"
        ),
        WrongConfiguration(
            #"{"tokens": [{"name": "a", "secret": "short"}, {"name": "b", "secret": {"env": "MISSING"}}, {"name": "c", "secret": {"file": "missing"}}]}"#,
            "1:37: /tokens/0/secret: found a secret of 5 characters, allowed is 16 to 512 of A-Z, a-z, 0-9, -, ., _, ~, +, / "
                + "and =",
            "1:79: /tokens/1/secret/env: found the environment variable MISSING, which is not set, allowed is one that is set",
            "1:125: /tokens/2/secret/file: found the file missing, which does not exist, allowed is a file that can be read"
        ),
        WrongConfiguration(
            #"{"tokens": [{"name": "a", "secret": {"env": 5}}, {"name": "b", "secret": {"vault": "x"}}, {"name": "c", "secret": 5}]}"#,
            "1:45: /tokens/0/secret/env: found the number 5, allowed is a string that is not empty",
            "1:75: /tokens/1/secret/vault: found the unknown key \"vault\", allowed is \(secretForms)",
            "1:115: /tokens/2/secret: found a number, allowed is \(secretForms)"),
        WrongConfiguration(
            #"{"tokens": [{"name": "a", "secret": "0123456789abcdef"}, {"name": "a", "secret": "0123456789abcdef", "allow": {"publish": ["a.>.b"], "manage": ["X"]}}]}"#,
            "1:67: /tokens/1/name: found the name \"a\" again (the first is at line 1, column 22), allowed is one of each",
            "1:82: /tokens/1/secret: found a secret again (the first is at line 1, column 37), allowed is one of each",
            "1:124: /tokens/1/allow/publish/0: found the string \"a.>.b\", which has > before its last token, allowed is \(pattern)",
            "1:145: /tokens/1/allow/manage/0: found the string \"X\", allowed is 1 to 64 of a-z, 0-9 and -, or \"*\" for every "
                + "tenant"),
    ]

    @Test(arguments: keys + values + listeners + crossChecks)
    func everyErrorIsToldWithItsPlace(_ wrong: WrongConfiguration) {
        let world = ConfigurationWorld(["fanfare.json": wrong.text, "bad.pem": "x"])
        #expect(world.errors() == wrong.errors.map { "fanfare.json:" + $0 })
    }

    @Test func allErrorsOfAllFilesAreToldAtOnceAndDoubledIdsNameBothPlaces() {
        let webhook =
            #""topics": ["a"], "webhook": {"url": "https://a.example", "signing_secrets": ["\#(ContractExample.secret)"]}"#
        var world = ConfigurationWorld([
            "fanfare.json": #"{"shards": -1}"#, "subscriptions.d/a.json": "{\"id\": \"x\", \(webhook)}",
            "subscriptions.d/b.json": "{\(webhook),\n \"id\": \"x\"}", "subscriptions.d/c.json": "{",
            "subscriptions.d/d.json": #"{"id": "y", "topics": ["a"], "webhook": {"url": "https://a.example"}}"#,
            "subscriptions.d/e.json": "", "subscriptions.d/.f.json": "hidden", "subscriptions.d/README": "other",
        ])
        world.forbidden = ["subscriptions.d/e.json"]
        #expect(
            world.errors() == [
                "fanfare.json:1:12: /shards: found the number -1, allowed is an integer from 0 to 256",
                "subscriptions.d/b.json:2:8: /id: found the id \"x\" again (the first is at subscriptions.d/a.json:1:8), allowed "
                    + "is one of each",
                "subscriptions.d/c.json:1:2: not JSON: found the end of the text, allowed is a member's name or '}'",
                "subscriptions.d/e.json: the subscription file may not be read by this user",
            ])
    }

    @Test func theExitCodeTellsDataFromConfiguration() {
        func code(_ files: [String: String]) -> Int32? {
            do throws(Diagnostics) {
                _ = try ConfigurationWorld(files).read()
                return nil
            } catch {
                return error.exitCode
            }
        }
        #expect(code(["fanfare.json": "{}"]) == nil)
        #expect(code(["fanfare.json": #"{"a": 1}"#]) == 78)
        #expect(code([:]) == 78)
        #expect(code(["fanfare.json": "{"]) == 65)
        #expect(code(["fanfare.json": #"{"a": 1}"#, "subscriptions.d/a.json": "nope"]) == 65)
    }

    @Test func aDefaultFolderThatCannotBeReadIsNotTakenForEmpty() {
        var world = ConfigurationWorld(["fanfare.json": "{}"])
        world.forbidden = ["subscriptions.d"]
        #expect(
            world.errors() == [
                "fanfare.json:1:1: /subscriptions_directory: found the folder subscriptions.d, which may not be read by this "
                    + "user, allowed is a folder that can be read"
            ])
    }

    @Test func noSecretIsEverShown() {
        let text = """
            {"tokens": [{"name": "a", "secret": "hunter2 hunter2 hunter2"}, {"name": "b", "secret": 4711},
                        {"name": "c", "secret": {"file": "hunter2.txt"}}, {"name": "d", "secret": "hunter2"}]}
            """
        let world = ConfigurationWorld(["fanfare.json": text, "hunter2.txt": "sesame"])
        for error in world.errors() {
            #expect(!error.contains("hunter2 ") && !error.contains("\"hunter2\"") && !error.contains("4711"))
            #expect(!error.contains("sesame"))
        }
        #expect("\(Secret("sesame"))\(String(reflecting: Secret("sesame")))".contains("sesame") == false)
        var dumped = ""
        dump(Configuration.AccessToken(name: "a", secret: Secret("sesame")), to: &dumped)
        #expect(!dumped.contains("sesame"))
        #expect(
            ConfigurationWorld.bodyErrors(#"{"topics": ["a"], "webhook": {"url": "https://me:sesame@a.example"}}"#) == [
                "/webhook/url: found a URL with user or password, allowed is one without them; use \"headers\" for credentials"
            ])
    }

    @Test func aConfigurationCutAnywhereIsRefusedAndNothingBreaks() {
        let bytes = Array(ContractExample.configuration.utf8)
        var world = ContractExample.world
        for end in 0..<bytes.count {
            world.files["fanfare.json"] = String(decoding: bytes[..<end], as: UTF8.self)
            let errors = world.errors()
            #expect(errors.count == 1 && errors[0].contains("not JSON"), "cut after \(end) bytes: \(errors)")
        }
    }

    @Test func everyValueOfTheExamplesMayBeOfAnyWrongTypeWithoutBreakingAnything() throws {
        for (file, text) in [
            ("fanfare.json", ContractExample.configuration),
            ("subscriptions.d/acme-billing.json", ContractExample.subscription),
        ] {
            for range in try ranges(JSONDocument(text).root) {
                for wrong in ["null", "-1", "1e999", "\"\"", "[[]]", "{\"\": 0}", "true"] {
                    var bytes = Array(text.utf8)
                    bytes.replaceSubrange(range, with: wrong.utf8)
                    var world = ContractExample.world
                    world.files[file] = String(decoding: bytes, as: UTF8.self)
                    for error in world.errors() {
                        #expect(error.contains("found ") && error.contains("llowed "), "\(error)")
                    }
                }
            }
        }
    }

    private func ranges(_ value: JSONValue) -> [Range<Int>] {
        let inner = (value.object?.members.map(\.value) ?? []) + (value.array ?? [])
        return [value.range] + inner.flatMap(ranges)
    }
}
