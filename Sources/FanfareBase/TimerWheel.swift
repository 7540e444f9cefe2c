/// Which timer of a wheel; says nothing once the timer has fired or was cancelled.
public struct TimerID: Hashable, Sendable {
    @usableFromInline var index: UInt32
    @usableFromInline var generation: UInt32

    @inlinable init(index: UInt32, generation: UInt32) {
        self.index = index
        self.generation = generation
    }
}

/// Deadlines of a shard, each with a key that says what to do: a hierarchical wheel of 8 levels with 64 buckets.
///
/// A tick is 2^20 ns (1.05 ms). A deadline is rounded up to its tick, so a timer never fires early and at most one tick
/// late; any `MonotonicTime` fits. Timers fire in the order of their ticks and, within a tick, of their insertion. Insert
/// and cancel are O(1) and allocate only while the wheel holds more timers than ever before; a timer is moved to a lower
/// level at most 7 times.
///
/// Invariant: a timer lies in the level of the highest 6-bit digit in which its tick differs from `elapsed`, in the bucket
/// of that digit; buckets at or before `elapsed`'s digit are empty above level 0. (The scheme of Tokio's wheel: entering a
/// bucket empties it into lower levels before anything newer can be put there, which keeps the order.)
public struct TimerWheel<Key> {
    /// In this order a shard's timer takes 32 bytes: one for each connection.
    @usableFromInline struct Timer {
        @usableFromInline var tick: UInt64
        @usableFromInline var generation: UInt32
        @usableFromInline var next: UInt32
        @usableFromInline var previous: UInt32
        @usableFromInline var key: Key?
        /// The bucket, while the timer runs.
        @usableFromInline var bucket: UInt16

        @inlinable init(key: Key?, tick: UInt64) {
            self.key = key
            self.tick = tick
            generation = 1
            bucket = 0
            next = .max
            previous = .max
        }
    }

    /// First and last timer of a bucket; `.max` where there is none.
    @usableFromInline struct Bucket {
        @usableFromInline var first: UInt32 = .max
        @usableFromInline var last: UInt32 = .max
        @inlinable init() {}
    }

    @inlinable static var tickBits: UInt64 { 20 }
    @inlinable static var levels: Int { 8 }

    @usableFromInline var timers: ContiguousArray<Timer> = []
    @usableFromInline var firstFree: UInt32 = .max
    @usableFromInline var buckets = ContiguousArray(repeating: Bucket(), count: 8 * 64)
    /// One bit per bucket that holds a timer, one word per level.
    @usableFromInline var occupied = InlineArray<8, UInt64>(repeating: 0)
    /// The tick the wheel has come to.
    @usableFromInline var elapsed: UInt64
    @usableFromInline var running = 0
    /// Timers that run.
    @inlinable public var count: Int { running }

    /// An empty wheel that starts at `now`.
    @inlinable public init(now: MonotonicTime) {
        elapsed = now.nanoseconds >> Self.tickBits
    }

    /// Starts a timer; a deadline in the past fires at the next `popExpired`.
    @inlinable public mutating func insert(deadline: MonotonicTime, key: Key) -> TimerID {
        let index = allocate(key: key, tick: max(Self.tick(reaching: deadline), elapsed))
        link(index)
        running += 1
        return TimerID(index: index, generation: timers[Int(index)].generation)
    }

    /// Stops a timer and returns its key; nil when it has fired or was cancelled before.
    @inlinable @discardableResult
    public mutating func cancel(_ id: TimerID) -> Key? {
        let index = Int(id.index)
        guard index < timers.count, timers[index].generation == id.generation, timers[index].key != nil else {
            return nil
        }
        unlink(id.index)
        return free(id.index)
    }

    /// The key of the earliest timer whose deadline has come, which is thereby done; nil when there is none.
    @inlinable public mutating func popExpired(now: MonotonicTime) -> Key? {
        let target = now.nanoseconds >> Self.tickBits
        while let (level, digit, start) = earliestBucket(), start <= target {
            elapsed = max(elapsed, start)
            let bucket = level * 64 + digit
            guard level > 0 else {
                let index = buckets[bucket].first
                unlink(index)
                return free(index)
            }
            cascade(bucket)
        }
        elapsed = max(elapsed, target)
        return nil
    }

    /// When to call `popExpired` next; nil when no timer runs.
    ///
    /// Never later than the earliest deadline's tick. May be earlier, when that timer still lies in a higher level:
    /// `popExpired` then returns nil and this moves on.
    @inlinable public var nextDeadline: MonotonicTime? {
        guard let (_, _, start) = earliestBucket() else { return nil }
        let (nanoseconds, overflow) = start.multipliedReportingOverflow(by: 1 << Self.tickBits)
        return MonotonicTime(nanoseconds: overflow ? .max : nanoseconds)
    }

    @inlinable static func tick(reaching deadline: MonotonicTime) -> UInt64 {
        // The last tick is the last that a reading of the clock can reach.
        let whole = deadline.nanoseconds >> tickBits
        let isWhole = deadline.nanoseconds & (1 << tickBits - 1) == 0 || whole == UInt64.max >> tickBits
        return isWhole ? whole : whole + 1
    }

    /// The lowest occupied level's first bucket holds the earliest timers.
    @inlinable func earliestBucket() -> (level: Int, digit: Int, start: UInt64)? {
        for level in 0..<Self.levels where occupied[level] != 0 {
            let digit = occupied[level].trailingZeroBitCount
            let shift = UInt64(level * 6)
            let above = (elapsed >> (shift + 6)) << (shift + 6)
            return (level, digit, above | UInt64(digit) << shift)
        }
        return nil
    }

    /// Moves a bucket's timers, oldest first, to where they belong now that `elapsed` has entered it.
    @inlinable mutating func cascade(_ bucket: Int) {
        var index = buckets[bucket].first
        buckets[bucket] = Bucket()
        occupied[bucket / 64] &= ~(1 << UInt64(bucket % 64))
        while index != .max {
            let next = timers[Int(index)].next
            link(index)
            index = next
        }
    }

    @inlinable mutating func link(_ index: UInt32) {
        let tick = timers[Int(index)].tick
        let difference = tick ^ elapsed
        let level = difference == 0 ? 0 : (63 - difference.leadingZeroBitCount) / 6
        let digit = Int(tick >> UInt64(level * 6)) & 63
        let bucket = level * 64 + digit
        let last = buckets[bucket].last
        timers[Int(index)].bucket = UInt16(bucket)
        timers[Int(index)].previous = last
        timers[Int(index)].next = .max
        if last == .max { buckets[bucket].first = index } else { timers[Int(last)].next = index }
        buckets[bucket].last = index
        occupied[level] |= 1 << UInt64(digit)
    }

    @inlinable mutating func unlink(_ index: UInt32) {
        let timer = timers[Int(index)]
        let bucket = Int(timer.bucket)
        if timer.previous == .max {
            buckets[bucket].first = timer.next
        } else {
            timers[Int(timer.previous)].next = timer.next
        }
        if timer.next == .max {
            buckets[bucket].last = timer.previous
        } else {
            timers[Int(timer.next)].previous = timer.previous
        }
        if buckets[bucket].first == .max { occupied[bucket / 64] &= ~(1 << UInt64(bucket % 64)) }
    }

    @inlinable mutating func allocate(key: Key, tick: UInt64) -> UInt32 {
        let index = firstFree
        guard index != .max else {
            invariant(timers.count < Int(UInt32.max), "timers are numbered by 32 bits; their owners' slots are limited")
            timers.append(Timer(key: key, tick: tick))
            return UInt32(timers.count - 1)
        }
        firstFree = timers[Int(index)].next
        timers[Int(index)].key = key
        timers[Int(index)].tick = tick
        return index
    }

    @inlinable mutating func free(_ index: UInt32) -> Key? {
        let key = timers[Int(index)].key
        timers[Int(index)].key = nil
        timers[Int(index)].generation &+= 1
        timers[Int(index)].next = firstFree
        firstFree = index
        running -= 1
        return key
    }
}
