import FanfareBase
import FanfareServer
import Testing

@Suite struct TokenCacheTests {
    private let now = WallTime(nanoseconds: 1)
    private let someone = Principal(name: "someone", publish: [], subscribe: [">"], manage: [])

    /// Who was told, nil when the token is to be verified again.
    private func told(_ settlement: TokenCache<Int>.Settlement) -> [Int]? {
        switch settlement {
        case .tell(let waiting): waiting
        case .verifyAgain: nil
        }
    }

    @Test func aVerifiedTokenIsKeptAndEveryoneWhoWaitedIsTold() {
        var cache = TokenCache<Int>()
        let isFirst = cache.wait(1, for: "a")
        #expect(isFirst)
        let isAlsoFirst = cache.wait(2, for: "a")
        #expect(!isAlsoFirst)
        let settlement = cache.settle("a", .principal(someone), begunIn: cache.generation)
        #expect(told(settlement) == [1, 2])
        #expect(cache.principal(of: "a", at: now) == someone)
        let isFirstAgain = cache.wait(3, for: "a")
        #expect(isFirstAgain)
    }

    @Test func aRefusedTokenIsNotKept() {
        var cache = TokenCache<Int>()
        let isFirst = cache.wait(1, for: "a")
        #expect(isFirst)
        let settlement = cache.settle("a", .refused(.signature), begunIn: cache.generation)
        #expect(told(settlement) == [1])
        #expect(cache.principal(of: "a", at: now) == nil)
    }

    @Test func aVerdictOfKeysThatHaveChangedCountsForNobody() {
        var cache = TokenCache<Int>()
        let isFirst = cache.wait(1, for: "a")
        #expect(isFirst)
        let old = cache.generation
        cache.removeAll()
        let isAlsoFirst = cache.wait(2, for: "a")
        #expect(!isAlsoFirst)
        let stale = cache.settle("a", .principal(someone), begunIn: old)
        #expect(told(stale) == nil)
        #expect(cache.principal(of: "a", at: now) == nil)
        let settlement = cache.settle("a", .refused(.unknownKey), begunIn: cache.generation)
        #expect(told(settlement) == [1, 2])
        #expect(cache.principal(of: "a", at: now) == nil)
    }

    @Test func aVerdictOfOldKeysThatNobodyWaitsForIsDropped() {
        var cache = TokenCache<Int>()
        let old = cache.generation
        cache.removeAll()
        let settlement = cache.settle("a", .principal(someone), begunIn: old)
        #expect(told(settlement) == [])
        #expect(cache.principal(of: "a", at: now) == nil)
    }
}
