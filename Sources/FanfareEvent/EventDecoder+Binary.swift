import FanfareBase

/// Events whose attributes are not in the body: binary mode and plain bodies. Their attributes are written as the JSON
/// object they mean and then go the way of all events; the body becomes `data` or `data_base64`.
extension EventDecoder {
    /// Starts an event in binary mode. Then `addHeader` for each header, then `finishBinary`.
    package func beginBinary() {
        head.removeAll(keepingCapacity: true)
        head.append(UInt8(ascii: "{"))
        headError = nil
    }

    /// Adds a header of the request; what is no `ce-` header is passed over. The value is unquoted and percent-decoded once.
    /// What is wrong with it is said by `finishBinary`.
    package func addHeader(_ name: Span<UInt8>, _ value: Span<UInt8>) {
        guard name.count >= 3, name[0] | 0x20 == UInt8(ascii: "c"), name[1] | 0x20 == UInt8(ascii: "e"),
            name[2] == UInt8(ascii: "-")
        else { return }
        let attribute = appendName(name.extracting(3..<name.count))
        if head[attribute].elementsEqual("data".utf8) || head[attribute].elementsEqual("data_base64".utf8) {
            return refuse(attribute, .attributeName, "In binary mode the body is the data; there is no such header.")
        }
        head.append(UInt8(ascii: "\""))
        let valueStart = head.count
        Self.appendHeaderText(value, percentDecoded: true, to: &head)
        requireText(from: valueStart, attribute)
        head.append(UInt8(ascii: "\""))
    }

    /// Ends an event in binary mode: `contentType` (empty: none) becomes `datacontenttype` and says what `body` is.
    package func finishBinary(
        body: Span<UInt8>, contentType: Span<UInt8>, _ context: PublishContext, into staging: RecordStaging
    ) throws(EventError) {
        if !contentType.isEmpty { appendMember("datacontenttype", contentType) }
        try finish(body, contentType, context, into: staging)
    }

    /// Decodes any body published to a topic (`POST /v1/topics/TOPIC`): the topic is the event's type too.
    ///
    /// - Parameters:
    ///   - contentType: As in the request; empty when it had none.
    ///   - id: The `Idempotency-Key`, quoted or bare, or an identifier made for the event.
    ///   - source: `/tokens/NAME` or `/anonymous`.
    ///   - time: Now, as an RFC 3339 time.
    package func decodePlain(
        topic: Span<UInt8>, id: Span<UInt8>, source: Span<UInt8>, time: Span<UInt8>, contentType: Span<UInt8>,
        body: Span<UInt8>, _ context: PublishContext, into staging: RecordStaging
    ) throws(EventError) {
        do throws(TopicError) { try Topic.validate(topic) } catch {
            throw EventError(.topic, "The topic \(error).", pointer: "")
        }
        beginBinary()
        appendMember("specversion", [UInt8(ascii: "1"), UInt8(ascii: "."), UInt8(ascii: "0")].span)
        appendMember("id", id, isQuoted: true)
        appendMember("source", source)
        appendMember("type", topic)
        appendMember("time", time)
        if !contentType.isEmpty { appendMember("datacontenttype", contentType) }
        var context = context
        // The path has named the topic.
        unsafe context.topic = nil
        try finish(body, contentType, context, into: staging)
    }

    private func finish(
        _ body: Span<UInt8>, _ contentType: Span<UInt8>, _ context: PublishContext, into staging: RecordStaging
    ) throws(EventError) {
        head.append(UInt8(ascii: "}"))
        if let headError { throw headError }
        let bodyData = try check(body, contentType)
        let head = head
        do throws(Problem) {
            guard body.count <= context.eventBytesMax else {
                throw .rule(.tooLarge, nil, Self.tooLarge(body.count, context))
            }
            var scanner = JSONScanner()
            unsafe try envelope.read(&scanner, head.span)
            unsafe try envelope.check(head.span)
            unsafe try append(envelope, head.span, data: body, bodyData, context, to: staging)
        } catch {
            throw self.error(error, head.span)
        }
    }

    /// What `body` becomes; a JSON media type has to hold JSON.
    private func check(_ body: Span<UInt8>, _ contentType: Span<UInt8>) throws(EventError) -> BodyData {
        if body.isEmpty { return .none }
        guard MediaType.isJSON(contentType) else { return BodyData(kind: .base64, hasLineBreaks: false) }
        guard isUTF8(body) else { throw Self.notUTF8(body, pointer: "/data") }
        var scanner = JSONScanner()
        do throws(JSONScanner.Failure) {
            scanner.space(body)
            _ = try scanner.value(body, depth: 1)
            scanner.space(body)
            if scanner.offset < body.count { throw scanner.failure(.end) }
        } catch {
            throw Self.syntaxError(error, body, pointer: .root.appending("data"))
        }
        return BodyData(kind: .json, hasLineBreaks: scanner.passedLineBreak)
    }

    // MARK: Writing the attributes

    /// Appends a member's name and colon to `head`; where in it the name lies. A range, since a slice would share `head`'s
    /// memory, and the next byte appended would copy all of it.
    private func appendName(_ name: Span<UInt8>) -> Range<Int> {
        if head.count > 1 { head.append(UInt8(ascii: ",")) }
        head.append(UInt8(ascii: "\""))
        let start = head.count
        for index in name.indices {
            let byte = name[index]
            let isUpper = byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z")
            // A header's name is a token; anything else is refused by the rule for names.
            if byte < 0x80 {
                head.appendJSONEscaped(isUpper ? byte | 0x20 : byte)
            } else {
                head.append(UInt8(ascii: "?"))
            }
        }
        head.append(UInt8(ascii: "\""))
        head.append(UInt8(ascii: ":"))
        return start..<head.count - 2
    }

    private func appendMember(_ name: StaticString, _ value: Span<UInt8>, isQuoted: Bool = false) {
        // Safe: a StaticString's start is valid for its utf8CodeUnitCount.
        let text = unsafe UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount)
        let attribute = unsafe appendName(text.span)
        head.append(UInt8(ascii: "\""))
        let valueStart = head.count
        if isQuoted {
            Self.appendHeaderText(value, percentDecoded: false, to: &head)
        } else {
            for index in value.indices { head.appendJSONEscaped(value[index]) }
        }
        requireText(from: valueStart, attribute)
        head.append(UInt8(ascii: "\""))
    }

    /// Remembers an error when what was written to `head` from `start` on is not UTF-8.
    private func requireText(from start: Int, _ attribute: Range<Int>) {
        if isUTF8(head.span.extracting(start..<head.count)) { return }
        refuse(attribute, .attributeCharacters, "The header's value is not UTF-8.")
    }

    private func refuse(_ attribute: Range<Int>, _ reason: EventError.Reason, _ detail: String) {
        if headError != nil { return }
        let name = String(decoding: head[attribute], as: UTF8.self)
        headError = EventError(reason, detail, pointer: JSONPointer.root.appending(name).text)
    }

    /// Appends a header's value as the inside of a JSON string: without the quotes around it (RFC 9110, 5.6.4), then
    /// percent-decoded (CloudEvents HTTP binding, 3.1.3.2). A `%` without two hex digits stands for itself.
    private static func appendHeaderText(_ value: Span<UInt8>, percentDecoded: Bool, to target: inout [UInt8]) {
        let quote = UInt8(ascii: "\"")
        let isQuoted = value.count >= 2 && value[0] == quote && value[value.count - 1] == quote
        let end = isQuoted ? value.count - 1 : value.count
        var index = isQuoted ? 1 : 0
        while index < end {
            if isQuoted, value[index] == UInt8(ascii: "\\"), index + 1 < end { index += 1 }
            let byte = value[index]
            if percentDecoded, byte == UInt8(ascii: "%"), index + 2 < end,
                let high = hexDigit(value[index + 1]), let low = hexDigit(value[index + 2])
            {
                target.appendJSONEscaped(high << 4 | low)
                index += 3
            } else {
                target.appendJSONEscaped(byte)
                index += 1
            }
        }
    }
}
