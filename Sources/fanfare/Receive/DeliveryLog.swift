import FanfareLoad

/// Prints each attempt that a receiver takes and decides the answer.
final class DeliveryLog {
    private let loop: ClientLoop
    private let statuses: StatusSequence
    private let delayMilliseconds: Int
    private let count: Int?
    private var taken = 0

    init(_ loop: ClientLoop, statuses: StatusSequence, delayMilliseconds: Int, count: Int?) {
        self.loop = loop
        self.statuses = statuses
        self.delayMilliseconds = delayMilliseconds
        self.count = count
    }

    /// Whether as many attempts as wanted have come.
    var isDone: Bool { count.map { taken >= $0 } ?? false }

    /// Takes one attempt.
    func take(_ arrival: WebhookArrival) -> WebhookAnswer {
        let status = statuses.status(forAttempt: arrival.attempt)
        Terminal.line(Self.line(arrival, status: status))
        taken += 1
        if isDone {
            // The answer goes out first.
            loop.after(milliseconds: delayMilliseconds + 1) { [loop] in loop.stop() }
        }
        return WebhookAnswer(status: status, delayMilliseconds: delayMilliseconds)
    }

    /// What a person reads about an attempt.
    static func line(_ arrival: WebhookArrival, status: Int) -> String {
        let attempt = arrival.announcedAttempt ?? arrival.attempt
        let event = arrival.event.map { "\($0.type) \($0.id)" } ?? "\(arrival.request.body.count) bytes of data"
        let id = arrival.id.isEmpty ? "no webhook-id" : arrival.id
        return "attempt \(attempt)  \(event)  \(id)  \(arrival.verdict)  answered \(status)"
    }
}
