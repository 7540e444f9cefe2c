import FanfareBase

/// Which attempts someone wants to see: of one event, with one result.
struct AttemptFilter {
    /// Why a query is refused.
    struct Refusal: Error {
        /// The problem's type.
        let code: String
        /// For a person.
        let detail: String
    }

    /// What became of an attempt.
    private enum Result {
        /// An answer with this status.
        case status(Int)
        case delivered, failed
        /// There was no answer.
        case unanswered
    }

    private var position: Position?
    private var result: Result?

    /// What a query says: a position, and a status code, `delivered`, `failed` or `none`.
    init(position: String?, status: String?) throws(Refusal) {
        if let position {
            guard let found = Position(position) else {
                throw Refusal(code: "invalid-position", detail: "\"position\" must be an event's position.")
            }
            self.position = found
        }
        guard let status else { return }
        switch status {
        case "delivered": result = .delivered
        case "failed": result = .failed
        case "none": result = .unanswered
        default:
            guard let code = Int(status), (100...599).contains(code) else {
                throw Refusal(
                    code: "invalid-status",
                    detail: "\"status\" must be a status code, \"delivered\", \"failed\" or \"none\" (no answer).")
            }
            result = .status(code)
        }
    }

    /// Whether it is one of those wanted.
    func admits(_ report: AttemptReport, in log: LogID) -> Bool {
        if let position, position != Position(log: log, sequence: report.sequence) { return false }
        switch result {
        case nil: return true
        case .status(let code): return report.status == code
        case .delivered: return report.error == nil
        case .failed: return report.error != nil
        case .unanswered: return report.status == nil
        }
    }
}
