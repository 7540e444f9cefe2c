import FanfareLoad
import FanfareWire

/// One request and its answer, for commands that need nothing else.
struct SimpleRequest {
    /// Milliseconds the service may take to answer; then it counts as not there.
    private static let answerMillisecondsMax = 30_000

    let target: ClientTarget
    let loop: ClientLoop

    /// An answer with its own memory.
    struct Answer {
        let status: Int
        let body: [UInt8]
    }

    /// Asks the service that `options` name.
    init(_ options: ServiceOptions) throws(CommandFailure) {
        target = try options.httpTarget()
        loop = try Loops.make()
    }

    /// Asks `target` on `loop`, which must not be running.
    init(_ loop: ClientLoop, _ target: ClientTarget) {
        self.loop = loop
        self.target = target
    }

    /// Sends the request and waits for a 2xx; anything else is a failure in the service's words.
    func send(_ method: StaticString, _ path: String, body: [UInt8]? = nil) throws(CommandFailure) -> Answer {
        let answer = try exchange(method, path, body: body)
        guard (200...299).contains(answer.status) else {
            throw .refused(status: answer.status, words: answer.body.withByteView(ProblemText.words))
        }
        return answer
    }

    /// Sends the request and waits for any answer.
    func exchange(_ method: StaticString, _ path: String, body: [UInt8]? = nil) throws(CommandFailure) -> Answer {
        var answer: Answer?
        var failure = ""
        let client = HTTPClient(loop, target) { _, outcome in
            switch outcome {
            case .response(let response): answer = Answer(status: response.status, body: response.body.array)
            case .failed(let words), .unreachable(let words): failure = words
            }
            loop.stop()
        }
        var isInterrupted = false
        loop.onInterrupt = {
            isInterrupted = true
            loop.stop()
        }
        let headers: [(StaticString, String)] = body == nil ? [] : [("content-type", "application/json")]
        client.send(target.request(method, path, headers: headers, body: body))
        let timer = loop.after(milliseconds: Self.answerMillisecondsMax) { [loop] in
            failure = "no answer in \(Self.answerMillisecondsMax / 1000) s"
            loop.stop()
        }
        loop.run()
        loop.cancel(timer)
        client.close()
        if isInterrupted { throw .interrupted }
        guard let answer else { throw .unavailable("\(target.url): \(failure)") }
        return answer
    }
}
