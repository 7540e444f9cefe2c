import FanfareBase

/// One event as it goes over one wire: a prefix, a body, a suffix. The same event gives the same bytes every time and
/// everywhere, so a frame begun from the ring can be finished from the log.
///
/// Borrows the record's memory, and what it was compressed to until that is asked for another event.
@safe struct Frame {
    /// What lies between prefix and suffix: the canonical event, or what it compresses to.
    let body: UnsafeRawBufferPointer
    /// Bytes of it.
    let bodyBytes: Int
    /// Bytes before the body.
    let prefixBytes: Int
    /// Line feeds behind it.
    let suffixBytes: Int
    private let record: EventRecord
    private let wire: WireFormat
    private let isDeflated: Bool

    /// The event of `record` on `wire`.
    init(_ record: EventRecord, _ wire: WireFormat, _ deflated: DeflatedEvents) {
        self.record = record
        self.wire = wire
        let result = wire == .deflatedWebSocket ? unsafe deflated.result(for: record) : nil
        isDeflated = unsafe result != nil
        unsafe body = result ?? record.canonical
        bodyBytes = unsafe body.count
        suffixBytes = Framing.suffixBytes(wire)
        prefixBytes =
            wire == .namedServerSentEvents
            ? Framing.serverSentEventsPrefixBytes + EventName.lineBytes(of: record)
            : Framing.prefixBytes(bodyBytes: bodyBytes, wire)
    }

    /// Bytes of all three.
    var bytes: Int { prefixBytes + bodyBytes + suffixBytes }

    /// Writes the whole frame at `target`, which has room for `bytes`.
    func write(to target: UnsafeMutableRawPointer) {
        // Safe: prefix, body and suffix lie behind one another within `bytes`.
        unsafe writePrefix(to: target)
        if let start = unsafe body.baseAddress {
            unsafe (target + prefixBytes).copyMemory(from: start, byteCount: body.count)
        }
        for index in 0..<suffixBytes {
            unsafe target.storeBytes(
                of: Framing.lineFeed, toByteOffset: prefixBytes + bodyBytes + index, as: UInt8.self)
        }
    }

    /// Writes the prefix at `target`, which has room for `prefixBytes`.
    func writePrefix(to target: UnsafeMutableRawPointer) {
        switch wire {
        case .webSocket, .deflatedWebSocket:
            unsafe Framing.writeWebSocketHeader(bodyBytes, isDeflated: isDeflated, to: target)
        case .serverSentEvents: unsafe Framing.writeServerSentEventsPrefix(record, to: target)
        case .namedServerSentEvents: unsafe Framing.writeServerSentEventsPrefix(record, isNamed: true, to: target)
        case .stream: break
        }
    }

    /// Appends `range` of the frame to `buffer`.
    func append(_ range: Range<Int>, to buffer: inout [UInt8]) {
        if range.lowerBound < prefixBytes {
            // Safe: the prefix is written before it is read, and the range is clamped to it.
            unsafe withUnsafeTemporaryAllocation(byteCount: prefixBytes, alignment: 1) { prefix in
                unsafe writePrefix(to: prefix.baseAddress.unsafelyUnwrapped)
                unsafe buffer.append(contentsOf: prefix[range.clamped(to: 0..<prefixBytes)])
            }
        }
        let bodyEnd = prefixBytes + bodyBytes
        let part = range.clamped(to: prefixBytes..<bodyEnd)
        unsafe buffer.append(contentsOf: body[part.lowerBound - prefixBytes..<part.upperBound - prefixBytes])
        for _ in range.clamped(to: bodyEnd..<bodyEnd + suffixBytes) { buffer.append(Framing.lineFeed) }
    }
}
