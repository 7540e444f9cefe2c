import CFanfareBase

/// The machine's clocks. Only drivers and threads outside the shards read them; a shard is given a `TurnTime`.
public enum Clock {
    /// Both clocks, read one after the other (about 40 ns).
    public static var turn: TurnTime {
        TurnTime(monotonic: monotonic, wall: wall)
    }

    /// CLOCK_MONOTONIC: never jumps, stops while the machine sleeps.
    public static var monotonic: MonotonicTime { MonotonicTime(nanoseconds: fanfare_monotonic_nanoseconds()) }

    /// CLOCK_REALTIME: may jump when it is set.
    public static var wall: WallTime { WallTime(nanoseconds: fanfare_wall_nanoseconds()) }
}
