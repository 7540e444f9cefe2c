import FanfareLoad
import FanfareWire

/// Many requests at once, pipelined on a few connections, whose answers nobody reads: the setting up of a load.
final class ManyRequests {
    /// Connections they are sent on: enough for the service to commit many with one write.
    private static let connectionsMax = 16
    /// Requests without an answer, on all connections: half of what the service looks at at one time; more wait.
    private static let outstandingMax = 128
    /// Milliseconds without an answer after which the service counts as not there.
    private static let silenceMillisecondsMax = 30_000

    private let loop: ClientLoop
    private let purpose: String
    private let allowed: Set<Int>
    private let progress = ProgressLine(tellsFiles: false)
    private var clients: [HTTPClient] = []
    private var sent = 0
    private var answered = 0
    private var failure: CommandFailure?
    /// No further answers are worth waiting for.
    private var isOver = false

    /// Requests to `target`, on `loop`, which must not be running.
    ///
    /// - Parameters:
    ///   - purpose: what is shown while it takes its time.
    ///   - allowed: statuses besides 2xx that are no failure.
    init(_ loop: ClientLoop, _ target: ClientTarget, _ purpose: String, allows allowed: Set<Int> = []) {
        self.loop = loop
        self.purpose = purpose
        self.allowed = allowed
        clients = (0..<Self.connectionsMax).map { _ in
            HTTPClient(loop, target) { [weak self] _, outcome in self?.take(outcome) }
        }
    }

    /// Sends `count` requests and waits for all of the answers; goes on after a refusal, and then gives the first one.
    func send(_ count: Int, _ request: (Int) -> [UInt8]) throws(CommandFailure) {
        loop.onInterrupt = { [weak self] in self?.giveUp("interrupted") }
        while answered < count, !isOver {
            while sent < count, sent - answered < Self.outstandingMax {
                clients[sent % clients.count].send(request(sent))
                sent += 1
            }
            progress.show("\(purpose): \(answered) of \(count)")
            awaitSome()
        }
        progress.finish()
        for client in clients { client.close() }
        if let failure { throw failure }
    }

    private func awaitSome() {
        let timer = loop.after(milliseconds: Self.silenceMillisecondsMax) { [unowned self] in
            giveUp("no answer in \(Self.silenceMillisecondsMax / 1000) s")
        }
        loop.run()
        loop.cancel(timer)
    }

    private func take(_ outcome: HTTPClient.Outcome) {
        answered += 1
        loop.stop()
        switch outcome {
        case .failed(let words), .unreachable(let words): giveUp(words)
        case .response(let response):
            guard !(200...299).contains(response.status), !allowed.contains(response.status) else { return }
            if failure == nil {
                failure = .refused(status: response.status, words: ProblemText.words(response.body))
            }
        }
    }

    private func giveUp(_ words: String) {
        isOver = true
        if failure == nil { failure = .unavailable("\(purpose): \(words)") }
        loop.stop()
    }
}
