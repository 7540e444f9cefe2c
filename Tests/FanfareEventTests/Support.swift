import FanfareBase
import FanfareEvent

/// Strings and arrays in, strings out: the tests' only unsafe code.
struct Decoding {
    var decoder = EventDecoder()
    var staging = RecordStaging()
    var context = PublishContext(hashKey: HashKey(low: 1, high: 2))

    func structured(_ body: String) throws(EventError) { try structured(Array(body.utf8)) }
    func structured(_ body: [UInt8]) throws(EventError) {
        try decoder.decodeStructured(body.span, context, into: staging)
    }
    func batch(_ body: String) throws(EventError) {
        let bytes = Array(body.utf8)
        try decoder.decodeBatch(bytes.span, context, into: staging)
    }
    func line(_ body: String) throws(EventError) -> Bool {
        let bytes = Array(body.utf8)
        return try decoder.decodeLine(bytes.span, context, into: staging)
    }
    func binary(_ headers: [(String, String)], _ contentType: String, _ body: [UInt8]) throws(EventError) {
        decoder.beginBinary()
        for (name, value) in headers {
            let name = Array(name.utf8)
            let value = Array(value.utf8)
            decoder.addHeader(name.span, value.span)
        }
        let type = Array(contentType.utf8)
        try decoder.finishBinary(body: body.span, contentType: type.span, context, into: staging)
    }
    func plain(
        _ topic: String, id: String = "1", _ contentType: String, _ body: [UInt8]
    ) throws(EventError) {
        let topic = Array(topic.utf8)
        let id = Array(id.utf8)
        let source = Array("/anonymous".utf8)
        let time = Array("2026-11-23T00:00:00Z".utf8)
        let contentType = Array(contentType.utf8)
        try decoder.decodePlain(
            topic: topic.span, id: id.span, source: source.span, time: time.span, contentType: contentType.span,
            body: body.span, context, into: staging)
    }

    /// With `?topic=`; the memory lives until the closure returns.
    func structured(_ body: String, topic: String) throws(EventError) {
        let bytes = Array(topic.utf8)
        let error: EventError? = unsafe bytes.withUnsafeBytes { topic in
            var copy = self
            unsafe copy.context.topic = topic
            do throws(EventError) { try copy.structured(body) } catch { return error }
            return nil
        }
        if let error { throw error }
    }

    var records: [Record] {
        var records: [Record] = []
        staging.forEach { records.append(Record($0)) }
        return records
    }
}

/// A record as strings.
struct Record {
    var topic: String
    var canonical: String
    var data: String
    var kind: EventRecord.DataKind
    var attributes: [String]
    var key: DeduplicationKey
    var traceParent: String
    var traceState: String
    var baggage: String
    var isValid: Bool

    init(_ record: EventRecord) {
        func text(_ bytes: UnsafeRawBufferPointer) -> String { unsafe String(decoding: bytes, as: UTF8.self) }
        topic = unsafe text(record.topic)
        canonical = unsafe text(record.canonical)
        data = unsafe text(record.data)
        kind = record.dataKind
        attributes = (0..<record.attributeCount).map {
            let line = record.attribute($0)
            return unsafe "\(text(record.name(of: line)))=\(text(record.value(of: line)))"
        }
        key = record.deduplicationKey
        traceParent = unsafe text(record.traceParent)
        traceState = unsafe text(record.traceState)
        baggage = unsafe text(record.baggage)
        isValid =
            unsafe EventRecord.isValid(at: record.bytes.baseAddress!, limit: record.bytes.count)
            && Int(bitPattern: record.bytes.baseAddress) % 8 == 0
            && record.sequence == .zero && record.time.nanoseconds == 0 && record.schemaVersion == 0
            && !record.canonical.contains { $0 == 0x0A || $0 == 0x0D }
    }
}

/// The smallest event there is, with `more` members after it.
func event(_ more: String = "", id: String = "1", type: String = "a.b") -> String {
    #"{"specversion":"1.0","id":"\#(id)","source":"/s","type":"\#(type)"\#(more.isEmpty ? "" : "," + more)}"#
}
