import FanfareBase

/// A reader over one of the three transports that comes back whenever its connection ends, from where it was. What it sees
/// over all its connections must be everything that matches, in order, once. With ops it sometimes ends its subscription and
/// subscribes anew, and is told where that begins.
final class Subscriber: SimulatedClient {
    enum Transport: CaseIterable { case serverSentEvents, webSocket, stream }

    let transport: Transport
    let patterns: [String]
    private unowned let machine: any SimulatedMachine
    private var link: Link?
    private var input: [UInt8] = []
    private var isOpen = false

    /// It stands after this number; nil while it has never been told where it is.
    private(set) var place: UInt64?
    /// Where it began.
    private(set) var start: UInt64?
    private(set) var seen: [SeenEvent] = []
    private(set) var gaps: [ClosedRange<UInt64>] = []
    /// What went by while it had no subscription.
    private var passed: [ClosedRange<UInt64>] = []
    private var isUnsubscribed = false
    /// The name of its subscription.
    private var subscription = "s"
    private let log: LogID
    private let beginsEarliest: Bool
    private var isUntouched = true

    init(_ machine: any SimulatedMachine, log: LogID) {
        self.machine = machine
        self.log = log
        transport = machine.dice.pick(Transport.allCases)
        patterns = machine.dice.pick([
            [">"], ["a.*"], ["a.b"], ["orders.>"], ["a.b", "a.*"], ["written.>"], ["orders.*", "a.c"], ["nobody.>"],
        ])
        beginsEarliest = machine.dice.perMille(600)
        if beginsEarliest { (start, place) = (0, 0) }
        come(after: machine.dice.delay(1_000...100_000_000))
    }

    private func come(after nanoseconds: Int) {
        machine.timeline.after(nanoseconds) { [weak self] in
            guard let self, link == nil else { return }
            guard machine.kernel != nil else { return come(after: 20_000_000) }
            connect()
        }
    }

    private func connect() {
        input = []
        isOpen = false
        isUnsubscribed = false
        subscription = transport == .webSocket ? "" : "s"
        link = machine.connect(self, stream: transport == .stream)
        guard let link, let kernel = machine.kernel else { return }
        kernel.send(hello(), on: link)
        let faults = kernel.faults
        if transport != .serverSentEvents, !machine.isSettling, machine.dice.perMille(400) {
            changeItsMind(on: link, times: machine.dice.number(1...4))
        }
        if !machine.isSettling, machine.dice.perMille(faults.stall) {
            link.stalledUntil = machine.timeline.now + UInt64(machine.dice.delay(1_000_000...3_000_000_000))
        }
        if machine.dice.perMille(faults.reset) {
            machine.timeline.after(machine.dice.delay(100_000...2_000_000_000)) { [weak kernel, dice = machine.dice] in
                if dice.perMille(700) { kernel?.reset(link) } else { kernel?.end(link) }
            }
        }
    }

    /// Ends its subscription, wherever it is, and subscribes anew.
    private func changeItsMind(on link: Link, times: Int) {
        machine.timeline.after(machine.dice.delay(100_000...400_000_000)) { [weak self, weak link] in
            guard let self, let link, link === self.link, isOpen || transport == .stream else { return }
            say("{\"op\":\"unsubscribe\",\"id\":\"\(subscription)\"}", on: link)
            subscription = "s\(times)"
            machine.timeline.after(machine.dice.delay(1_000...100_000_000)) { [weak self, weak link] in
                guard let self, let link, link === self.link else { return }
                let topics = patterns.map { "\"\($0)\"" }.joined(separator: ",")
                say("{\"op\":\"subscribe\",\"id\":\"\(subscription)\",\"topics\":[\(topics)]}", on: link)
                if times > 1, !machine.isSettling { changeItsMind(on: link, times: times - 1) }
            }
        }
    }

    private func say(_ op: String, on link: Link) {
        let text = Array(op.utf8)
        // A mask of zeros leaves the text as it is (RFC 6455, section 5.3).
        let frame = [0x81, 0xFE, UInt8(text.count >> 8), UInt8(text.count & 0xFF), 0, 0, 0, 0] + text
        let short = [0x81, 0x80 | UInt8(min(text.count, 125)), 0, 0, 0, 0] + text
        machine.kernel?.send(
            transport == .stream ? text + [10] : text.count > 125 ? frame : short, on: link)
    }

    private func hello() -> [UInt8] {
        var from = "latest"
        if let place { from = Position(log: log, sequence: SequenceNumber(place)).description }
        if isUntouched, beginsEarliest { from = "earliest" }
        let query = patterns.map { "topic=\($0.replacing(">", with: "%3E"))&" }.joined() + "from=\(from)"
        switch transport {
        case .serverSentEvents:
            return Array("GET /v1/subscribe?\(query) HTTP/1.1\r\nhost: localhost\r\n\r\n".utf8)
        case .webSocket:
            return Array(
                ("GET /v1/subscribe?\(query) HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
                    + "sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n").utf8)
        case .stream:
            let topics = patterns.map { "\"\($0)\"" }.joined(separator: ",")
            return Array("{\"op\":\"subscribe\",\"id\":\"s\",\"topics\":[\(topics)],\"from\":\"\(from)\"}\n".utf8)
        }
    }

    func ended() {
        link = nil
        come(after: machine.dice.delay(1_000_000...300_000_000))
    }

    // MARK: Bytes

    func received(_ bytes: ArraySlice<UInt8>) {
        input += bytes
        if !isOpen, transport != .stream {
            guard let end = HTTPReply.headEnd(input) else { return }
            let status = String(decoding: input[9..<12], as: UTF8.self)
            let wanted = transport == .webSocket ? "101" : "200"
            if status == "503", String(decoding: input[..<end], as: UTF8.self).contains("\r\nretry-after: ") {
                // As many connections as there may be, while those that were sent away still end: it comes back.
                input = []
                return
            }
            guard status == wanted else {
                return machine.ledger.violation("a subscriber was answered \(String(decoding: input, as: UTF8.self))")
            }
            input.removeFirst(end)
            isOpen = true
        }
        var rest = input[...]
        while takeMessage(&rest) {}
        input = Array(rest)
    }

    /// Takes one message from the front; false when none is complete.
    private func takeMessage(_ rest: inout ArraySlice<UInt8>) -> Bool {
        switch transport {
        case .stream:
            guard let end = rest.firstIndex(of: 10) else { return false }
            message(rest[rest.startIndex..<end])
            rest = rest[(end + 1)...]
            return true
        case .serverSentEvents: return takeBlock(&rest)
        case .webSocket: return takeFrame(&rest)
        }
    }

    private func takeBlock(_ rest: inout ArraySlice<UInt8>) -> Bool {
        var end = rest.startIndex
        while end + 1 < rest.endIndex, rest[end] != 10 || rest[end + 1] != 10 { end += 1 }
        guard end + 1 < rest.endIndex else { return false }
        var (id, event, data) = (UInt64?.none, "", ArraySlice<UInt8>())
        for line in rest[rest.startIndex..<end].split(separator: 10) {
            if line.starts(with: "id: ".utf8) { id = Self.sequence(String(decoding: line.dropFirst(4), as: UTF8.self)) }
            if line.starts(with: "event: ".utf8) { event = String(decoding: line.dropFirst(7), as: UTF8.self) }
            if line.starts(with: "data: ".utf8) { data = line.dropFirst(6) }
        }
        rest = rest[(end + 2)...]
        if event == "fanfare.gap" {
            gap(String(decoding: data, as: UTF8.self))
        } else if !data.isEmpty {
            self.event(data)
            if id != seen.last?.sequence { machine.ledger.violation("an event's id: is not its position") }
        } else if let id {
            heartbeat(id)
        }
        return true
    }

    private func takeFrame(_ rest: inout ArraySlice<UInt8>) -> Bool {
        let frame = Array(rest.prefix(10))
        guard frame.count >= 2 else { return false }
        var (length, header) = (Int(frame[1]), 2)
        if length == 126 || length == 127 {
            header = length == 126 ? 4 : 10
            guard frame.count >= header else { return false }
            length = frame[2..<header].reduce(0) { $0 << 8 | Int($1) }
        }
        guard rest.count >= header + length else { return false }
        let payload = rest.dropFirst(header).prefix(length)
        switch frame[0] {
        case 0x81: message(payload)
        case 0x89: if let link { machine.kernel?.send([0x8A, 0x80, 1, 2, 3, 4], on: link) }
        case 0x88: closed(payload)
        default: machine.ledger.violation("a WebSocket frame begins with \(frame[0])")
        }
        rest = rest.dropFirst(header + length)
        return true
    }

    /// The service ends the connection; 1011 says that it could not read the log.
    private func closed(_ payload: ArraySlice<UInt8>) {
        guard payload.prefix(2).elementsEqual([0x03, 0xF3]) else { return }
        machine.ledger.readersSentAway += 1
        if !machine.mayMisread { machine.ledger.violation("a subscriber was told 1011, and every read succeeded") }
    }

    // MARK: Messages

    private func message(_ json: ArraySlice<UInt8>) {
        let prefix = String(decoding: json.prefix(200), as: UTF8.self)
        guard let op = SeenEvent.value("op", in: prefix) else { return event(json) }
        switch op {
        case "subscribed", "heartbeat":
            guard let text = SeenEvent.value("position", in: prefix), let sequence = Self.sequence(text) else {
                return machine.ledger.violation("\(op) without a position")
            }
            heartbeat(sequence)
            if op == "subscribed" { isUnsubscribed = false }
        case "unsubscribed": isUnsubscribed = true
        case "gap": gap(prefix)
        case "closing": break
        default: machine.ledger.violation("a subscriber was told \(String(decoding: json, as: UTF8.self))")
        }
    }

    private static func sequence(_ text: String) -> UInt64? { Position(text)?.sequence.rawValue }

    private func event(_ json: ArraySlice<UInt8>) {
        var json = json
        if machine.canary == .skippedEvent, machine.dice.perMille(20) { return }
        if machine.canary == .flippedBit, machine.dice.perMille(20), let at = json.firstIndex(of: 0x70) {
            json[at + 7] ^= 2
        }
        guard let event = SeenEvent(json) else {
            return machine.ledger.violation("not an event: \(String(decoding: json, as: UTF8.self))")
        }
        take(event)
        if machine.canary == .repeatedEvent, machine.dice.perMille(20) { take(event) }
    }

    private func take(_ event: SeenEvent) {
        machine.ledger.saw(event)
        if isUnsubscribed { machine.ledger.violation("a subscriber without subscriptions got \(event.sequence)") }
        var topic = event.topic
        if machine.canary == .leakedEvent, machine.dice.perMille(20) { topic = "other" }
        if !patterns.contains(where: { Self.matches(topic, $0) }) {
            machine.ledger.violation("a subscriber of \(patterns) got an event on \(topic)")
        }
        if let place, event.sequence <= place {
            machine.ledger.violation("a subscriber that stands after \(place) got \(event.sequence)")
        }
        if start == nil { start = event.sequence - 1 }
        place = event.sequence
        isUntouched = false
        seen.append(event)
    }

    /// Everything up to `sequence` has been sent.
    private func heartbeat(_ sequence: UInt64) {
        if let place, sequence < place {
            machine.ledger.violation("a heartbeat goes back from \(place) to \(sequence)")
        }
        if isUnsubscribed, let place, sequence > place { passed.append(place + 1...sequence) }
        if start == nil { start = sequence }
        place = sequence
        isUntouched = false
    }

    private func gap(_ text: String) {
        guard let after = SeenEvent.value("after", in: text).flatMap(Self.sequence),
            let next = SeenEvent.value("next", in: text).flatMap(Self.sequence), next > after + 1
        else { return machine.ledger.violation("a gap that is none: \(text)") }
        gaps.append(after + 1...next - 1)
        if start == nil { start = after }
        place = max(place ?? 0, next - 1)
        isUntouched = false
    }

    /// NATS subjects, from their documentation.
    static func matches(_ topic: String, _ pattern: String) -> Bool {
        let topic = topic.split(separator: ".")
        let pattern = pattern.split(separator: ".")
        for (index, word) in pattern.enumerated() {
            if word == ">" { return topic.count > index }
            guard index < topic.count, word == "*" || word == topic[index] else { return false }
        }
        return topic.count == pattern.count
    }

    // MARK: The end

    /// Compares what it saw with what the log holds.
    func check(against log: [SeenEvent], _ ledger: Ledger) {
        guard let start, let place else { return }
        let got = Set(seen.map(\.sequence))
        let name = "the \(transport) subscriber of \(patterns) after \(start)"
        for event in log where event.sequence > start && patterns.contains(where: { Self.matches(event.topic, $0) }) {
            if passed.contains(where: { $0.contains(event.sequence) }) { continue }
            if gaps.contains(where: { $0.contains(event.sequence) }) {
                ledger.violation("\(name) was told of a gap at \(event.sequence), which is in the log")
            } else if !got.contains(event.sequence) {
                ledger.violation("\(name) missed \(event.sequence) (it came to \(place))")
            }
        }
        let held = Set(log.map(\.sequence))
        for event in seen
        where event.sequence > ledger.removedThrough && !held.contains(event.sequence)
            && !ledger.event(event.number).isWritten
        {
            ledger.violation("\(name) got \(event.sequence), which is not in the log")
        }
    }
}
