import CFanfareJSON
import FanfareBase

/// Turns publish bodies into records (`EventRecord`) at the end of a staging buffer.
///
/// The whole JSON is checked, `data` included; the publisher's members are kept in their order and spelling, with three
/// exceptions: CR and LF between tokens become spaces, what is null or ours is dropped, and names and base64 that are spelt
/// with escapes are spelt without. An event that is refused leaves the staging as it was. The schema version stays 0: its
/// place is reserved.
///
/// One shard's, one thread's. Nothing is allocated per event once its arrays have grown.
package final class EventDecoder {
    /// The members of the event at hand. Unchecked: one thread's, and no access spans another.
    @exclusivity(unchecked) var envelope = Envelope()
    /// The attributes of an event in binary mode, as the JSON object they mean.
    var head: [UInt8] = []
    /// Something could not be written into `head`; thrown when the head is complete.
    var headError: EventError?

    /// A decoder.
    package init() {}

    /// Decodes one event in structured mode (`application/cloudevents+json`).
    package func decodeStructured(
        _ body: Span<UInt8>, _ context: PublishContext, into staging: RecordStaging
    ) throws(EventError) {
        try requireUTF8(body)
        var scanner = JSONScanner()
        scanner.space(body)
        let mark = staging.mark
        do throws(Problem) {
            try decodeObject(&scanner, body, context, into: staging)
            try requireEnd(&scanner, body)
        } catch {
            staging.rewind(to: mark)
            throw self.error(error, body)
        }
    }

    /// Decodes a line of NDJSON, with or without its line end, as `decodeStructured`.
    ///
    /// - Returns: Whether there was an event; false for a line of nothing but space.
    package func decodeLine(
        _ line: Span<UInt8>, _ context: PublishContext, into staging: RecordStaging
    ) throws(EventError) -> Bool {
        var scanner = JSONScanner()
        scanner.space(line)
        if scanner.offset == line.count { return false }
        try decodeStructured(line, context, into: staging)
        return true
    }

    /// Decodes a batch (`application/cloudevents-batch+json`): all of it or nothing. An empty array is a batch.
    package func decodeBatch(
        _ body: Span<UInt8>, _ context: PublishContext, into staging: RecordStaging
    ) throws(EventError) {
        try requireUTF8(body)
        var scanner = JSONScanner()
        let mark = staging.mark
        var index: Int?
        do throws(Problem) {
            scanner.space(body)
            guard scanner.take(UInt8(ascii: "["), body) else {
                do throws(JSONScanner.Failure) { _ = try scanner.value(body, depth: 0) } catch { throw .syntax(error) }
                throw .rule(.notAnEvent, nil, "A batch is a JSON array of events.")
            }
            scanner.space(body)
            var isOpen = !scanner.take(UInt8(ascii: "]"), body)
            while isOpen {
                index = (index ?? -1) + 1
                try decodeObject(&scanner, body, context, into: staging)
                scanner.space(body)
                isOpen = scanner.take(UInt8(ascii: ","), body)
                if !isOpen, !scanner.take(UInt8(ascii: "]"), body) {
                    throw .syntax(scanner.failure(.commaOrBracket))
                }
                scanner.space(body)
            }
            try requireEnd(&scanner, body)
        } catch {
            staging.rewind(to: mark)
            throw self.error(error, body, index: index)
        }
    }

    private func decodeObject(
        _ scanner: inout JSONScanner, _ body: Span<UInt8>, _ context: PublishContext, into staging: RecordStaging
    ) throws(Problem) {
        // Safe, here and wherever this property is used: see there.
        unsafe try envelope.read(&scanner, body)
        guard unsafe envelope.range.count <= context.eventBytesMax else {
            throw .rule(.tooLarge, nil, Self.tooLarge(unsafe envelope.range.count, context))
        }
        unsafe try envelope.check(body)
        unsafe try append(envelope, body, data: Span<UInt8>(), .none, context, to: staging)
    }

    private func requireEnd(_ scanner: inout JSONScanner, _ body: Span<UInt8>) throws(Problem) {
        scanner.space(body)
        if scanner.offset < body.count { throw .syntax(scanner.failure(.end)) }
    }

    private func requireUTF8(_ body: Span<UInt8>) throws(EventError) {
        if !isUTF8(body) { throw Self.notUTF8(body) }
    }

    func isUTF8(_ bytes: Span<UInt8>) -> Bool {
        if bytes.isEmpty { return true }
        // Safe: simdjson reads exactly count bytes, within the closure.
        return unsafe bytes.withUnsafeBytes {
            unsafe fanfare_utf8_is_valid($0.baseAddress!.assumingMemoryBound(to: CChar.self), $0.count)
        }
    }

    static func tooLarge(_ count: Int, _ context: PublishContext) -> String {
        "The event has \(count) bytes; the limit is \(context.eventBytesMax)."
    }
}
