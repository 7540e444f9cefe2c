import FanfareLoad
import Testing

@Suite struct RateSearchTests {
    private func search(from first: Int, limit: Int, within allowed: ClosedRange<Int> = 1...1_000_000) -> RateSearch {
        var search = RateSearch(from: first, within: allowed)
        while let rate = search.next { search.tried(isHeld: rate <= limit) }
        return search
    }

    @Test(arguments: [1, 7, 99, 1000, 12_345, 60_000], [1, 100, 4000, 50_000])
    func theHighestRateThatHoldsIsFoundFromAbove(limit: Int, first: Int) {
        let search = search(from: first, limit: limit)
        #expect(search.tries.count <= RateSearch.triesMax)
        guard search.tries.count < RateSearch.triesMax else { return }
        #expect(search.highestHeld! <= limit)
        #expect(search.lowestMissed! > limit)
        let distance = search.lowestMissed! - search.highestHeld!
        #expect(distance <= max(1, search.highestHeld! / 20))
    }

    @Test func aSearchDoublesThenBisects() {
        #expect(search(from: 100, limit: 350).tries.map(\.rate) == [100, 200, 400, 300, 350, 375, 362])
    }

    @Test func whereNothingHoldsThereIsNoRate() {
        let search = search(from: 8, limit: 0)
        #expect(search.tries.map(\.rate) == [8, 4, 2, 1])
        #expect(search.highestHeld == nil)
    }

    @Test func whereEverythingHoldsItIsTheLargestAllowed() {
        #expect(search(from: 300, limit: .max, within: 1...1000).highestHeld == 1000)
    }

    @Test func theNumberOfTriesIsBounded() {
        #expect(search(from: 1, limit: 900_000).tries.count == RateSearch.triesMax)
    }
}
