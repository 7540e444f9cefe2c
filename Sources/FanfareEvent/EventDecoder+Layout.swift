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
    ///
    /// The envelope is handed on as a value: reading it from the decoder again and again would check and count each time.
    func append(
        _ envelope: Envelope, _ source: Span<UInt8>, data: Span<UInt8>, _ bodyData: BodyData, _ context: PublishContext,
        to staging: RecordStaging
    ) throws(Problem) {
        let topicBytes = try resolveTopic(of: envelope, source, context)
        try refuseReservedType(of: envelope, source, context)
        let key = deduplicationKey(of: envelope, source, context)
        let addsTopic = topicDiffersFromType(of: envelope, source, topicBytes)
        // Safe: the context's memory lives as long as the call.
        let traceParent = unsafe PublishContext.stored(context.traceParent, max: EventLimits.traceParentBytesMax)
        let traceState = unsafe PublishContext.stored(context.traceState, max: EventLimits.traceStateBytesMax)
        let baggage = unsafe PublishContext.stored(context.baggage, max: EventLimits.baggageBytesMax)
        let traceBytes = traceParent.count + traceState.count + baggage.count
        let entries =
            envelope.members.count { $0.isKept && $0.role != .data && $0.role != .base64 } + (addsTopic ? 1 : 0)
        let bound = sizeBound(envelope, topicBytes, traceBytes, dataBytes: data.count, bodyData)
        var writer = unsafe RecordWriter(staging.reserve(bound))
        writer.skip(EventRecord.headerBytes + entries * EventRecord.attributeEntryBytes)
        writer.append(identity.span.extracting(first: topicBytes))
        unsafe writer.append(traceParent)
        unsafe writer.append(traceState)
        unsafe writer.append(baggage)
        var layout = Layout(canonicalStart: writer.offset)
        writePosition(&writer)
        if addsTopic { writeTopic(topicBytes, &writer, &layout) }
        writeMembers(of: envelope, source, &writer, &layout)
        writeData(data, bodyData, &writer, &layout)
        writer.append(UInt8(ascii: "}"))
        invariant(layout.attributeCount == entries, "every line of the attribute table is written")
        writer.store(UInt16(entries), at: 4)
        writer.store(layout.dataKind.rawValue, at: 6)
        writer.store(key.low, at: 24)
        writer.store(key.high, at: 32)
        writer.store(UInt32(writer.offset - layout.canonicalStart), at: 44)
        writer.store(UInt32(layout.dataOffset), at: 48)
        writer.store(UInt32(layout.dataBytes), at: 52)
        writer.store(UInt16(topicBytes), at: 56)
        writer.store(UInt16(traceParent.count), at: 58)
        writer.store(UInt16(traceState.count), at: 60)
        writer.store(UInt16(baggage.count), at: 62)
        staging.commit(writer.offset)
    }

    /// More than the record can need: respelling only shortens, each kept member brings a comma at most.
    private func sizeBound(
        _ envelope: Envelope, _ topicBytes: Int, _ traceBytes: Int, dataBytes: Int, _ bodyData: BodyData
    ) -> Int {
        let perMember = EventRecord.attributeEntryBytes + 4
        let base64Bytes = bodyData.kind == .base64 ? (dataBytes + 2) / 3 * 4 : dataBytes
        return EventRecord.headerBytes + EventRecord.membersOffset + (envelope.members.count + 1) * perMember
            + 2 * topicBytes + traceBytes + envelope.range.count + base64Bytes + 64
    }

    private func writePosition(_ writer: inout RecordWriter) {
        writer.append(EventRecord.canonicalPrefix)
        for _ in 0..<Position.textBytes { writer.append(UInt8(ascii: "0")) }
        writer.append("\",")
    }

    private func writeTopic(_ topicBytes: Int, _ writer: inout RecordWriter, _ layout: inout Layout) {
        let start = writer.offset - layout.canonicalStart
        writer.append("\"fanfaretopic\":\"")
        writer.append(identity.span.extracting(first: topicBytes))
        writer.append("\",")
        writeEntry(
            .init(
                nameOffset: UInt32(start + 1), nameBytes: 12, valueOffset: UInt32(start + 16),
                valueBytes: UInt32(topicBytes), kind: .string, hasEscapes: false),
            &writer, &layout)
    }

    /// Copies runs of kept members with what is between them, so their spacing stays too.
    private func writeMembers(
        of envelope: Envelope, _ source: Span<UInt8>, _ writer: inout RecordWriter, _ layout: inout Layout
    ) {
        var index = 0
        var isFirst = true
        while index < envelope.members.count {
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
    private func writeRun(
        from first: Int, of envelope: Envelope, _ source: Span<UInt8>, _ writer: inout RecordWriter,
        _ layout: inout Layout
    ) -> Int {
        let start = envelope.members[first].spelling.lowerBound
        let shift = writer.offset - layout.canonicalStart - start
        var end = start
        var index = first
        while index < envelope.members.count {
            let member = envelope.members[index]
            guard member.isKept, !member.isRespelt else { break }
            end = member.value.upperBound
            note(
                member, name: member.spelling.lowerBound + 1 + shift, value: member.content.lowerBound + shift,
                valueBytes: member.content.count, hasEscapes: member.valueHasEscapes, &writer, &layout)
            index += 1
        }
        writer.append(source.extracting(start..<end), oneLine: envelope.hasLineBreaks)
        return index
    }

    /// A member whose name, or whose base64, is spelt with escapes: written without.
    private func respell(
        _ member: Envelope.Member, of envelope: Envelope, _ source: Span<UInt8>, _ writer: inout RecordWriter,
        _ layout: inout Layout
    ) {
        let name = writer.offset - layout.canonicalStart + 1
        writer.append("\"")
        writer.append(envelope.names.span.extracting(member.name))
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

    private func writeData(
        _ data: Span<UInt8>, _ bodyData: BodyData, _ writer: inout RecordWriter, _ layout: inout Layout
    ) {
        if bodyData.kind == .none { return }
        let isBase64 = bodyData.kind == .base64
        writer.append(isBase64 ? ",\"data_base64\":\"" : ",\"data\":")
        layout.dataKind = bodyData.kind
        layout.dataOffset = writer.offset - layout.canonicalStart
        if isBase64 { writer.appendBase64(data) } else { writer.append(data, oneLine: bodyData.hasLineBreaks) }
        layout.dataBytes = writer.offset - layout.canonicalStart - layout.dataOffset
        if isBase64 { writer.append("\"") }
    }

    /// Remembers where a member's value is: in the table, or as the data. Offsets are in the canonical event.
    private func note(
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
                nameOffset: UInt32(name), nameBytes: UInt8(member.name.count), valueOffset: UInt32(value),
                valueBytes: UInt32(valueBytes), kind: kind, hasEscapes: hasEscapes),
            &writer, &layout)
    }

    private func writeEntry(
        _ entry: EventRecord.Attribute, _ writer: inout RecordWriter, _ layout: inout Layout
    ) {
        let offset = layout.nextEntry
        writer.store(entry.nameOffset, at: offset)
        writer.store(entry.valueOffset, at: offset + 4)
        writer.store(entry.valueBytes, at: offset + 8)
        writer.store(entry.nameBytes, at: offset + 12)
        writer.store(entry.kind.rawValue, at: offset + 13)
        writer.store(UInt8(entry.hasEscapes ? 1 : 0), at: offset + 14)
        layout.nextEntry += EventRecord.attributeEntryBytes
        layout.attributeCount += 1
    }
}
