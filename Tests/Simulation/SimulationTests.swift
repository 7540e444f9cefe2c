import Glibc
import Testing

/// The real shards on a simulated machine: `docs/RELIABILITY.md` says what is promised and what a run does.
@Suite(.serialized) struct SimulationTests {
    /// Seeds of `make test`, besides the one that follows from the commit (`COMMIT`).
    private static let fixedSeeds: [UInt64] = Array(1...60)

    private static func variable(_ name: String) -> UInt64? {
        guard let value = unsafe getenv(name) else { return nil }
        return unsafe UInt64(String(cString: value))
    }

    private static var seeds: [UInt64] {
        if let count = variable("SEEDS") {
            let first = variable("FIRST") ?? 1
            return Array(first..<first + count)
        }
        return fixedSeeds + [commitSeed].compactMap(\.self)
    }

    /// The first digits of the commit's hash, so that each commit tries something new.
    private static var commitSeed: UInt64? {
        guard let value = unsafe getenv("COMMIT") else { return nil }
        return UInt64(unsafe String(cString: value).prefix(8), radix: 16)
    }

    /// Tells how far a long run has come: a line every so many seconds.
    private static func showProgress(_ done: Int, failed: Int, _ last: inout ContinuousClock.Instant) {
        guard variable("SEEDS") != nil, ContinuousClock.now - last > .seconds(5) else { return }
        last = .now
        print("\(done) of \(seeds.count) seeds, \(failed) failed")
        fflush(nil)
    }

    @Test func everyPromiseHoldsThroughFaultsAndCrashes() {
        var (lives, acknowledged, delivered, attempts, sentAway) = (0, 0, 0, 0, 0)
        var failed: [UInt64] = []
        var shown = ContinuousClock.now
        for (done, seed) in Self.seeds.enumerated() {
            Self.showProgress(done, failed: failed.count, &shown)
            CrashNote.running(seed)
            let outcome = World(seed: seed).run()
            lives += outcome.lives
            acknowledged += outcome.acknowledged
            delivered += outcome.delivered
            attempts += outcome.attempts
            sentAway += outcome.sentAway
            if outcome.violations.isEmpty { continue }
            failed.append(seed)
            Issue.record("\(outcome.description)")
        }
        print(
            "simulated \(Self.seeds.count) seeds: \(lives) lives, \(acknowledged) acknowledged, \(delivered) delivered, "
                + "\(attempts) webhook attempts, \(sentAway) WebSockets ended by unreadable places, failed: \(failed)")
        if Self.variable("SEEDS") == nil { #expect(sentAway > 0, "no reader came to a place that could not be read") }
    }

    @Test(.enabled(if: variable("SWIFT_DETERMINISTIC_HASHING") != nil, "hashing must repeat: use make simulate"))
    func aSeedRepeats() {
        for seed in [UInt64(3), 7, 11] {
            CrashNote.running(seed)
            #expect(World(seed: seed).run().digest == World(seed: seed).run().digest, "seed \(seed)")
        }
    }

    @Test(.enabled(if: variable("SEEDS") == nil), arguments: Canary.allCases)
    func theSimulatorCatches(_ canary: Canary) {
        let caught = (UInt64(1)...120).first { seed in
            CrashNote.running(seed)
            return !World(seed: seed, canary: canary).run().violations.isEmpty
        }
        #expect(caught != nil, "\(canary.rawValue) went unnoticed through 120 seeds")
    }
}

/// Prints the seed when an invariant of the server ends the process.
enum CrashNote {
    // Written by the one thread that simulates, read by the handler on it.
    nonisolated(unsafe) private static var seed: UInt64 = 0

    static func running(_ seed: UInt64) {
        unsafe self.seed = seed
        for number in [SIGILL, SIGTRAP, SIGABRT, SIGSEGV] {
            signal(number) { number in
                let seed = unsafe CrashNote.seed
                print("died in seed \(seed); to see it again: make simulate SEEDS=1 FIRST=\(seed)")
                fflush(nil)
                signal(number, SIG_DFL)
                raise(number)
            }
        }
    }
}
