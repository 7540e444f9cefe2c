import FanfareBase
import FanfareServer
import Testing

@Suite struct EventStagesTests {
    private let times = EventStage.allCases.map { _ in DurationCounter() }

    private func at(_ microseconds: UInt64) -> MonotonicTime { MonotonicTime(nanoseconds: microseconds * 1000) }

    /// How many events took how many nanoseconds in all.
    private func counted(_ stage: EventStage) -> [UInt64] {
        let counter = times[stage.rawValue]
        return [(0...DurationCounter.boundsCount).reduce(0) { $0 + counter.count($1) }, counter.nanoseconds]
    }

    @Test func eachEventIsTimedFromItsMatchToItsFrameAndFromThereToTheEndOfTheTurn() {
        var stages = EventStages()
        stages.noteMatched(3, through: SequenceNumber(5), at: at(10))
        stages.noteMatched(1, through: SequenceNumber(6), at: at(11))
        stages.noteFramed(through: SequenceNumber(5), at: at(14), times)
        #expect(stages.hasFramed)
        stages.noteHanded(at: at(20), times)
        #expect(!stages.hasFramed)
        #expect(counted(.framed) == [3, 3 * 4000])
        #expect(counted(.handed) == [3, 3 * 6000])
        stages.noteFramed(through: SequenceNumber(6), at: at(31), times)
        #expect(counted(.framed) == [4, 3 * 4000 + 20_000])
    }

    @Test func eventsThatNobodyTookAreForgotten() {
        var stages = EventStages()
        stages.noteMatched(1, through: SequenceNumber(5), at: at(10))
        stages.forgetMatched()
        stages.noteFramed(through: SequenceNumber(6), at: at(1000), times)
        #expect(!stages.hasFramed)
        #expect(counted(.framed) == [0, 0])
    }

    @Test func theOldestBatchesAreForgottenWhenTooManyWait() {
        var stages = EventStages()
        let count = UInt64(EventStages.batchesMax)
        for number in 1...(count + 2) { stages.noteMatched(1, through: SequenceNumber(number), at: at(1)) }
        stages.noteFramed(through: SequenceNumber(count + 2), at: at(2), times)
        #expect(counted(.framed)[0] == count)
    }

    @Test(arguments: [
        (0, 0), (1000, 0), (1001, 1), (2000, 1), (2001, 2), (4000, 2), (8_388_608_000, 23), (8_388_608_001, 24),
        (.max, 24),
    ])
    func aDurationCountsForTheFirstBoundItDoesNotExceed(nanoseconds: UInt64, index: Int) {
        let counter = DurationCounter()
        counter.add(nanoseconds, 1)
        #expect((0...DurationCounter.boundsCount).map(counter.count) == (0...24).map { $0 == index ? 1 : 0 })
    }
}
