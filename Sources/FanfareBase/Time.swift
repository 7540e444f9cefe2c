/// A point on the monotonic clock, in nanoseconds since an unspecified start. Never compared across processes.
public struct MonotonicTime: Comparable, Hashable, Sendable {
    /// Nanoseconds since the clock's start.
    public var nanoseconds: UInt64

    /// A point `nanoseconds` after the clock's start.
    @inlinable public init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }

    @inlinable public static func < (left: Self, right: Self) -> Bool { left.nanoseconds < right.nanoseconds }

    /// The point `milliseconds` later; saturates at the far future.
    @inlinable public func advanced(byMilliseconds milliseconds: Int) -> Self {
        let (nanoseconds, overflow) = milliseconds.multipliedReportingOverflow(by: 1_000_000)
        return advanced(byNanoseconds: overflow ? (milliseconds < 0 ? .min : .max) : nanoseconds)
    }

    /// The point `nanoseconds` later (earlier when negative); saturates at zero and the far future.
    @inlinable public func advanced(byNanoseconds nanoseconds: Int) -> Self {
        if nanoseconds >= 0 {
            let (sum, overflow) = self.nanoseconds.addingReportingOverflow(UInt64(nanoseconds))
            return Self(nanoseconds: overflow ? .max : sum)
        }
        let distance = nanoseconds.magnitude
        return Self(nanoseconds: distance > self.nanoseconds ? 0 : self.nanoseconds - UInt64(distance))
    }

    /// Nanoseconds from `earlier` to here; 0 when `earlier` is later.
    @inlinable public func nanoseconds(since earlier: Self) -> UInt64 {
        nanoseconds > earlier.nanoseconds ? nanoseconds - earlier.nanoseconds : 0
    }
}

/// Wall-clock time, in nanoseconds since 1970-01-01T00:00:00Z. May jump; used for what people and other machines see.
public struct WallTime: Comparable, Hashable, Sendable {
    /// Nanoseconds since the Unix epoch.
    public var nanoseconds: UInt64

    /// A time `nanoseconds` after the Unix epoch.
    @inlinable public init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }

    /// Whole seconds since the Unix epoch.
    @inlinable public var seconds: UInt64 { nanoseconds / 1_000_000_000 }

    @inlinable public static func < (left: Self, right: Self) -> Bool { left.nanoseconds < right.nanoseconds }
}

/// Both clocks, read once at the start of a turn so that everything in the turn happens at one time.
public struct TurnTime: Sendable {
    /// For deadlines and intervals.
    public var monotonic: MonotonicTime
    /// For timestamps.
    public var wall: WallTime

    /// A turn's time.
    @inlinable public init(monotonic: MonotonicTime, wall: WallTime) {
        self.monotonic = monotonic
        self.wall = wall
    }
}
