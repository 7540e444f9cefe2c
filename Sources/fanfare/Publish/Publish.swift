import ArgumentParser
import FanfareBase
import FanfareLoad
import FanfareServer
import FanfareWire

/// `fanfare publish`: publishes CloudEvents or plain bodies.
struct Publish: FanfareCommand {
    static let configuration = CommandConfiguration(
        abstract: "Publish CloudEvents (JSON, NDJSON) or plain bodies.",
        discussion: """
            The input is one CloudEvent as JSON, a JSON array of them, or one a line (NDJSON); which of them is found out. \
            Anything else is a plain body and needs --topic; lines of JSON that are no CloudEvents are a body each.

            Exits with 65 when the service refuses an event, 69 when it is not there or takes none, 77 when the token may \
            not publish there. Events before a refused one may have been accepted; publishing them again does no harm.
            """)

    @OptionGroup var service: ServiceOptions

    @Option(help: "Publish on this topic, whatever the events say.")
    var topic: String?

    @Option(help: "The type of events made from plain bodies; without it their topic.")
    var type: String?

    @Option(help: ArgumentHelp("Events a second; without it as fast as the service takes them.", valueName: "events"))
    var rate: Double?

    @Flag(help: "Print JSON for machines.")
    var json = false

    @Argument(help: "The file to read; - is standard input.")
    var file = "-"

    func validate() throws {
        if let rate, !(rate > 0 && rate <= 1_000_000) {
            throw ValidationError("--rate must be above 0 and at most 1000000.")
        }
    }

    func perform() throws(CommandFailure) {
        let target = try service.httpTarget()
        let input = PublishInput(try InputFile.read(file))
        if case .bodies = input.kind {
            guard topic != nil else {
                throw .data(
                    "\(file == "-" ? "the input" : file) is no CloudEvent; name a --topic to publish it as it is")
            }
        } else if type != nil {
            throw .usage("--type is for plain bodies; CloudEvents have their own")
        }
        let requests = PublishRequests(target: target, input: input, topic: topic, type: type)
        let publisher = Publisher(try Loops.make(), requests, rate: rate)
        publisher.run()
        if publisher.failure == nil || publisher.tally.accepted > 0 { report(publisher) }
        if let failure = publisher.failure { throw failure }
    }

    private func report(_ publisher: Publisher) {
        let tally = publisher.tally
        if json {
            var members: [JSONOutput.Member] = [
                .init("accepted", .integer(tally.accepted)), .init("duplicates", .integer(tally.duplicates)),
            ]
            if let first = tally.first { members.append(.init("first", .string(first))) }
            if let last = tally.last { members.append(.init("last", .string(last))) }
            Terminal.write(JSONOutput.object(members).line + [UInt8(ascii: "\n")])
        } else {
            var text = "accepted \(Plural.of(tally.accepted, "event"))"
            if tally.duplicates > 0 { text += ", \(Plural.of(tally.duplicates, "duplicate"))" }
            if let first = tally.first, let last = tally.last {
                text += first == last ? ": \(first)" : ": \(first) to \(last)"
            }
            Terminal.line(text)
        }
    }
}

/// Sends the requests one after the other, or at a rate, and adds up the answers. Ends at the first refusal.
final class Publisher {
    /// What the service has said in all.
    struct Tally {
        var accepted = 0
        var duplicates = 0
        var first: String?
        var last: String?
    }

    /// Requests in flight with `--rate`: enough for any sensible rate, and bounded when the service is slow.
    private static let requestsInFlightMax = 64

    private let loop: ClientLoop
    private let requests: PublishRequests
    private let rate: Double?
    private let startedAt = Clock.monotonic
    private let progress = ProgressLine(tellsFiles: false)
    private var client: HTTPClient!
    private var next = 0
    private(set) var tally = Tally()
    private(set) var failure: CommandFailure?

    init(_ loop: ClientLoop, _ requests: PublishRequests, rate: Double?) {
        self.loop = loop
        self.requests = requests
        self.rate = rate
        client = HTTPClient(loop, requests.target) { [unowned self] _, outcome in answered(outcome) }
    }

    /// Publishes everything; gives up at the first failure.
    func run() {
        guard !requests.input.items.isEmpty else { return }
        loop.onInterrupt = { [unowned self] in
            end(.unavailable("interrupted after \(Plural.of(tally.accepted, "event"))"))
        }
        proceed()
        loop.run()
        progress.finish()
    }

    private var count: Int { requests.input.items.count }

    private func proceed() {
        guard failure == nil else { return }
        if next == count {
            if client.outstandingCount == 0 { end(nil) }
            return
        }
        guard let rate else {
            if client.outstandingCount == 0 { send(limit: count) }
            return
        }
        let elapsed = Double(Clock.monotonic.nanoseconds(since: startedAt)) / 1e9
        let due = min(count, Int(elapsed * rate) + 1)
        while next < due, client.outstandingCount < Self.requestsInFlightMax { send(limit: due - next) }
        if next < count {
            let nextDue = startedAt.advanced(byNanoseconds: Int(Double(next) / rate * 1e9))
            // When the service is slow its answers are waited for, in small steps.
            loop.at(max(nextDue, loop.now.advanced(byMilliseconds: 1))) { [unowned self] in proceed() }
        }
    }

    private func send(limit: Int) {
        let request = requests.request(from: next, limit: limit)
        next += request.events
        client.send(request.bytes)
    }

    private func answered(_ outcome: HTTPClient.Outcome) {
        switch outcome {
        case .failed(let words), .unreachable(let words): end(.unavailable("\(requests.target.url): \(words)"))
        case .response(let response):
            add(response.body)
            progress.show("published \(next) of \(Plural.of(count, "event"))")
            guard (200...299).contains(response.status) else {
                return end(.refused(status: response.status, words: ProblemText.words(response.body)))
            }
            if rate == nil || next == count { proceed() }
        }
    }

    /// Adds up what a 202 says, or a 400 that says how many were accepted before it.
    private func add(_ body: ByteView) {
        let document: JSONDocument
        do throws(JSONSyntaxError) { document = try JSONDocument(body.array) } catch { return }
        guard let answer = document.root.object else { return }
        tally.accepted += answer["accepted"]?.number?.integer ?? 0
        tally.duplicates += answer["duplicates"]?.number?.integer ?? 0
        if tally.first == nil { tally.first = answer["first"]?.string }
        if let last = answer["last"]?.string { tally.last = last }
    }

    private func end(_ failure: CommandFailure?) {
        if self.failure == nil { self.failure = failure }
        loop.stop()
    }
}
