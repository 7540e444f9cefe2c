import FanfareBase

/// Bytes being written, in memory that grows and is kept.
struct JournalBuffer {
    private(set) var memory = LogMemory(capacity: 64 << 10)
    private(set) var count = 0

    mutating func reset(to count: Int = 0) { self.count = count }

    mutating func put<T: BitwiseCopyable & FixedWidthInteger>(_ value: T) {
        reserve(MemoryLayout<T>.size)
        memory.store(value, at: count)
        count += MemoryLayout<T>.size
    }

    mutating func put(_ bytes: [UInt8]) {
        put(UInt32(bytes.count))
        reserve(bytes.count)
        unsafe bytes.withUnsafeBytes { memory.copy(unsafe LogBytes($0), at: count) }
        count += bytes.count
    }

    mutating func put(_ text: String) { put(Array(text.utf8)) }

    mutating func append(_ bytes: LogBytes) {
        reserve(bytes.count)
        memory.copy(bytes, at: count)
        count += bytes.count
    }

    mutating func pad(to multiple: Int) {
        while count % multiple != 0 { put(UInt8(0)) }
    }

    private mutating func reserve(_ more: Int) {
        guard count + more > memory.capacity else { return }
        let larger = LogMemory(capacity: max(count + more, memory.capacity * 2))
        larger.copy(memory.bytes(0..<count), at: 0)
        memory = larger
    }
}

/// Takes numbers and texts out of bytes; nil when there are not enough.
struct JournalDecoder {
    let bytes: LogBytes
    private(set) var offset = 0

    init(_ bytes: LogBytes) { self.bytes = bytes }

    var isAtEnd: Bool { offset == bytes.count }

    mutating func take<T: BitwiseCopyable & FixedWidthInteger>(_: T.Type) -> T? {
        guard bytes.count - offset >= MemoryLayout<T>.size else { return nil }
        defer { offset += MemoryLayout<T>.size }
        return bytes.load(offset, T.self)
    }

    mutating func bytesField() -> [UInt8]? {
        guard let count = take(UInt32.self), bytes.count - offset >= Int(count) else { return nil }
        defer { offset += Int(count) }
        return bytes.slice(offset..<offset + Int(count)).array
    }

    mutating func text() -> String? { bytesField().flatMap { String(validating: $0, as: UTF8.self) } }
    mutating func sequence() -> SequenceNumber? { take(UInt64.self).map(SequenceNumber.init) }
    mutating func time() -> WallTime? { take(UInt64.self).map(WallTime.init(nanoseconds:)) }
    mutating func number() -> SubscriptionNumber? { take(UInt32.self).map(SubscriptionNumber.init) }
}

extension JournalEntry {
    /// What stands before an entry's fields.
    enum Kind: UInt8 {
        case define = 1
        case forget, enable, disable, failing, cursor, follow, head, acknowledged, retry, deadLetter, deadLetterRemoved
        case value
        /// A retry with its flags; `retry` has none and is read only.
        case flaggedRetry
        case redelivery, redelivered, announce, announced, unsuccessful
    }

    /// Appends the entry: kind, then its fields in order; texts and bytes with a UInt32 length before them.
    func encode(to buffer: inout JournalBuffer) {
        switch self {
        case .define(let number, let definition):
            Self.begin(.define, number, &buffer)
            buffer.put(definition.origin.rawValue)
            buffer.put(definition.revision)
            buffer.put(definition.id)
            buffer.put(definition.document)
        case .forget(let number): Self.begin(.forget, number, &buffer)
        case .enable(let number): Self.begin(.enable, number, &buffer)
        case .disable(let number, let reason, let time):
            Self.begin(.disable, number, &buffer)
            buffer.put(time.nanoseconds)
            buffer.put(reason.journalText)
        case .failing(let number, let since):
            Self.begin(.failing, number, &buffer)
            buffer.put(since?.nanoseconds ?? 0)
        case .unsuccessful(let number, let since):
            Self.begin(.unsuccessful, number, &buffer)
            buffer.put(since?.nanoseconds ?? 0)
        case .cursor(let number, let sequence): Self.begin(.cursor, number, sequence, &buffer)
        case .follow(let number): Self.begin(.follow, number, &buffer)
        case .head(let sequence):
            buffer.put(Kind.head.rawValue)
            buffer.put(sequence.rawValue)
        case .acknowledged(let number, let range):
            Self.begin(.acknowledged, number, range.lowerBound, &buffer)
            buffer.put(range.upperBound.rawValue)
        case .retry(let number, let retry): Self.encode(retry, number, &buffer)
        case .deadLetter(let number, let letter): Self.encode(letter, number, &buffer)
        case .deadLetterRemoved(let number, let sequence): Self.begin(.deadLetterRemoved, number, sequence, &buffer)
        case .redelivery(let number, let redelivery): Self.encode(redelivery, number, &buffer)
        case .redelivered(let number, let id):
            Self.begin(.redelivered, number, &buffer)
            buffer.put(id)
        case .announce(let announcement):
            buffer.put(Kind.announce.rawValue)
            buffer.put(announcement.id)
            buffer.put(announcement.event)
        case .announced(let id):
            buffer.put(Kind.announced.rawValue)
            buffer.put(id)
        case .value(let key, let bytes):
            buffer.put(Kind.value.rawValue)
            buffer.put(key)
            buffer.put(bytes)
        }
    }

    private static func begin(_ kind: Kind, _ number: SubscriptionNumber, _ buffer: inout JournalBuffer) {
        buffer.put(kind.rawValue)
        buffer.put(number.rawValue)
    }

    private static func begin(
        _ kind: Kind, _ number: SubscriptionNumber, _ sequence: SequenceNumber, _ buffer: inout JournalBuffer
    ) {
        begin(kind, number, &buffer)
        buffer.put(sequence.rawValue)
    }

    private static func encode(_ retry: JournalRetry, _ number: SubscriptionNumber, _ buffer: inout JournalBuffer) {
        begin(.flaggedRetry, number, retry.sequence, &buffer)
        buffer.put(retry.attempts)
        buffer.put(retry.due.nanoseconds)
        buffer.put(retry.status)
        buffer.put(retry.error.journalText)
        buffer.put(retry.flags)
    }

    private static func encode(
        _ redelivery: JournalRedelivery, _ number: SubscriptionNumber, _ buffer: inout JournalBuffer
    ) {
        begin(.redelivery, number, &buffer)
        buffer.put(redelivery.id)
        buffer.put(redelivery.from.rawValue)
        buffer.put(redelivery.through.rawValue)
        buffer.put(UInt8(redelivery.onlyFailed ? 1 : 0))
        buffer.put(redelivery.low.rawValue)
    }

    private static func encode(_ letter: JournalDeadLetter, _ number: SubscriptionNumber, _ buffer: inout JournalBuffer)
    {
        begin(.deadLetter, number, letter.sequence, &buffer)
        buffer.put(letter.kind)
        buffer.put(letter.time.nanoseconds)
        buffer.put(letter.attempts)
        buffer.put(letter.status)
        buffer.put(letter.error.journalText)
    }

    /// The next entry; nil when the bytes are none.
    init?(from decoder: inout JournalDecoder) {
        guard let kind = decoder.take(UInt8.self).flatMap(Kind.init(rawValue:)) else { return nil }
        switch kind {
        case .head:
            guard let sequence = decoder.sequence() else { return nil }
            self = .head(sequence)
        case .announce:
            guard let id = decoder.take(UInt64.self), let event = decoder.bytesField() else { return nil }
            self = .announce(JournalAnnouncement(id: id, event: event))
        case .announced:
            guard let id = decoder.take(UInt64.self) else { return nil }
            self = .announced(through: id)
        case .value:
            guard let key = decoder.text(), let bytes = decoder.bytesField() else { return nil }
            self = .value(key: key, bytes)
        default:
            guard let number = decoder.number(), let entry = Self.decode(kind, number, &decoder) else { return nil }
            self = entry
        }
    }

    private static func decode(_ kind: Kind, _ number: SubscriptionNumber, _ decoder: inout JournalDecoder) -> Self? {
        switch kind {
        case .define: return definition(number, &decoder)
        case .forget: return .forget(number)
        case .enable: return .enable(number)
        case .disable:
            guard let time = decoder.time(), let reason = decoder.text() else { return nil }
            return .disable(number, reason: reason, time: time)
        case .failing:
            guard let time = decoder.time() else { return nil }
            return .failing(number, since: time.nanoseconds == 0 ? nil : time)
        case .unsuccessful:
            guard let time = decoder.time() else { return nil }
            return .unsuccessful(number, since: time.nanoseconds == 0 ? nil : time)
        case .cursor: return decoder.sequence().map { .cursor(number, $0) }
        case .follow: return .follow(number)
        case .acknowledged:
            guard let low = decoder.sequence(), let high = decoder.sequence(), low <= high, high.rawValue < .max else {
                return nil
            }
            return .acknowledged(number, low...high)
        case .retry: return retry(number, hasFlags: false, &decoder)
        case .flaggedRetry: return retry(number, hasFlags: true, &decoder)
        case .deadLetter: return deadLetter(number, &decoder)
        case .deadLetterRemoved: return decoder.sequence().map { .deadLetterRemoved(number, $0) }
        case .redelivery: return redelivery(number, &decoder)
        case .redelivered: return decoder.take(UInt32.self).map { .redelivered(number, id: $0) }
        case .head, .value, .announce, .announced: return nil
        }
    }

    private static func definition(_ number: SubscriptionNumber, _ decoder: inout JournalDecoder) -> Self? {
        guard let origin = decoder.take(UInt8.self).flatMap(JournalDefinition.Origin.init(rawValue:)),
            let revision = decoder.take(UInt64.self), let id = decoder.text(), let document = decoder.bytesField()
        else { return nil }
        return .define(number, JournalDefinition(id: id, origin: origin, revision: revision, document: document))
    }

    private static func redelivery(_ number: SubscriptionNumber, _ decoder: inout JournalDecoder) -> Self? {
        guard let id = decoder.take(UInt32.self), let from = decoder.sequence(), let through = decoder.sequence(),
            let onlyFailed = decoder.take(UInt8.self), let low = decoder.sequence()
        else { return nil }
        return .redelivery(
            number,
            JournalRedelivery(id: id, from: from, through: through, onlyFailed: onlyFailed != 0, low: low))
    }

    private static func retry(
        _ number: SubscriptionNumber, hasFlags: Bool, _ decoder: inout JournalDecoder
    ) -> Self? {
        guard let sequence = decoder.sequence(), let attempts = decoder.take(UInt32.self), let due = decoder.time(),
            let status = decoder.take(UInt16.self), let error = decoder.text(),
            let flags = hasFlags ? decoder.take(UInt8.self) : 0
        else { return nil }
        return .retry(
            number,
            JournalRetry(
                sequence: sequence, attempts: attempts, due: due, status: status, error: error, flags: flags))
    }

    private static func deadLetter(_ number: SubscriptionNumber, _ decoder: inout JournalDecoder) -> Self? {
        guard let sequence = decoder.sequence(), let kind = decoder.take(UInt8.self), let time = decoder.time(),
            let attempts = decoder.take(UInt32.self), let status = decoder.take(UInt16.self), let error = decoder.text()
        else { return nil }
        return .deadLetter(
            number,
            JournalDeadLetter(
                sequence: sequence, kind: kind, time: time, attempts: attempts, status: status, error: error))
    }
}
