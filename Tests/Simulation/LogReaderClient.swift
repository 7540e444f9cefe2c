import FanfareBase

/// Reads the whole log page by page with `GET /v1/events`: what is durable in the end.
final class LogReaderClient: SimulatedClient {
    private unowned let machine: any SimulatedMachine
    private var link: Link?
    private var input: [UInt8] = []
    private var from = "earliest"
    private(set) var events: [SeenEvent] = []
    private var accounted: UInt64 = 0
    /// Where the gap ends that the log begins with; 0 when it begins with an event.
    private(set) var firstGapEnd: UInt64 = 0
    private(set) var isDone = false

    init(_ machine: any SimulatedMachine) {
        self.machine = machine
        ask()
    }

    private func ask() {
        if link == nil { link = machine.connect(self) }
        guard let link else { return }
        let limit = machine.dice.number(1...1_000)
        machine.kernel?.send(
            Array(
                "GET /v1/events?topic=%3E&topic=fanfare.%3E&from=\(from)&limit=\(limit) HTTP/1.1\r\nhost: localhost\r\n\r\n"
                    .utf8),
            on: link)
    }

    func received(_ bytes: ArraySlice<UInt8>) {
        input += bytes
        guard let reply = HTTPReply.take(from: &input) else { return }
        guard reply.status == 200, reply.body.hasPrefix("{\"events\":["),
            let end = reply.body.firstRange(of: "],\"next\":")
        else { return machine.ledger.violation("a page was answered \(reply.status) \(reply.body)") }
        let tail = String(reply.body[end.lowerBound...])
        guard let next = SeenEvent.value("next", in: tail), let position = Position(next) else {
            return machine.ledger.violation("a page without next: \(tail)")
        }
        let page = Self.split(Array(reply.body.utf8.dropFirst(11)))
        if let gap = tail.firstRange(of: "\"gap\":{"),
            let after = SeenEvent.value("after", in: String(tail[gap.lowerBound...])).flatMap({ Position($0) }),
            let before = SeenEvent.value("next", in: String(tail[gap.lowerBound...])).flatMap({ Position($0) })
        {
            let isFirst = accounted == firstGapEnd
            account(after.sequence.rawValue + 1...before.sequence.rawValue - 1)
            if isFirst { firstGapEnd = before.sequence.rawValue - 1 }
        }
        for json in page {
            if let own = Self.own(json) {
                account(own...own)
                continue
            }
            guard let event = SeenEvent(json) else { return machine.ledger.violation("a page holds no event") }
            machine.ledger.saw(event)
            account(event.sequence...event.sequence)
            events.append(event)
        }
        // Retention has removed all there ever was.
        if accounted == 0, page.isEmpty, machine.ledger.hasRetention {
            (accounted, firstGapEnd) = (position.sequence.rawValue, position.sequence.rawValue)
        }
        if position.sequence.rawValue != accounted {
            machine.ledger.violation("a page ends at \(position.sequence.rawValue) and accounts for \(accounted)")
        }
        isDone = page.isEmpty && from == next
        from = next
        if !isDone { ask() }
    }

    /// The number of an event that the service itself published: about dead letters, failing endpoints and the like.
    private static func own(_ json: ArraySlice<UInt8>) -> UInt64? {
        let text = String(decoding: json.prefix(600), as: UTF8.self)
        guard let topic = SeenEvent.value("fanfaretopic", in: text), topic.hasPrefix("fanfare.") else { return nil }
        return SeenEvent.value("fanfareposition", in: text).flatMap { Position($0)?.sequence.rawValue }
    }

    /// Every number is an event's or told as a gap, in order.
    private func account(_ range: ClosedRange<UInt64>) {
        // `earliest` is the first number that retention has left, and no gap before it.
        if accounted == 0, machine.ledger.hasRetention {
            (accounted, firstGapEnd) = (range.lowerBound - 1, range.lowerBound - 1)
        }
        if range.lowerBound != accounted + 1 {
            machine.ledger.violation("pages go from \(accounted) to \(range.lowerBound) without a gap")
        }
        accounted = range.upperBound
    }

    /// The objects at the top level of what follows `[`.
    private static func split(_ bytes: [UInt8]) -> [ArraySlice<UInt8>] {
        var objects: [ArraySlice<UInt8>] = []
        var (depth, start) = (0, 0)
        for (index, byte) in bytes.enumerated() {
            if byte == UInt8(ascii: "{") {
                if depth == 0 { start = index }
                depth += 1
            } else if byte == UInt8(ascii: "}") {
                depth -= 1
                if depth == 0 { objects.append(bytes[start...index]) }
            } else if byte == UInt8(ascii: "]"), depth == 0 {
                return objects
            }
        }
        return objects
    }

    func ended() {
        link = nil
        input = []
        machine.timeline.after(1_000_000) { [weak self] in self?.ask() }
    }
}
