import FanfareBase

/// Lays out the record of a checked envelope (the layout is `EventRecord`'s).
extension EventDecoder {
    /// Data that comes beside the envelope, as in binary mode.
    struct BodyData {
        var kind: EventRecord.DataKind
        var hasLineBreaks: Bool

        /// The envelope has it, or there is none.
        static var none: Self { Self(kind: .none, hasLineBreaks: false) }
    }

    /// Where a record's parts are while it is written.
    private struct Layout {
        var canonicalStart: Int
        var nextEntry = EventRecord.headerBytes
        var attributeCount = 0
        var dataKind = EventRecord.DataKind.none
        var dataOffset = 0
        var dataBytes = 0
    }

    /// Appends the record of `envelope`, whose source is `source`, to `staging`; `data` is the body that `bodyData` tells of.
    func append(
        _ envelope: borrowing Envelope, _ source: Span<UInt8>, data: Span<UInt8>, _ bodyData: BodyData,
        _ context: PublishContext, to staging: RecordStaging
    ) throws(Problem) {
        // Safe: the context's memory lives as long as the call.
        if let topic = unsafe context.topic {
            return try append(
                envelope, source, on: unsafe topic.bindMemory(to: UInt8.self).span, nil, data: data, bodyData, context,
                to: staging)
        }
        guard let index = topicMember(of: envelope) else { throw .missing("type") }
        let member = envelope.members[index]
        guard member.valueHasEscapes else {
            return try append(
                envelope, source, on: source.extracting(member.content), index, data: data, bodyData, context,
                to: staging)
        }
        try append(
            envelope, source, on: Self.text(of: member, source).span, index, data: data, bodyData, context, to: staging)
    }

    /// The same, published on `topic`, which is the value of member `topicMember` (nil: the request named it).
    private func append(
        _ envelope: borrowing Envelope, _ source: Span<UInt8>, on topic: Span<UInt8>, _ topicMember: Int?,
        data: Span<UInt8>, _ bodyData: BodyData, _ context: PublishContext, to staging: RecordStaging
    ) throws(Problem) {
        try checkTopic(topic, topicMember, of: envelope, context)
        try refuseReservedType(of: envelope, source, context)
        let key = deduplicationKey(of: envelope, topic, source, context)
        let isType = isType(topic, of: envelope, source)
        // Safe: the context's memory lives as long as the call.
        let traceParent = unsafe PublishContext.stored(context.traceParent, max: EventLimits.traceParentBytesMax)
        let traceState = unsafe PublishContext.stored(context.traceState, max: EventLimits.traceStateBytesMax)
        let baggage = unsafe PublishContext.stored(context.baggage, max: EventLimits.baggageBytesMax)
        let traceBytes = traceParent.count + traceState.count + baggage.count
        let entries = envelope.attributeCount + (isType ? 0 : 1)
        let bound = sizeBound(envelope, topic.count, traceBytes, dataBytes: data.count, bodyData)
        var writer = unsafe RecordWriter(staging.reserve(bound))
        writer.skip(EventRecord.headerBytes + entries * EventRecord.attributeEntryBytes)
        writer.append(topic)
        unsafe writer.append(traceParent)
        unsafe writer.append(traceState)
        unsafe writer.append(baggage)
        var layout = Layout(canonicalStart: writer.offset)
        writer.append(Self.positionOfZeros)
        if !isType { Self.writeTopic(topic, &writer, &layout) }
        Self.writeMembers(of: envelope, source, &writer, &layout)
        if bodyData.kind != .none { Self.writeData(data, bodyData, &writer, &layout) }
        writer.append(UInt8(ascii: "}"))
        invariant(layout.attributeCount == entries, "every line of the attribute table is written")
        writer.store(UInt16(entries), at: 4)
        writer.store(layout.dataKind.rawValue, at: 6)
        writer.store(key.low, at: 24)
        writer.store(key.high, at: 32)
        writer.store(UInt32(writer.offset - layout.canonicalStart), at: 44)
        writer.store(UInt32(layout.dataOffset), at: 48)
        writer.store(UInt32(layout.dataBytes), at: 52)
        writer.store(UInt16(topic.count), at: 56)
        writer.store(UInt16(traceParent.count), at: 58)
        writer.store(UInt16(traceState.count), at: 60)
        writer.store(UInt16(baggage.count), at: 62)
        staging.commit(writer.offset)
    }

    /// How a canonical event begins until it has its number: `EventRecord.canonicalPrefix` and a position of zeros.
    private static let positionOfZeros: StaticString = "{\"fanfareposition\":\"0000000000000000000000000\","

    /// More than the record can need: respelling only shortens, each kept member brings a comma at most.
    private func sizeBound(
        _ envelope: borrowing Envelope, _ topicBytes: Int, _ traceBytes: Int, dataBytes: Int, _ bodyData: BodyData
    ) -> Int {
        let perMember = EventRecord.attributeEntryBytes + 4
        let base64Bytes = bodyData.kind == .base64 ? (dataBytes + 2) / 3 * 4 : dataBytes
        return EventRecord.headerBytes + EventRecord.membersOffset + (envelope.count + 1) * perMember
            + 2 * topicBytes + traceBytes + envelope.range.count + base64Bytes + 64
    }

    private static func writeTopic(_ topic: Span<UInt8>, _ writer: inout RecordWriter, _ layout: inout Layout) {
        let start = writer.offset - layout.canonicalStart
        writer.append("\"fanfaretopic\":\"")
        writer.append(topic)
        writer.append("\",")
        writeEntry(
            .init(
                nameOffset: UInt32(start + 1), nameBytes: 12, valueOffset: UInt32(start + 16),
                valueBytes: UInt32(topic.count), kind: .string, hasEscapes: false),
            &writer, &layout)
    }

    /// Copies runs of kept members with what is between them, so their spacing stays too.
    private static func writeMembers(
        of envelope: borrowing Envelope, _ source: Span<UInt8>, _ writer: inout RecordWriter, _ layout: inout Layout
    ) {
        var index = 0
        var isFirst = true
        while index < envelope.count {
            let member = envelope.members[index]
            guard member.isKept else {
                index += 1
                continue
            }
            if !isFirst { writer.append(UInt8(ascii: ",")) }
            isFirst = false
            if member.isRespelt {
                respell(member, of: envelope, source, &writer, &layout)
                index += 1
            } else {
                index = writeRun(from: index, of: envelope, source, &writer, &layout)
            }
        }
    }

    /// - Returns: The first member after the run.
    private static func writeRun(
        from first: Int, of envelope: borrowing Envelope, _ source: Span<UInt8>, _ writer: inout RecordWriter,
        _ layout: inout Layout
    ) -> Int {
        let start = envelope.members[first].start
        let shift = writer.offset - layout.canonicalStart - start
        var end = start
        var index = first
        while index < envelope.count {
            let member = envelope.members[index]
            guard member.isKept, !member.isRespelt else { break }
            end = member.value.upperBound
            note(
                member, name: member.start + 1 + shift, value: member.content.lowerBound + shift,
                valueBytes: member.content.count, hasEscapes: member.valueHasEscapes, &writer, &layout)
            index += 1
        }
        writer.append(source.extracting(start..<end), oneLine: envelope.hasLineBreaks)
        return index
    }

    /// A member whose name, or whose base64, is spelt with escapes: written without.
    private static func respell(
        _ member: Envelope.Member, of envelope: borrowing Envelope, _ source: Span<UInt8>, _ writer: inout RecordWriter,
        _ layout: inout Layout
    ) {
        let name = writer.offset - layout.canonicalStart + 1
        writer.append("\"")
        if member.name.hasEscapes {
            writer.append(envelope.names.span.extracting(member.name.range))
        } else {
            writer.append(source.extracting(member.name.range))
        }
        writer.append("\":")
        let value = writer.offset - layout.canonicalStart + (member.kind == .string ? 1 : 0)
        var valueBytes = member.content.count
        if member.role == .base64 {
            var text: [UInt8] = []
            JSONUnescape.append(source, member.content, to: &text)
            valueBytes = text.count
            writer.append("\"")
            writer.append(text.span)
            writer.append("\"")
        } else {
            writer.append(source.extracting(member.value), oneLine: envelope.hasLineBreaks)
        }
        note(
            member, name: name, value: value, valueBytes: valueBytes, hasEscapes: member.valueHasEscapes, &writer,
            &layout)
    }

    private static func writeData(
        _ data: Span<UInt8>, _ bodyData: BodyData, _ writer: inout RecordWriter, _ layout: inout Layout
    ) {
        let isBase64 = bodyData.kind == .base64
        writer.append(isBase64 ? ",\"data_base64\":\"" : ",\"data\":")
        layout.dataKind = bodyData.kind
        layout.dataOffset = writer.offset - layout.canonicalStart
        if isBase64 { writer.appendBase64(data) } else { writer.append(data, oneLine: bodyData.hasLineBreaks) }
        layout.dataBytes = writer.offset - layout.canonicalStart - layout.dataOffset
        if isBase64 { writer.append("\"") }
    }

    /// Remembers where a member's value is: in the table, or as the data. Offsets are in the canonical event.
    @inline(__always)
    private static func note(
        _ member: Envelope.Member, name: Int, value: Int, valueBytes: Int, hasEscapes: Bool,
        _ writer: inout RecordWriter, _ layout: inout Layout
    ) {
        if member.role == .data || member.role == .base64 {
            layout.dataKind = member.role == .data ? .json : .base64
            // JSON data has its quotes, base64 has not.
            layout.dataOffset = member.role == .data && member.kind == .string ? value - 1 : value
            layout.dataBytes = member.role == .data ? member.value.count : valueBytes
            return
        }
        let kind: EventRecord.Attribute.Kind =
            member.kind == .integer ? .integer : member.kind == .boolean ? .boolean : .string
        writeEntry(
            .init(
                nameOffset: UInt32(name), nameBytes: UInt8(member.name.range.count), valueOffset: UInt32(value),
                valueBytes: UInt32(valueBytes), kind: kind, hasEscapes: hasEscapes),
            &writer, &layout)
    }

    @inline(__always)
    private static func writeEntry(
        _ entry: EventRecord.Attribute, _ writer: inout RecordWriter, _ layout: inout Layout
    ) {
        // As EventRecord lays out a line of the table, in two words.
        writer.store(UInt64(entry.nameOffset) | UInt64(entry.valueOffset) << 32, at: layout.nextEntry)
        let kinds = UInt64(entry.nameBytes) << 32 | UInt64(entry.kind.rawValue) << 40
        writer.store(
            UInt64(entry.valueBytes) | kinds | (entry.hasEscapes ? 1 << 48 : 0), at: layout.nextEntry + 8)
        layout.nextEntry += EventRecord.attributeEntryBytes
        layout.attributeCount += 1
    }
}
