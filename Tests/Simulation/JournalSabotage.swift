import FanfareBase
import FanfareLog

/// Deliberate bugs in what delivery tells the journal: the canaries that only a crash brings to light.
final class JournalSabotage {
    private let canary: Canary
    /// Retries that are recorded too late.
    private var held: [JournalEntry] = []

    init?(_ canary: Canary?) {
        guard let canary else { return nil }
        self.canary = canary
    }

    /// What is recorded instead of `entry`.
    func record(_ entry: JournalEntry) -> [JournalEntry] {
        switch (canary, entry) {
        case (.lostRetry, .retry), (.lostDisable, .disable): return []
        case (.lostDeadLetter, .deadLetter(let number, let letter)):
            return [.acknowledged(number, letter.sequence...letter.sequence)]
        case (.lostSettlement, .cursor(_, let low)) where low > .zero: return []
        case (.lostSettlement, .acknowledged): return []
        case (.checkpointBeforeRetry, _): return late(entry)
        case (.cursorPastEvents, .cursor(let number, let low)) where low > .zero:
            return [.cursor(number, SequenceNumber(low.rawValue + 2))]
        case (.forgottenAttempts, .retry(let number, var retry)):
            retry.attempts = 0
            return [.retry(number, retry)]
        default: return [entry]
        }
    }

    /// Retries come after what was to follow them.
    private func late(_ entry: JournalEntry) -> [JournalEntry] {
        if case .retry = entry {
            held.append(entry)
            return []
        }
        guard held.count > 30 else { return [entry] }
        defer { held = [] }
        return [entry] + held
    }
}
