import FanfareBase
import FanfareLog

/// A journal on a storage in memory.
final class JournalHarness {
    let storage: MemoryStorage
    let journal: Journal
    let cut: LogDamage?
    var time = TurnTime(
        monotonic: MonotonicTime(nanoseconds: 1_000_000_000), wall: WallTime(nanoseconds: 1_800_000_000_000_000_000))
    /// Gives an action's result instead of carrying it out; nil carries it out.
    var intercept: ((LogAction.Kind) -> Int32?)?
    private var names: [LogFileID: String] = [:]
    /// The most bytes a write takes.
    var writeLimit = Int.max
    private(set) var performed: [String] = []
    /// Called after each action.
    var afterAction: (() -> Void)?

    static let identity = LogIdentity(
        created: WallTime(nanoseconds: 1_800_000_000_000_000_000), random: LogHarness.random)

    init(_ storage: MemoryStorage = MemoryStorage(), compactionBytesMin: Int = 16 << 10) throws {
        self.storage = storage
        let recovered = try JournalRecovery.open(storage, identity: Self.identity)
        cut = recovered.cut
        journal = Journal(recovered, compactionBytesMin: compactionBytesMin)
        turn()
    }

    func turn() {
        for _ in 0..<10_000 {
            journal.flush(time)
            var worked = false
            while let action = journal.nextAction() {
                worked = true
                let result = intercept?(action.kind) ?? carryOut(action.kind)
                journal.completed(action.id, result: result, time: time)
                afterAction?()
            }
            if !worked { return }
        }
    }

    func advance(milliseconds: Int) { time.monotonic = time.monotonic.advanced(byMilliseconds: milliseconds) }

    private func carryOut(_ kind: LogAction.Kind) -> Int32 {
        do throws(LogError) {
            return try StorageActions.carryOut(kind, storage, &names, &performed, writeLimit: writeLimit)
        } catch {
            guard case .system(_, _, let code) = error else { return -5 }
            return -code
        }
    }
}

func sequence(_ number: UInt64) -> SequenceNumber { SequenceNumber(number) }
func range(_ range: ClosedRange<UInt64>) -> ClosedRange<SequenceNumber> {
    SequenceNumber(range.lowerBound)...SequenceNumber(range.upperBound)
}
