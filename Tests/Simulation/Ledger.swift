import FanfareBase

/// An event a publisher made up: everything about it follows from its number.
struct MadeEvent {
    static let topics = ["a.b", "a.c", "orders.eu", "orders.us.west", "written.x"]

    let number: Int
    let topic: String
    let padding: Int

    var id: String { "e\(number)" }
    /// Acknowledged when written, not when synced.
    var isWritten: Bool { topic.hasPrefix("written.") }
    var json: String {
        let pad = String(repeating: Character(Unicode.Scalar(UInt8(97 + number % 26))), count: padding)
        return
            "{\"specversion\":\"1.0\",\"id\":\"\(id)\",\"source\":\"/sim\",\"type\":\"t\",\"data\":{\"pad\":\"\(pad)\"}}"
    }
}

/// What a reader got: the event, and where it is in the log.
struct SeenEvent {
    var sequence: UInt64
    var number: Int
    var topic: String
    var padding: Int
    /// All bytes of `pad` are the number's letter.
    var isWhole: Bool

    /// Takes an event apart, knowing only the contract: nil when something is missing.
    ///
    /// Webhooks do not tell the position: `isPlaced` is false for what they bring.
    init?(_ json: ArraySlice<UInt8>, isPlaced: Bool = true) {
        func member(_ name: String) -> String? { Self.value(Array("\"\(name)\":\"".utf8), in: json) }
        guard json.first == UInt8(ascii: "{"), json.last == UInt8(ascii: "}"),
            let id = member("id"), id.hasPrefix("e"), let number = Int(id.dropFirst()),
            let topic = member("fanfaretopic"), let pad = member("pad")
        else { return nil }
        let position = member("fanfareposition").flatMap { Position($0) }
        if isPlaced != (position != nil) { return nil }
        sequence = position?.sequence.rawValue ?? 0
        self.number = number
        self.topic = topic
        padding = pad.utf8.count
        isWhole = pad.utf8.allSatisfy { $0 == UInt8(97 + number % 26) }
    }

    /// The string member `name` of a flat piece of JSON without escapes.
    static func value(_ name: String, in text: String) -> String? {
        value(Array("\"\(name)\":\"".utf8), in: Array(text.utf8)[...])
    }

    private static func value(_ key: [UInt8], in bytes: ArraySlice<UInt8>) -> String? {
        var rest = bytes
        while let quote = rest.firstIndex(of: key[0]) {
            rest = rest[quote...]
            if rest.starts(with: key) {
                rest = rest.dropFirst(key.count)
                return rest.firstIndex(of: key[0]).map { String(decoding: rest[..<$0], as: UTF8.self) }
            }
            rest = rest.dropFirst()
        }
        return nil
    }
}

/// The independent model: what publishers were told and readers saw, and what must follow from it.
final class Ledger {
    enum Answer {
        case none
        /// Told that it is in the log; the number where it was told.
        case accepted(sequence: UInt64?)
        /// Told that nothing of it was taken.
        case refused
        /// No answer, or one that leaves it open.
        case unknown
    }

    private struct Entry {
        var event: MadeEvent
        var answer = Answer.none
        /// It was never told anything but that nothing was taken.
        var wasOnlyRefused = true
        /// Crashes before it was refused first. A crash right after a refusal for want of space may find the batch whole:
        /// only its padding was missing on the disk.
        var refusedAt: Int?
        /// An endpoint has seen it.
        var hasWebhookID = false
        /// Power losses before it was accepted.
        var losses = 0
    }

    private var entries: [Entry] = []
    /// Which event has which number, as publishers and readers were told.
    private var numbers: [UInt64: Int] = [:]
    /// Which event has which `webhook-id`, and the other way round, over all subscriptions.
    private var webhookIDs: [String: Int] = [:]
    /// The log removes what is old; in the end it has removed everything up to `removedThrough`.
    var hasRetention = false
    var removedThrough: UInt64 = 0
    private var powerLosses = 0
    private var crashCount = 0
    /// How lives ended.
    var crashes = CrashRecord()
    private(set) var violations: [String] = []
    private(set) var acknowledged = 0
    private(set) var delivered = 0
    /// How often a WebSocket ended because the log could not be read.
    var readersSentAway = 0

    var eventCount: Int { entries.count }

    func violation(_ text: String) { if violations.count < 5 { violations.append(String(text.prefix(800))) } }

    func event(_ number: Int) -> MadeEvent { entries[number].event }

    func make(_ dice: Dice, topic: String? = nil) -> MadeEvent {
        let padding = dice.perMille(30) ? dice.number(0...30_000) : dice.number(0...600)
        let event = MadeEvent(number: entries.count, topic: topic ?? dice.pick(MadeEvent.topics), padding: padding)
        entries.append(Entry(event: event))
        return event
    }

    /// The power has gone: events acknowledged as written may be lost.
    func lostPower() { powerLosses += 1 }
    /// The process has ended.
    func crashed() { crashCount += 1 }

    func answered(_ number: Int, _ answer: Answer) {
        switch answer {
        case .accepted(let sequence):
            acknowledged += 1
            if let sequence { note(number, has: sequence) }
            entries[number].wasOnlyRefused = false
            entries[number].losses = powerLosses
            entries[number].answer = answer
        case .unknown:
            entries[number].wasOnlyRefused = false
            if case .none = entries[number].answer { entries[number].answer = .unknown }
        case .refused:
            entries[number].refusedAt = entries[number].refusedAt ?? crashCount
            if case .none = entries[number].answer { entries[number].answer = .refused }
        case .none: break
        }
    }

    /// A reader got an event.
    func saw(_ seen: SeenEvent) {
        delivered += 1
        guard seen.number < entries.count else { return violation("event e\(seen.number) was never published") }
        let event = entries[seen.number].event
        if event.topic != seen.topic || event.padding != seen.padding || !seen.isWhole {
            violation("event e\(seen.number) is not what was published")
        }
        note(seen.number, has: seen.sequence)
    }

    /// A webhook request called an event `id`: always the same for one event in one place of the log.
    func named(_ number: Int, _ id: String) {
        if let other = webhookIDs[id], other != number { violation("\(id) is both e\(other) and e\(number)") }
        if webhookIDs.updateValue(number, forKey: id) == nil {
            // Published again when retention has removed the first, it is another event.
            if entries[number].hasWebhookID, !entries[number].event.isWritten, !hasRetention {
                violation("e\(number) has another webhook-id than before: \(id)")
            }
            entries[number].hasWebhookID = true
        }
    }

    private func note(_ number: Int, has sequence: UInt64) {
        if let other = numbers[sequence], other != number {
            violation("sequence \(sequence) was given twice: to e\(other) and to e\(number)")
        }
        numbers[sequence] = number
    }

    /// Checks what publishers were told against what the log holds in the end.
    func check(against log: [SeenEvent]) {
        var places: [Int: [UInt64]] = [:]
        for seen in log { places[seen.number, default: []].append(seen.sequence) }
        for entry in entries {
            let found = places[entry.event.number] ?? []
            let mayBeLost = entry.event.isWritten && entry.losses < powerLosses
            if found.count > 1, !entry.event.isWritten, !hasRetention {
                violation("\(entry.event.id) is in the log \(found.count) times, as \(found)")
            }
            switch entry.answer {
            case .accepted(let sequence):
                // Without a number it may be among those that were removed.
                if found.isEmpty, hasRetention, sequence.map({ $0 <= removedThrough }) ?? true { continue }
                if found.isEmpty, !mayBeLost {
                    violation("\(entry.event.id) on \(entry.event.topic) was acknowledged and is not in the log")
                }
                if let sequence, !found.contains(sequence), !mayBeLost {
                    violation("\(entry.event.id) was acknowledged as \(sequence) and is at \(found)")
                }
            case .refused:
                if entry.wasOnlyRefused, entry.refusedAt == crashCount, !found.isEmpty {
                    violation("\(entry.event.id) was refused and is in the log, at \(found)")
                }
            case .unknown, .none: break
            }
        }
    }
}
