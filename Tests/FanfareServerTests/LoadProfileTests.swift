import Testing

import FanfareServer

@Suite struct LoadProfileTests {
    private func read(_ text: String) throws -> LoadProfile {
        try LoadProfile.read("p.json", surroundings: ConfigurationWorld(["p.json": text]).surroundings)
    }

    private func errors(_ text: String) -> [String] {
        do { _ = try read(text) } catch let error as Diagnostics { return error.all.map(\.description) } catch {}
        return []
    }

    @Test func whatIsLeftOutHasItsDefault() throws {
        let profile = try read(#"{"description":"d","subscribers":[{"transport":"sse","count":3}]}"#)
        #expect(profile.subscribers.map(\.count) == [3])
        #expect((profile.subscribers[0].transport, profile.subscribers[0].isEncrypted) == (.sse, false))
        #expect((profile.durationMilliseconds, profile.publish.rate, profile.events.topics) == (10_000, 1000, 1))
        #expect((profile.goals.p50Milliseconds, profile.goals.p99Milliseconds) == (nil, nil))
    }

    @Test func aProfileWrittenAndReadIsTheSame() throws {
        let profile = try read(
            #"{"description":"d","seed":9,"publish":{"rate":5,"arrivals":"ramp","peak":50},"subscribers":[{"transport":"webhook","count":2,"tls":true}],"goals":{"p99.9":"5ms"}}"#
        )
        let text = String(decoding: profile.output.page, as: UTF8.self)
        #expect(try read(text) == profile)
    }

    @Test func everythingWrongIsToldWithItsPlace() {
        #expect(
            errors(#"{"description":"d","subscribers":[{"transport":"pigeon","count":0}],"rate":1}"#) == [
                "p.json:1:48: /subscribers/0/transport: found the string \"pigeon\", allowed is \"websocket\" or \"sse\" or \"stream\" or \"webhook\"",
                "p.json:1:65: /subscribers/0/count: found the number 0, allowed is an integer from 1 to 200000",
                "p.json:1:69: /rate: found the unknown key \"rate\", allowed are description, duration, warm_up, seed, shards, publish, events, subscribers, goals",
            ])
        #expect(errors("{}").count == 2)
        #expect(errors("[").count == 1)
    }

    @Test func socketsMayStallChurnAndReconnectAndWebhooksMayNot() throws {
        func text(_ members: String) -> String { #"{"description":"d","subscribers":[{"count":2,"# + members + "}]}" }
        let stalling = text(
            #""transport":"sse","slow":"skip","behaviour":{"kind":"stalls","every":"4s","for":"2s","at_once":true}"#)
        let profile = try read(stalling)
        #expect(profile.subscribers[0].slowPolicy == .skip)
        #expect(profile.subscribers[0].behaviour?.kind == .stalls)
        #expect(profile.subscribers[0].behaviour?.forMilliseconds == 2000)
        #expect(try read(String(decoding: profile.output.page, as: UTF8.self)) == profile)
        #expect(try read(text(#""transport":"sse","behaviour":{"kind":"churns"}"#)).subscribers[0].behaviour != nil)
        #expect(errors(text(#""transport":"sse","behaviour":{"kind":"stalls"}"#)).count == 1)
        #expect(errors(text(#""transport":"webhook","behaviour":{"kind":"churns"}"#)).count == 1)
        #expect(errors(text(#""transport":"webhook","slow":"close""#)).count == 1)
    }

    @Test func burstAndPeakBelongToTheirArrivals() {
        func messages(_ publish: String) -> Int {
            errors(#"{"description":"d","subscribers":[{"transport":"sse","count":3}],"publish":"# + publish + "}")
                .count
        }
        #expect(messages(#"{"arrivals":"burst","burst":5}"#) == 0)
        #expect(messages(#"{"arrivals":"burst"}"#) == 1)
        #expect(messages(#"{"burst":5}"#) == 1)
        #expect(messages(#"{"arrivals":"ramp","burst":5}"#) == 2)
        #expect(messages(#"{"arrivals":"ramp","peak":5}"#) == 0)
    }

    @Test func moreEventsThanTheLoadCanRememberAreRefused() {
        let text =
            #"{"description":"d","duration":"1h","subscribers":[{"transport":"sse","count":3}],"publish":{"rate":1000000}}"#
        #expect(errors(text).count == 1)
        #expect(
            errors(text).first?.contains("/publish/rate: found 3602000000 events in all, allowed is at most 20000000")
                == true)
    }
}
