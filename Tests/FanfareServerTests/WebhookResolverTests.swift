import FanfareBase
import FanfareServer
import Testing

/// Names kept for their TTL, and the thread that looks them up.
struct WebhookResolverTests {
    private let now = MonotonicTime(nanoseconds: 1_000_000_000)
    private let address = IPAddress.v4(0x0102_0304)

    private func after(_ seconds: Int) -> MonotonicTime { now.advanced(byMilliseconds: seconds * 1_000) }

    @Test func anAddressIsKnownUntilItsTimeIsOver() {
        var cache = ResolverCache(limit: 100)
        cache.keep([address], of: "a.example", ttlSeconds: 30, now: now)
        #expect(cache.addresses(of: "a.example", now: after(29)) == [address])
        #expect(cache.addresses(of: "a.example", now: after(30)) == nil)
        #expect(cache.addresses(of: "b.example", now: now) == nil)
    }

    @Test func aTimeToLiveIsHeldWithinTheLimits() {
        var cache = ResolverCache(limit: 100)
        cache.keep([address], of: "short.example", ttlSeconds: 0, now: now)
        cache.keep([address], of: "long.example", ttlSeconds: 1_000_000, now: now)
        #expect(cache.addresses(of: "short.example", now: now) == [address])
        #expect(cache.addresses(of: "short.example", now: after(1)) == nil)
        #expect(cache.addresses(of: "long.example", now: after(300 - 1)) == [address])
        #expect(cache.addresses(of: "long.example", now: after(300)) == nil)
    }

    @Test func aFullCacheLetsTheExpiredGoFirstAndThenTheOneThatExpiresNext() {
        var cache = ResolverCache(limit: 2)
        cache.keep([address], of: "a.example", ttlSeconds: 10, now: now)
        cache.keep([address], of: "b.example", ttlSeconds: 20, now: now)
        cache.keep([address], of: "c.example", ttlSeconds: 30, now: now)
        #expect(cache.count == 2)
        #expect(cache.addresses(of: "a.example", now: now) == nil)
        cache.keep([address], of: "d.example", ttlSeconds: 30, now: after(25))
        #expect(cache.addresses(of: "c.example", now: after(25)) == [address])
        #expect(cache.addresses(of: "d.example", now: after(25)) == [address])
    }

    @Test func aNewAnswerReplacesTheOldOneWithoutTakingRoom() {
        var cache = ResolverCache(limit: 1)
        cache.keep([address], of: "a.example", ttlSeconds: 10, now: now)
        cache.keep([.v4(5)], of: "a.example", ttlSeconds: 10, now: now)
        #expect(cache.addresses(of: "a.example", now: now) == [.v4(5)])
        #expect(cache.count == 1)
    }
}
