import FanfareBase
import FanfareDelivery
import FanfareServer
import Testing

/// Which subscriptions share connections, and how many connections there may be.
struct WebhookPoolTests {
    private func webhook(_ url: String) throws -> SubscriptionDefinition.Webhook {
        SubscriptionDefinition.Webhook(url: try WebhookURL(url))
    }

    private func pool(concurrency: Int) throws -> EndpointPool {
        let pool = EndpointPool(
            EndpointKey(try webhook("https://a.example/x"), policy: AddressPolicy()), literal: nil, tls: nil, failure: nil)
        pool.join(concurrency: concurrency)
        return pool
    }

    @Test func pathsShareConnectionsAndWhateverIsSecurityDoesNot() throws {
        let policy = AddressPolicy()
        let one = EndpointKey(try webhook("https://a.example/one"), policy: policy)
        #expect(one == EndpointKey(try webhook("https://A.example:443/two?x"), policy: policy))
        #expect(one != EndpointKey(try webhook("https://b.example/one"), policy: policy))
        #expect(one != EndpointKey(try webhook("https://a.example:8443/one"), policy: policy))
        #expect(one != EndpointKey(try webhook("http://a.example:443/one"), policy: policy))
        var other = try webhook("https://a.example/one")
        other.tls.ca = "ca.pem"
        #expect(one != EndpointKey(other, policy: policy))
        other = try webhook("https://a.example/one")
        other.tls.clientCertificate = "client.pem"
        other.tls.clientKey = "client.key"
        #expect(one != EndpointKey(other, policy: policy))
        other = try webhook("https://a.example/one")
        other.networks = [try #require(AddressNetwork("10.0.0.0/8"))]
        #expect(one != EndpointKey(other, policy: policy))
    }

    @Test func filesOfTLSMeanNothingToPlainEndpoints() throws {
        var other = try webhook("http://a.example/one")
        other.tls.ca = "ca.pem"
        #expect(
            EndpointKey(other, policy: AddressPolicy())
                == EndpointKey(try webhook("http://a.example/two"), policy: AddressPolicy()))
    }

    @Test func asManyConnectionsAsItsSubscriptionsMayUseAreOpened() throws {
        let pool = try pool(concurrency: 2)
        #expect(pool.hasRoom)
        pool.opening()
        pool.opening()
        #expect(!pool.hasRoom)
        pool.join(concurrency: 1)
        #expect(pool.hasRoom)
        pool.leave(concurrency: 1)
        #expect(!pool.hasRoom)
        pool.join(concurrency: 1_000_000)
        #expect(pool.limit == 1_024)
    }

    @Test func whoWaitsIsToldWhenThereIsRoomInTheOrderOfAsking() throws {
        let pool = try pool(concurrency: 1)
        pool.opening()
        pool.await(7)
        pool.await(3)
        #expect(pool.nextWaiter() == nil)
        pool.join(concurrency: 1)
        #expect(pool.nextWaiter() == 7)
        #expect(pool.nextWaiter() == 3)
        #expect(pool.nextWaiter() == nil)
    }

    @Test func localhostAndAddressesNeedNoLookup() throws {
        #expect(try WebhookURL("http://127.0.0.1:9/").literalAddresses == [.v4(0x7F00_0001)])
        #expect(try WebhookURL("http://localhost/").literalAddresses == [.v4(0x7F00_0001), .v6(0, 1)])
        #expect(try WebhookURL("http://a.localhost/").literalAddresses == [.v4(0x7F00_0001), .v6(0, 1)])
        #expect(try WebhookURL("http://a.example/").literalAddresses == nil)
    }

    @Test func aDisabledSubscriptionsReasonSurvivesTheJournal() {
        for reason in [WebhookDisabled.gone, .failing, .requested] {
            #expect(WebhookDisabled(word: reason.word) == reason)
        }
        #expect(WebhookDisabled(word: "whatever an operator wrote") == .requested)
    }

    @Test func theNewestAttemptsAreKeptOldestFirst() {
        let status = SubscriptionStatus()
        for number in 1...105 {
            let attempt = AttemptReport(
                sequence: SequenceNumber(UInt64(number)), attempt: 1, time: WallTime(nanoseconds: 0), milliseconds: 0,
                status: 200, error: nil, answer: [], nextAttempt: nil)
            status.update { $0.note(attempt) }
        }
        let kept = status.current.attempts.map(\.sequence.rawValue)
        #expect(kept == Array(6...105))
    }

    @Test func aDefinitionsTimesBecomeTheSchedules() throws {
        var definition = try webhook("https://a.example/")
        definition.order = .all
        definition.concurrency = 7
        definition.retry.delaysMilliseconds = [200, 1_000]
        definition.rateLimit = .init(perSecond: 5, burst: 9)
        let options = WebhookScheduleOptions(definition, disableAfterMilliseconds: 1_000)
        #expect(options.order == .all)
        #expect(options.concurrency == 7)
        #expect(options.retry.delays == [200_000_000, 1_000_000_000])
        #expect(options.rateLimit == RateLimit(perSecond: 5, burst: 9))
        #expect(options.disableAfterNanoseconds == 1_000_000_000)
    }
}
