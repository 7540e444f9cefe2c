import FanfareBase
import FanfareDelivery
import Testing

@Suite struct EndpointConsentTests {
    private let second = 1_000_000_000

    private func consent(delays: [Int] = [5, 60]) -> EndpointConsent {
        EndpointConsent(
            origin: "events.example.com", retry: RetryPolicy(delays: delays.map { $0 * second }, jitter: 0))
    }

    private func time(_ seconds: UInt64) -> MonotonicTime { MonotonicTime(nanoseconds: seconds * 1_000_000_000) }

    private func granted(_ allowed: String = "*") -> EndpointConsentAnswer {
        EndpointConsentAnswer(status: 200, allowedOrigin: allowed)
    }

    @Test func nothingIsDeliveredBeforeTheEndpointAgreed() {
        var consent = consent()
        #expect(consent.step(now: time(1)) == .ask)
        let question = consent.asked()
        #expect(consent.step(now: time(1)) == .wait(until: nil))
        consent.answered(question, granted(), now: time(1), random: 0)
        #expect(consent.step(now: time(1)) == .deliver(intervalNanoseconds: nil))
        #expect(consent.reason == nil)
    }

    @Test(
        arguments: [
            (200, "events.example.com", nil, true), (204, " Events.Example.COM\t", "*", true), (200, "*", nil, true),
            (200, "example.com", nil, false), (200, "", nil, false), (200, nil, nil, false),
            (200, "events.example.com, *", nil, false), (199, "*", nil, false), (302, "*", nil, false),
            (405, "*", nil, false), (200, "*", "0", false), (200, "*", "-1", false), (200, "*", "1.5", false),
            (200, "*", "", false), (200, "*", "\u{661}", false),
        ] as [(Int, String?, String?, Bool)])
    func onlyASuccessThatNamesTheOriginIsConsent(status: Int, origin: String?, rate: String?, isGranted: Bool) {
        var consent = consent()
        let question = consent.asked()
        let answer = EndpointConsentAnswer(status: status, allowedOrigin: origin, allowedRate: rate)
        consent.answered(question, answer, now: time(1), random: 0)
        #expect(consent.step(now: time(1)) == (isGranted ? .deliver(intervalNanoseconds: nil) : .wait(until: time(6))))
        #expect((consent.reason == nil) == isGranted)
    }

    @Test(arguments: [("60", 1_000_000_000), ("7", 8_571_428_572), ("1", 60_000_000_000), ("99999999999999999999", 1)])
    func theAllowedRateIsAnUpperBound(rate: String, intervalNanoseconds: Int) {
        var consent = consent()
        let question = consent.asked()
        let answer = EndpointConsentAnswer(status: 200, allowedOrigin: "*", allowedRate: rate)
        consent.answered(question, answer, now: time(1), random: 0)
        #expect(consent.step(now: time(1)) == .deliver(intervalNanoseconds: intervalNanoseconds))
    }

    @Test func aRefusingEndpointIsAskedAgainOnTheScheduleWhoseLastDelayIsRepeated() {
        var consent = consent()
        var now: UInt64 = 0
        for delay: UInt64 in [5, 60, 60, 60] {
            let question = consent.asked()
            consent.answered(question, EndpointConsentAnswer(status: 403), now: time(now), random: 0)
            #expect(consent.reason == "the endpoint answered OPTIONS with 403")
            #expect(consent.step(now: time(now + delay - 1)) == .wait(until: time(now + delay)))
            now += delay
            #expect(consent.step(now: time(now)) == .ask)
        }
        let question = consent.asked()
        consent.answered(question, granted(), now: time(now), random: 0)
        #expect(consent.step(now: time(now)) == .deliver(intervalNanoseconds: nil))
        #expect(consent.reason == nil)
    }

    @Test func anEmptyScheduleStillAsksAgain() {
        var consent = consent(delays: [])
        let question = consent.asked()
        consent.failed(question, "no connection", now: time(1), random: 1 << 63)
        #expect(consent.reason == "no connection")
        #expect(consent.step(now: time(1)) == .wait(until: time(6)))
    }

    @Test func aQuestionThatWasNotSentUsesNoStepOfTheSchedule() {
        var consent = consent()
        let unsent = consent.asked()
        consent.notAsked(unsent, now: time(3))
        #expect(consent.step(now: time(3)) == .ask)
        let question = consent.asked()
        consent.failed(question, "no connection", now: time(3), random: 0)
        #expect(consent.step(now: time(3)) == .wait(until: time(8)))
    }

    @Test func anotherEndpointIsAskedAnewAndTheAnswerOfTheOneBeforeDecidesNothing() {
        var consent = consent()
        let old = consent.asked()
        consent = EndpointConsent(origin: "fanfare.example", retry: RetryPolicy(), after: consent)
        consent.answered(old, granted(), now: time(1), random: 0)
        #expect(consent.step(now: time(1)) == .ask)
        let new = consent.asked()
        consent.answered(old, granted(), now: time(1), random: 0)
        #expect(consent.step(now: time(1)) == .wait(until: nil))
        consent.answered(new, granted(), now: time(1), random: 0)
        #expect(consent.step(now: time(1)) == .deliver(intervalNanoseconds: nil))
        #expect(consent.isGranted)
    }
}
