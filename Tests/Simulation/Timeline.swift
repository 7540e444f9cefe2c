import FanfareBase

/// The virtual clock and everything that will happen: a heap of actions by time, those of one time in the order in which
/// they were planned.
final class Timeline {
    private struct Entry {
        var time: UInt64
        var order: UInt64
        var action: () -> Void

        func precedes(_ other: Entry) -> Bool { (time, order) < (other.time, other.order) }
    }

    private var heap: [Entry] = []
    private var planned: UInt64 = 0
    /// Monotonic nanoseconds.
    private(set) var now: UInt64 = 1_000_000_000
    /// What wall time is ahead of the monotonic clock, in nanoseconds; jumps at faults.
    var wallOffset: UInt64 = 1_800_000_000_000_000_000
    /// A digest of all that happened: equal for equal runs.
    private(set) var digest: UInt64 = 0

    var time: TurnTime {
        TurnTime(monotonic: MonotonicTime(nanoseconds: now), wall: WallTime(nanoseconds: now + wallOffset))
    }

    /// When the next action is due; nil when none is planned.
    var nextTime: UInt64? { heap.first?.time }

    /// Plans `action`, so many nanoseconds from now.
    func after(_ nanoseconds: Int, _ action: @escaping () -> Void) { at(now + UInt64(nanoseconds), action) }

    func at(_ time: UInt64, _ action: @escaping () -> Void) {
        planned += 1
        heap.append(Entry(time: max(time, now), order: planned, action: action))
        var child = heap.count - 1
        while child > 0, heap[child].precedes(heap[(child - 1) / 2]) {
            heap.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    /// Lets time pass, with all that is planned for it.
    func advance(to time: UInt64) {
        while let first = heap.first, first.time <= time {
            now = max(now, first.time)
            removeFirst().action()
        }
        now = max(now, time)
    }

    /// Adds to the digest of what happened.
    func note(_ values: UInt64...) {
        for value in values { digest = (digest ^ value) &* 0x100_0000_01B3 ^ digest >> 29 }
        digest ^= now
    }

    private func removeFirst() -> Entry {
        heap.swapAt(0, heap.count - 1)
        let first = heap.removeLast()
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count && heap[child].precedes(heap[least])
            {
                least = child
            }
            if least == parent { return first }
            heap.swapAt(parent, least)
            parent = least
        }
    }
}
