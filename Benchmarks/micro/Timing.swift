import Benchmark
import FanfareBase

/// Deadlines, beside ten thousand others: most are cancelled, some come.
func timing() {
    stage("Time: start and cancel a timer", allocations: 0, instructions: 345) {
        let now = Clock.monotonic
        var wheel = busyWheel(now)
        return Stage {
            let timer = wheel.insert(deadline: now.advanced(byMilliseconds: 30_000), key: 1)
            blackHole(wheel.cancel(timer))
        }
    }

    stage("Time: start a timer that fires", allocations: 0, instructions: 490) {
        var now = Clock.monotonic
        var wheel = busyWheel(now)
        return Stage {
            _ = wheel.insert(deadline: now.advanced(byMilliseconds: 2), key: 1)
            // A timer is at most one tick late, which is about a millisecond.
            now = now.advanced(byMilliseconds: 4)
            guard wheel.popExpired(now: now) == 1 else { fatalError("its deadline has come") }
        }
    }
}

/// A wheel whose ten thousand timers are a day ahead.
private func busyWheel(_ now: MonotonicTime) -> TimerWheel<UInt32> {
    var wheel = TimerWheel<UInt32>(now: now)
    for number in 0..<10_000 {
        _ = wheel.insert(deadline: now.advanced(byMilliseconds: 86_400_000 + number), key: 0)
    }
    return wheel
}
