import FanfareBase

/// Where a reader begins, from what it asked for (CONTRACT, sections 3 and 5).
enum StartPoint: Equatable {
    /// After everything.
    case latest
    /// Before everything that is retained.
    case earliest
    /// After this position.
    case position(Position)
    /// With the first event accepted at or after this time.
    case time(WallTime)
    /// With the last so many.
    case last(Int)

    /// Most events `last:N` goes back.
    static let lastMax = 1_000_000

    /// Parses `latest`, `earliest`, a position, an RFC 3339 time or `last:N`; nil for anything else.
    init?(_ text: String) {
        switch text {
        case "latest": self = .latest
        case "earliest": self = .earliest
        default:
            if let position = Position(text) {
                self = .position(position)
            } else if text.hasPrefix("last:"), let count = Int(text.dropFirst(5)), (1...Self.lastMax).contains(count) {
                self = .last(count)
            } else if let time = RFC3339.time(text) {
                self = .time(time)
            } else {
                return nil
            }
        }
    }

    /// What is allowed, for the error.
    static let allowed = "latest, earliest, a position, an RFC 3339 time, or last:N with N from 1 to 1000000"

    /// A start point in terms of this log.
    struct Resolved: Equatable {
        /// The reader stands after this number.
        var after: SequenceNumber
        /// A gap to tell first.
        var gap: Gap?
        /// Events accepted earlier are passed over.
        var notBefore = WallTime(nanoseconds: 0)
        /// Only the last so many matching events up to the head are wanted.
        var last: Int?
    }

    /// Numbers that will not come.
    struct Gap: Equatable {
        var after: Position
        var next: Position
    }

    /// The place in a log that retains `firstRetained...head`; nil for a position beyond the end.
    func resolved(
        log: LogID, firstRetained: SequenceNumber, head: SequenceNumber,
        timeStart: (WallTime) -> (after: SequenceNumber, missed: ClosedRange<SequenceNumber>?)
    ) -> Resolved? {
        let earliest = SequenceNumber(firstRetained.rawValue - 1)
        switch self {
        case .latest: return Resolved(after: head)
        case .earliest: return Resolved(after: earliest)
        case .time(let time):
            let start = timeStart(time)
            let gap = start.missed.map { missed in
                Gap(
                    after: Position(log: log, sequence: missed.lowerBound).before,
                    next: Position(log: log, sequence: missed.upperBound.next))
            }
            return Resolved(after: start.after, gap: gap, notBefore: time)
        case .last(let count): return Resolved(after: head, last: count)
        case .position(let position):
            let gap = Gap(after: position, next: Position(log: log, sequence: firstRetained))
            if position.log != log { return Resolved(after: earliest, gap: gap) }
            if position.sequence > head { return nil }
            return position.sequence < earliest
                ? Resolved(after: earliest, gap: gap) : Resolved(after: position.sequence)
        }
    }
}
