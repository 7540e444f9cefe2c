import FanfareServer
import Testing

@Suite struct SecurityRuleTests {
    @Test(arguments: [
        ("events.example.com", true), ("EVENTS.example.com:8443", true), ("events.example.com.", true),
        ("localhost", true),
        ("localhost:80", true), ("127.0.0.1:8080", true), ("192.0.2.1", true), ("[::1]:8080", true),
        ("[2001:db8::1]", true),
        ("evil.example", false), ("events.example.com.evil.example", false), ("", false), (":80", false),
        ("[::1", false),
        ("::1", false), ("2130706433", false), ("localhost:99999", false), ("localhost:", false),
        ("a@localhost", false),
        ("localhost.evil.example", false), ("[127.0.0.1]", false), ("[::1]x", false),
    ]) func onlyOurOwnNamesAreAnswered(_ host: String, _ isAllowed: Bool) {
        #expect(HostRule(hosts: ["events.example.com"]).allows(host) == isAllowed)
    }

    @Test func onlyOwnAndListedOriginsAreAllowed() {
        let rule = OriginRule(origins: ["https://app.example.com", "http://localhost:3000"])
        func verdict(_ origin: String?, _ host: String = "events.example.com", tls: Bool = true) -> OriginRule.Verdict {
            rule.verdict(origin: origin, host: host, overTLS: tls)
        }
        #expect(verdict(nil) == .sameOrigin)
        #expect(verdict("https://events.example.com") == .sameOrigin)
        #expect(verdict("https://events.example.com:443") == .sameOrigin)
        #expect(verdict("https://events.example.com", "events.example.com:443") == .sameOrigin)
        #expect(verdict("http://events.example.com", tls: false) == .sameOrigin)
        #expect(verdict("http://[::1]:8080", "[::1]:8080", tls: false) == .sameOrigin)
        #expect(verdict("https://app.example.com") == .listed("https://app.example.com"))
        #expect(verdict("HTTPS://APP.example.com:443") == .listed("HTTPS://APP.example.com:443"))
        #expect(verdict("http://localhost:3000") == .listed("http://localhost:3000"))
        for origin in [
            "null", "", "http://events.example.com", "https://events.example.com:444",
            "https://app.example.com.evil.example",
            "http://app.example.com", "https://app.example.com/", "https://a.app.example.com", "http://localhost",
            "file://",
            "https://app.example.com https://evil.example", "https://user@app.example.com",
        ] {
            #expect(verdict(origin) == .refused, "\(origin)")
        }
        #expect(verdict("null", "null") == .refused)
    }

    @Test func preflightsOfListedOriginsAreAnswered() {
        let headers = CrossOriginHeaders.preflight(of: "https://a.example", requested: "authorization, ce-id")
        #expect(headers.contains { $0 == ("access-control-allow-origin", "https://a.example") })
        #expect(headers.contains { $0 == ("access-control-allow-headers", "authorization, ce-id") })
        #expect(headers.contains { $0 == ("access-control-allow-methods", "GET, POST, PUT, DELETE") })
        let odd = CrossOriginHeaders.preflight(of: "https://a.example", requested: "a\r\nset-cookie: b")
        #expect(!odd.contains { $0.name == "access-control-allow-headers" })
        #expect(CrossOriginHeaders.answer(to: "https://a.example").contains { $0 == ("vary", "origin") })
    }

    @Test func tokensAreFoundWhereTheyMayStand() {
        let token = "abc.DEF-_~+/="
        #expect(BearerToken(authorization: nil) == .absent)
        #expect(BearerToken(authorization: "Bearer \(token)") == .token(token))
        #expect(BearerToken(authorization: "bEaReR   \(token)") == .token(token))
        for value in ["", "Bearer", "Bearer ", "Basic abc", "Bearer a b", "Bearer a,b", "Bearer ä", "Bearer\ta"] {
            #expect(BearerToken(authorization: value) == .malformed, "\(value)")
        }
        #expect(BearerToken(authorization: "Bearer " + String(repeating: "a", count: 4_097)) == .malformed)
        #expect(BearerToken(query: "") == .absent)
        #expect(BearerToken(query: "topic=a&access_token=x%2By%3D&from=z") == .token("x+y="))
        #expect(BearerToken(query: "my_access_token=x") == .absent)
        for query in [
            "access_token=", "access_token=a&access_token=b", "access_token=%", "access_token=%+1", "access_token=%00",
        ] {
            #expect(BearerToken(query: query) == .malformed, "\(query)")
        }
        #expect(BearerToken(subprotocols: nil) == .absent)
        #expect(BearerToken(subprotocols: "fanfare.v1.json, bearer.abc") == .token("abc"))
        #expect(BearerToken(subprotocols: "bearer.") == .malformed)
        #expect(BearerToken(subprotocols: "bearer.a,bearer.b") == .malformed)
        #expect(BearerToken(authorization: "Bearer a", query: "access_token=a", subprotocols: nil) == .token("a"))
        #expect(BearerToken(authorization: "Bearer a", query: "access_token=b", subprotocols: nil) == .malformed)
        #expect(BearerToken(authorization: "Basic x", query: "access_token=b", subprotocols: nil) == .malformed)
        #expect(BearerToken(authorization: nil, query: "", subprotocols: "bearer.c") == .token("c"))
        #expect(BearerToken.redacted(query: "a=b&access_token=x&&c") == "a=b&access_token=(hidden)&&c")
    }

    private static let local = Listener.default
    private static var open: Listener {
        Listener(name: "open", address: ListenerAddress(text: "0.0.0.0:80", kind: .tcp(.v4(0), port: 80)))
    }

    @Test func withoutTokensOnlyLocalListenersAreOpen() {
        let control = AccessControl(tokens: [])
        #expect(control.authenticate(.absent, on: Self.local) == .principal(.anonymous))
        #expect(control.authenticate(.absent, on: Self.open) == .missing)
        var anonymous = Self.open
        anonymous.anonymous = true
        #expect(control.authenticate(.absent, on: anonymous) == .principal(.anonymous))
        #expect(control.authenticate(.token("x"), on: Self.local) == .invalid)
        #expect(control.authenticate(.malformed, on: anonymous) == .invalid)
    }

    @Test func aTokenIsKnownByItsWholeSecret() throws {
        let secrets = ["0123456789abcdef", "0123456789abcdeg", "0123456789abcdef0123456789abcdef"]
        let control = AccessControl(
            tokens: secrets.enumerated().map { .init(name: "t\($0.offset)", secret: Secret($0.element)) })
        for (index, secret) in secrets.enumerated() {
            guard case .principal(let principal) = control.authenticate(.token(secret), on: Self.open) else {
                Issue.record("token \(index) is not known")
                continue
            }
            #expect(principal.name == "t\(index)")
            #expect(principal.source == "/tokens/t\(index)")
        }
        for wrong in [
            "", "0", "0123456789abcde", "0123456789abcdeh", "0123456789abcdef0", secrets[0] + secrets[0] + secrets[0],
        ] {
            #expect(control.authenticate(.token(wrong), on: Self.open) == .invalid)
        }
        #expect(control.authenticate(.absent, on: Self.local) == .missing)
        #expect(Principal.anonymous.source == "/anonymous")
    }

    @Test func rightsCoverWhatLiesInsideThem() throws {
        let control = AccessControl(tokens: [
            .init(
                name: "a", secret: Secret("0123456789abcdef"),
                allow: .init(publish: ["acme.>", "x.*.y"], subscribe: ["acme.>", "*"], manage: ["acme"]))
        ])
        guard case .principal(let principal) = control.authenticate(.token("0123456789abcdef"), on: Self.open) else {
            Issue.record("the token is not known")
            return
        }
        for (topic, may) in [
            ("acme.orders", true), ("acme.a.b.c", true), ("acme", false), ("x.1.y", true), ("x.y", false),
            ("x.1.2.y", false),
            ("acmeX.a", false), ("fanfare.deadletter.a", false), ("fanfare", false), ("", false),
        ] { #expect(principal.mayPublish(Array(topic.utf8)) == may, "\(topic)") }
        for (pattern, may) in [
            ("acme.>", true), ("acme.*", true), ("acme.a.>", true), ("acme.*.b", true), (">", false), ("*", true),
            ("*.a", false),
            ("acme", true), ("*.>", false), ("fanfare.>", false), ("fanfare", true), ("acme.>.a", false), ("b", true),
        ] { #expect(principal.maySubscribe(pattern) == may, "\(pattern)") }
        #expect(principal.mayManage("acme") && !principal.mayManage("other") && !principal.mayManageEverything)
        #expect(Principal.anonymous.mayManage("other") && Principal.anonymous.mayManageEverything)
        #expect(Principal.anonymous.maySubscribe("fanfare.>") && Principal.anonymous.maySubscribe(">"))
        #expect(Principal.anonymous.maySubscribe("fanfare") && Principal.anonymous.mayPublish("fanfare".utf8))
        #expect(Principal.anonymous.mayPublish("a.b".utf8) && !Principal.anonymous.mayPublish("fanfare.a".utf8))
    }
}
