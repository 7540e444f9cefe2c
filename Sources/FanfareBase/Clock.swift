import CFanfareBase

/// The machine's clocks. Only drivers and threads outside the shards read them; a shard is given a `TurnTime`.
package enum Clock {
    /// Both clocks, read one after the other (about 40 ns).
    package static var turn: TurnTime {
        TurnTime(monotonic: monotonic, wall: wall)
    }

    /// CLOCK_MONOTONIC: never jumps, stops while the machine sleeps.
    package static var monotonic: MonotonicTime { MonotonicTime(nanoseconds: fanfare_monotonic_nanoseconds()) }

    /// CLOCK_REALTIME: may jump when it is set.
    package static var wall: WallTime { WallTime(nanoseconds: fanfare_wall_nanoseconds()) }
}
