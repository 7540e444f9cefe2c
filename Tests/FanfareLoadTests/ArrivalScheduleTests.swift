import FanfareLoad
import Testing

@Suite struct ArrivalScheduleTests {
    private static let second: UInt64 = 1_000_000_000
    private static let schedules: [ArrivalSchedule] = [
        .constant(rate: 1000), .poisson(rate: 1000, seed: 7), .burst(rate: 1000, size: 30),
        .ramp(rate: 500, peak: 1500),
        .ramp(rate: 1500, peak: 500),
    ]

    @Test(arguments: schedules) func offsetsNeverFallAndEndBeforeTheDuration(_ schedule: ArrivalSchedule) {
        let offsets = schedule.offsets(duration: 10 * Self.second, countMax: .max)
        #expect(zip(offsets, offsets.dropFirst()).allSatisfy { $0 <= $1 })
        #expect(offsets.last! < 10 * Self.second)
        // All of these average 1,000 a second; chance differs by less than five standard deviations of 10,000 arrivals.
        #expect(abs(offsets.count - 10_000) <= 500)
    }

    @Test(arguments: schedules) func noMoreThanTheLargestCountIsPlanned(_ schedule: ArrivalSchedule) {
        let all = schedule.offsets(duration: Self.second, countMax: .max)
        #expect(schedule.offsets(duration: Self.second, countMax: 100) == Array(all.prefix(100)))
    }

    @Test func aConstantRateHasEvenGaps() {
        #expect(
            ArrivalSchedule.constant(rate: 4).offsets(duration: Self.second, countMax: .max)
                == [0, 250_000_000, 500_000_000, 750_000_000])
    }

    @Test func aBurstIsSentAtOnce() {
        #expect(
            ArrivalSchedule.burst(rate: 6, size: 3).offsets(duration: Self.second, countMax: .max)
                == [0, 0, 0, 500_000_000, 500_000_000, 500_000_000])
    }

    @Test func aRampHasItsRatesAtBothEnds() {
        let offsets = ArrivalSchedule.ramp(rate: 100, peak: 1000).offsets(duration: 10 * Self.second, countMax: .max)
        #expect(abs(offsets.count { $0 < Self.second } - 145) <= 1)
        #expect(abs(offsets.count { $0 >= 9 * Self.second } - 955) <= 1)
    }

    @Test func chanceRepeatsForASeed() {
        func offsets(_ seed: UInt64) -> [UInt64] {
            ArrivalSchedule.poisson(rate: 100, seed: seed).offsets(duration: Self.second, countMax: .max)
        }
        #expect(offsets(3) == offsets(3))
        #expect(offsets(3) != offsets(4))
    }
}
