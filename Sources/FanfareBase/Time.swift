/// A point on the monotonic clock, in nanoseconds since an unspecified start. Never compared across processes.
package struct MonotonicTime: Comparable, Hashable, Sendable {
    /// Nanoseconds since the clock's start.
    package var nanoseconds: UInt64

    /// A point `nanoseconds` after the clock's start.
    @inlinable package init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }

    @inlinable package static func < (left: Self, right: Self) -> Bool { left.nanoseconds < right.nanoseconds }

    /// The point `milliseconds` later; saturates at the far future.
    @inlinable package func advanced(byMilliseconds milliseconds: Int) -> Self {
        let (nanoseconds, overflow) = milliseconds.multipliedReportingOverflow(by: 1_000_000)
        return advanced(byNanoseconds: overflow ? (milliseconds < 0 ? .min : .max) : nanoseconds)
    }

    /// The point `nanoseconds` later (earlier when negative); saturates at zero and the far future.
    @inlinable package func advanced(byNanoseconds nanoseconds: Int) -> Self {
        if nanoseconds >= 0 {
            let (sum, overflow) = self.nanoseconds.addingReportingOverflow(UInt64(nanoseconds))
            return Self(nanoseconds: overflow ? .max : sum)
        }
        let distance = nanoseconds.magnitude
        return Self(nanoseconds: distance > self.nanoseconds ? 0 : self.nanoseconds - UInt64(distance))
    }

    /// Nanoseconds from `earlier` to here; 0 when `earlier` is later.
    @inlinable package func nanoseconds(since earlier: Self) -> UInt64 {
        nanoseconds > earlier.nanoseconds ? nanoseconds - earlier.nanoseconds : 0
    }
}

/// Wall-clock time, in nanoseconds since 1970-01-01T00:00:00Z. May jump; used for what people and other machines see.
package struct WallTime: Comparable, Hashable, Sendable {
    /// Nanoseconds since the Unix epoch.
    package var nanoseconds: UInt64

    /// A time `nanoseconds` after the Unix epoch.
    @inlinable package init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }

    /// Whole seconds since the Unix epoch.
    @inlinable package var seconds: UInt64 { nanoseconds / 1_000_000_000 }

    @inlinable package static func < (left: Self, right: Self) -> Bool { left.nanoseconds < right.nanoseconds }
}

/// Both clocks, read once at the start of a turn so that everything in the turn happens at one time.
package struct TurnTime: Sendable {
    /// For deadlines and intervals.
    package var monotonic: MonotonicTime
    /// For timestamps.
    package var wall: WallTime

    /// A turn's time.
    @inlinable package init(monotonic: MonotonicTime, wall: WallTime) {
        self.monotonic = monotonic
        self.wall = wall
    }
}
