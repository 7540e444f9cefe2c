import FanfareBase
import FanfareEvent
import Glibc
import Testing

/// Figures for the decision records, not expectations: `FANFARE_MEASURE=1 swift test -c release --filter MeasureTests`.
@Suite(.enabled(if: unsafe getenv("FANFARE_MEASURE") != nil, "FANFARE_MEASURE is not set"), .serialized)
struct MeasureTests {
    private func seconds(_ body: () throws -> Void) rethrows -> Double {
        let clock = ContinuousClock()
        let duration = try clock.measure(body)
        return Double(duration.components.seconds) + Double(duration.components.attoseconds) / 1e18
    }

    /// Largest resident size so far.
    private var residentBytes: Int {
        var usage = rusage()
        unsafe getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        return usage.ru_maxrss * 1024
    }

    private func measure(_ name: String, _ events: [[UInt8]], rounds: Int) throws {
        let decoding = Decoding()
        let bytes = events.reduce(0) { $0 + $1.count }
        var best = Double.infinity
        for _ in 0..<rounds {
            best = min(
                best,
                try seconds {
                    decoding.staging.reset()
                    for event in events {
                        try decoding.decoder.decodeStructured(event.span, decoding.context, into: decoding.staging)
                    }
                })
        }
        let rate = Double(bytes) / best / 1e6
        print("\(name): \(Int(rate)) MB/s, \(Int(best / Double(events.count) * 1e9)) ns an event")
    }

    @Test func decoding() throws {
        try measure("github events", GitHubEventsTests.lines(), rounds: 30)
        let small = Array(
            event(
                #""subject":"order/1234567","time":"2026-11-23T00:00:00Z","datacontenttype":"application/json","#
                    + #""data":{"order":1234567,"total":12.50,"state":"paid"}"#, id: "01J0000000000000000000000"
            ).utf8)
        print("small event: \(small.count) bytes")
        try measure("small events", Array(repeating: small, count: 10_000), rounds: 30)
    }

    @Test func matching() throws {
        var table = PatternTable(key: HashKey(low: 1, high: 2))
        let before = residentBytes
        let topic = Array("acme.orders.created.eu".utf8)
        for text in ["acme.orders.>", "acme.*.created.*", "*.orders.created.eu", ">"] {
            table.add(try TopicPattern(text))
        }
        for round in 0..<2 {
            var found: [PatternID] = []
            let time = seconds {
                for _ in 0..<100_000 {
                    found.removeAll(keepingCapacity: true)
                    table.match(topic.span, into: &found)
                }
            }
            print("match among \(table.count) patterns: \(Int(time * 1e4)) ns, \(found.count) found")
            if round == 1 { break }
            let filling = try seconds {
                for number in 0..<1_000_000 { table.add(try TopicPattern("tenant\(number % 1000).device\(number).*")) }
            }
            print("adding 1,000,000: \(filling) s, \((residentBytes - before) / 1_000_000) bytes each (2 prefixes)")
        }
    }
}
