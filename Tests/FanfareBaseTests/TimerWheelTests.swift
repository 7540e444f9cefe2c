import FanfareBase
import Testing

@Suite struct TimerWheelTests {
    static let second = 1_000_000_000
    let start = MonotonicTime(nanoseconds: 987_654_321_000_000)

    @Test func aTimerFiresNeverEarlyAndAtMostOneTickLate() {
        for nanoseconds in [0, 1, 999_999, 1_048_576, 70_000_000, 5_000_000_000, 400_000_000_000, 86_400_000_000_000] {
            var wheel = TimerWheel<Int>(now: start)
            let deadline = start.advanced(byNanoseconds: nanoseconds)
            _ = wheel.insert(deadline: deadline, key: 7)
            if nanoseconds > 0 { #expect(wheel.popExpired(now: deadline.advanced(byNanoseconds: -1)) == nil) }
            #expect(wheel.popExpired(now: deadline.advanced(byNanoseconds: 1 << 20)) == 7)
            #expect(wheel.count == 0)
            #expect(wheel.nextDeadline == nil)
        }
    }

    @Test func aDeadlineInThePastFiresAtOnce() {
        var wheel = TimerWheel<Int>(now: start)
        _ = wheel.insert(deadline: MonotonicTime(nanoseconds: 0), key: 1)
        #expect(wheel.nextDeadline! <= start)
        #expect(wheel.popExpired(now: start) == 1)
    }

    @Test func theFarthestDeadlineCanBeReached() {
        var wheel = TimerWheel<Int>(now: MonotonicTime(nanoseconds: 0))
        _ = wheel.insert(deadline: MonotonicTime(nanoseconds: .max), key: 1)
        #expect(wheel.popExpired(now: MonotonicTime(nanoseconds: .max / 2)) == nil)
        #expect(wheel.popExpired(now: MonotonicTime(nanoseconds: .max)) == 1)
    }

    @Test func aCancelledTimerDoesNotFireAndItsIDMeansNothingLater() {
        var wheel = TimerWheel<Int>(now: start)
        let id = wheel.insert(deadline: start.advanced(byMilliseconds: 10), key: 1)
        #expect(wheel.cancel(id) == 1)
        #expect(wheel.cancel(id) == nil)
        let other = wheel.insert(deadline: start.advanced(byMilliseconds: 10), key: 2)
        #expect(wheel.cancel(id) == nil)
        #expect(wheel.popExpired(now: start.advanced(byMilliseconds: 20)) == 2)
        #expect(wheel.cancel(other) == nil)
        #expect(wheel.popExpired(now: start.advanced(byMilliseconds: 20)) == nil)
    }

    @Test func timersOfOneTickFireInTheOrderOfInsertionWhateverLevelTheyCameFrom() {
        var wheel = TimerWheel<Int>(now: start)
        let deadline = start.advanced(byMilliseconds: 300_000)
        _ = wheel.insert(deadline: deadline, key: 0)
        _ = wheel.insert(deadline: deadline, key: 1)
        for (index, before) in [200_000, 5_000, 80, 5].enumerated() {
            #expect(wheel.popExpired(now: deadline.advanced(byMilliseconds: -before)) == nil)
            _ = wheel.insert(deadline: deadline, key: index + 2)
        }
        var fired: [Int] = []
        while let key = wheel.popExpired(now: deadline.advanced(byMilliseconds: 2)) { fired.append(key) }
        #expect(fired == [0, 1, 2, 3, 4, 5])
    }

    @Test func sleepingUntilNextDeadlineReachesEveryTimer() {
        var wheel = TimerWheel<Int>(now: start)
        _ = wheel.insert(deadline: start.advanced(byMilliseconds: 5 * 86_400_000), key: 1)
        var now = start
        var turns = 0
        while turns < 20, let next = wheel.nextDeadline {
            #expect(next >= now)
            now = next
            turns += 1
            if wheel.popExpired(now: now) != nil { break }
        }
        #expect(wheel.count == 0)
        #expect(turns <= 8)
        #expect(now >= start.advanced(byMilliseconds: 5 * 86_400_000))
    }

    @Test func agreesWithASortedListUnderRandomUse() {
        struct Expected {
            var tick: UInt64
            var key: Int
            var id: TimerID
        }
        for seed in UInt64(1)...20 {
            var random = SeededRandom(seed: seed)
            var wheel = TimerWheel<Int>(now: start)
            var model: [Expected] = []
            var now = start
            for key in 0..<2_000 {
                let scale = [1_000, 100_000_000, 10_000_000_000, 3_000_000_000_000].randomElement(using: &random)!
                let deadline = now.advanced(byNanoseconds: Int.random(in: -1_000_000..<scale, using: &random))
                let id = wheel.insert(deadline: deadline, key: key)
                let tick = max((deadline.nanoseconds + 0xF_FFFF) >> 20, now.nanoseconds >> 20)
                model.append(Expected(tick: tick, key: key, id: id))
                if Int.random(in: 0..<4, using: &random) == 0 {
                    let index = Int.random(in: 0..<model.count, using: &random)
                    let removed = model.remove(at: index)
                    #expect(wheel.cancel(removed.id) == removed.key, "seed \(seed)")
                }
                if Int.random(in: 0..<8, using: &random) == 0 {
                    now = now.advanced(byNanoseconds: Int.random(in: 0..<scale, using: &random))
                    let due = model.filter { $0.tick <= now.nanoseconds >> 20 }.sorted {
                        ($0.tick, $0.key) < ($1.tick, $1.key)
                    }
                    model.removeAll { $0.tick <= now.nanoseconds >> 20 }
                    var fired: [Int] = []
                    while let key = wheel.popExpired(now: now) { fired.append(key) }
                    #expect(fired == due.map(\.key), "seed \(seed)")
                    if let next = wheel.nextDeadline {
                        #expect(next.nanoseconds >> 20 <= model.map(\.tick).min()!, "seed \(seed)")
                    }
                }
                #expect(wheel.count == model.count, "seed \(seed)")
            }
        }
    }

    @Test func holdsAMillionTimers() {
        var wheel = TimerWheel<Int>(now: start)
        for key in 0..<1_000_000 {
            _ = wheel.insert(deadline: start.advanced(byMilliseconds: key % 86_400 * 1000), key: key)
        }
        var fired = 0
        var last = -1
        while let key = wheel.popExpired(now: start.advanced(byMilliseconds: 86_401_000)) {
            fired += 1
            if key % 86_400 < last % 86_400 { Issue.record("\(key) after \(last)") }
            last = key
        }
        #expect(fired == 1_000_000)
    }
}
