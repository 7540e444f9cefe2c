import Benchmark
import FanfareBase
import FanfareEvent

/// Which of so many patterns want an event's topic; one does.
func matching() {
    for (count, text) in [(1, "1 pattern"), (1_000, "1,000 patterns"), (1_000_000, "1,000,000 patterns")] {
        stage("Match: \(text)", allocations: 0, instructions: 2_900) {
            var table = PatternTable(key: SampleEvent.context.hashKey)
            for number in 0..<count { table.add(try TopicPattern("orders.\(number).*")) }
            let topic = Array("orders.\(count / 2).created".utf8)
            var matches: [PatternID] = []
            return Stage {
                matches.removeAll(keepingCapacity: true)
                table.match(topic.span, into: &matches)
                guard matches.count == 1 else { fatalError("one pattern wants it") }
            }
        }
    }
}
