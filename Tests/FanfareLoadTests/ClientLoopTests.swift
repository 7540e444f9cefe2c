import FanfareBase
import FanfareLoad
import Testing

@Suite struct ClientLoopTests {
    @Test func anExactCallIsNeverEarlyAndTheLatestOneCounts() throws {
        let loop = try ClientLoop()
        var called: [String] = []
        let first = Clock.monotonic.advanced(byMilliseconds: 2)
        loop.exactly(at: first) { called.append("replaced") }
        loop.exactly(at: first) {
            called.append("first")
            #expect(Clock.monotonic >= first)
            let second = Clock.monotonic.advanced(byNanoseconds: 300_000)
            loop.exactly(at: second) {
                called.append("second")
                #expect(Clock.monotonic >= second)
                loop.stop()
            }
        }
        loop.run()
        #expect(called == ["first", "second"])
    }

    @Test func anExactCallWaitsForNoTimerAndNoTimerForIt() throws {
        let loop = try ClientLoop()
        var called: [String] = []
        let now = Clock.monotonic
        loop.exactly(at: now.advanced(byMilliseconds: 20)) {
            called.append("exact")
            loop.stop()
        }
        loop.at(now.advanced(byMilliseconds: 5)) { called.append("timer") }
        loop.at(now.advanced(byMilliseconds: 3_600_000)) { called.append("late") }
        loop.run()
        #expect(called == ["timer", "exact"])
    }

    @Test func anInterruptIsRemembered() throws {
        let loop = try ClientLoop()
        loop.onInterrupt = { loop.stop() }
        loop.inbox.post { $0.interrupt() }
        #expect(!loop.isInterrupted)
        loop.run()
        #expect(loop.isInterrupted)
    }
}
