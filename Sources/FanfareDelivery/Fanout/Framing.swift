import FanfareBase

/// The bytes around an event on each wire. `Frame` puts them together.
package enum Framing {
    /// `id: `, a position and `\ndata: `.
    static let serverSentEventsPrefixBytes = 4 + Position.textBytes + 7

    /// Appends `record`'s frame to `buffer`.
    package static func append(
        _ record: EventRecord, _ wire: WireFormat, _ deflated: DeflatedEvents, into buffer: inout [UInt8]
    ) {
        let frame = Frame(record, wire, deflated)
        frame.append(0..<frame.bytes, to: &buffer)
    }

    /// Bytes of the frame of an event whose canonical form has `canonicalBytes`, on a wire on which nothing else counts.
    @inlinable static func frameBytes(canonicalBytes: Int, _ wire: WireFormat) -> Int {
        prefixBytes(bodyBytes: canonicalBytes, wire) + canonicalBytes + suffixBytes(wire)
    }

    /// Two line feeds that live as long as the process: the suffix of every wire is the beginning of them.
    static var suffix: UnsafeRawPointer {
        let text: StaticString = "\n\n"
        return unsafe UnsafeRawPointer(text.utf8Start)
    }

    static let lineFeed = UInt8(ascii: "\n")

    /// Bytes before a body of `bodyBytes`; an event's name not counted.
    @usableFromInline static func prefixBytes(bodyBytes: Int, _ wire: WireFormat) -> Int {
        switch wire {
        case .webSocket, .deflatedWebSocket: bodyBytes < 126 ? 2 : bodyBytes <= 0xFFFF ? 4 : 10
        case .serverSentEvents, .namedServerSentEvents: serverSentEventsPrefixBytes
        case .stream: 0
        }
    }

    /// Line feeds after the body.
    @usableFromInline static func suffixBytes(_ wire: WireFormat) -> Int {
        switch wire {
        case .webSocket, .deflatedWebSocket: 0
        case .serverSentEvents, .namedServerSentEvents: 2
        case .stream: 1
        }
    }

    /// FIN and opcode 1, no mask, the length in its shortest form (RFC 6455, section 5.2); RSV1 when the payload is compressed
    /// (RFC 7692, section 6).
    static func writeWebSocketHeader(_ count: Int, isDeflated: Bool, to target: UnsafeMutableRawPointer) {
        // Safe: the caller has room for the header of this length.
        unsafe target.storeBytes(of: isDeflated ? 0xC1 : 0x81, as: UInt8.self)
        if count < 126 {
            unsafe target.storeBytes(of: UInt8(count), toByteOffset: 1, as: UInt8.self)
        } else if count <= 0xFFFF {
            unsafe target.storeBytes(of: 126, toByteOffset: 1, as: UInt8.self)
            unsafe target.storeBytes(of: UInt16(count).bigEndian, toByteOffset: 2, as: UInt16.self)
        } else {
            unsafe target.storeBytes(of: 127, toByteOffset: 1, as: UInt8.self)
            unsafe target.storeBytes(of: UInt64(count).bigEndian, toByteOffset: 2, as: UInt64.self)
        }
    }

    /// `id: POSITION`, perhaps `event: TYPE`, and `data: `.
    static func writeServerSentEventsPrefix(
        _ record: EventRecord, isNamed: Bool = false, to target: UnsafeMutableRawPointer
    ) {
        let offset = EventRecord.positionOffset
        // Safe: every canonical event is longer than its prefix and position; the caller has room for the prefix.
        let position = unsafe UnsafeRawBufferPointer(rebasing: record.canonical[offset..<offset + Position.textBytes])
        unsafe copy("id: ", to: target)
        unsafe UnsafeMutableRawBufferPointer(start: target + 4, count: Position.textBytes).copyMemory(from: position)
        var end = unsafe target + 4 + Position.textBytes
        unsafe end.storeBytes(of: lineFeed, as: UInt8.self)
        unsafe end += 1
        if isNamed { unsafe end += EventName.writeLine(of: record, to: end) }
        unsafe copy("data: ", to: end)
    }

    private static func copy(_ text: StaticString, to target: UnsafeMutableRawPointer) {
        // Safe: a StaticString's start is valid for its utf8CodeUnitCount.
        unsafe target.copyMemory(from: text.utf8Start, byteCount: text.utf8CodeUnitCount)
    }
}
