/// How and when the lives of a process ended, and what the journal must still know.
struct CrashRecord {
    private struct End {
        var time: UInt64
        var losesPower: Bool
        /// The longest the disk took for an operation.
        var diskNanoseconds: UInt64
        /// It was full, or a sync failed.
        var wasBroken: Bool
    }

    /// A few operations stand between a decision and the journal's sync: the group before it, a snapshot's five.
    private static let operations: UInt64 = 12
    private static let syncInterval: UInt64 = 1_000_000_000
    private static let turns: UInt64 = 50_000_000

    private var ends: [Int: End] = [:]

    mutating func ended(life: Int, at time: UInt64, losesPower: Bool, diskNanoseconds: Int, wasBroken: Bool) {
        ends[life] = End(
            time: time, losesPower: losesPower, diskNanoseconds: UInt64(diskNanoseconds), wasBroken: wasBroken)
    }

    /// The power went before the next start had finished.
    mutating func lostPower(after life: Int) { ends[life]?.losesPower = true }

    /// Whether what was decided at `time` in `life` is known in later lives.
    func keeps(_ time: UInt64, of life: Int) -> Bool {
        guard let end = ends[life], !end.wasBroken else { return false }
        let delay = Self.turns + Self.operations * end.diskNanoseconds + (end.losesPower ? Self.syncInterval : 0)
        return time + delay < end.time
    }
}
