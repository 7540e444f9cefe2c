import FanfareLoad
import Testing

@Suite struct StageTimesTests {
    private let page = """
        # TYPE fanfare_stage_seconds histogram
        fanfare_stage_seconds_bucket{stage="decoded",le="1e-06"} 0
        fanfare_stage_seconds_bucket{stage="decoded",le="2e-06"} 6
        fanfare_stage_seconds_bucket{stage="decoded",le="4e-06"} 10
        fanfare_stage_seconds_bucket{stage="decoded",le="+Inf"} 12
        fanfare_stage_seconds_sum{stage="decoded"} 0.5
        fanfare_stage_seconds_count{stage="decoded"} 12
        fanfare_stage_seconds_bucket{stage="handed",le="+Inf"} 0
        fanfare_stage_seconds_sum{stage="handed"} 0.0
        fanfare_stage_seconds_count{stage="handed"} 0
        fanfare_turns_total{shard="0"} 7

        """

    @Test func stagesAreReadInTheirOrder() {
        let times = StageTimes(page: page)
        #expect(times.stages.map(\.name) == ["decoded", "handed"])
        #expect(times.stages[0].count == 12)
        #expect(times.stages[0].mean == 0.5 / 12)
        #expect(times.stages[0].bounds.map(\.count) == [0, 6, 10, 12])
        #expect(times.stages[1].mean == 0)
    }

    @Test func aQuantileLiesBetweenTheBoundsAroundIt() {
        let stage = StageTimes(page: page).stages[0]
        #expect(stage.quantile(0.25) == 1.5e-06)
        #expect(stage.quantile(0.5) == 2e-06)
        #expect(abs(stage.quantile(8.0 / 12) - 3e-06) < 1e-12)
        #expect(stage.quantile(0.99) == 4e-06)
        #expect(StageTimes(page: page).stages[1].quantile(0.5) == 0)
    }

    @Test func whatCameSinceAnEarlierLookIsTheDifference() {
        let later = StageTimes(
            page: page.replacing("le=\"4e-06\"} 10", with: "le=\"4e-06\"} 13").replacing(
                "+Inf\"} 12", with: "+Inf\"} 15"
            )
            .replacing("} 0.5", with: "} 0.75").replacing(
                "count{stage=\"decoded\"} 12", with: "count{stage=\"decoded\"} 15"))
        let difference = later.since(StageTimes(page: page))
        #expect(difference.stages[0].count == 3)
        #expect(difference.stages[0].mean == 0.25 / 3)
        #expect(difference.stages[0].bounds.map(\.count) == [0, 0, 3, 3])
        #expect(difference.stages[0].quantile(1) == 4e-06)
    }

    @Test func countsThatFellAreThoseOfAnotherService() {
        let later = StageTimes(page: page.replacing("count{stage=\"decoded\"} 12", with: "count{stage=\"decoded\"} 3"))
        #expect(later.since(StageTimes(page: page)).stages.isEmpty)
        #expect(StageTimes(page: page.replacing("} 0.5", with: "} nan")).stages[0].seconds == 0)
    }

    @Test func aPageWithoutStagesHasNone() {
        #expect(StageTimes(page: "").stages.isEmpty)
        #expect(StageTimes(page: "fanfare_stage_seconds_sum nonsense\n").stages.isEmpty)
    }
}
