import FanfareBase

/// Turns a canonical event into a frame: a prefix, the canonical bytes, a suffix. The same event gives the same bytes every
/// time and everywhere, so a frame begun from the ring can be finished from the log.
package enum Framing {
    /// `id: `, a position and `\ndata: `.
    static let serverSentEventsPrefixBytes = 4 + Position.textBytes + 7
    /// No prefix is longer: `serverSentEventsPrefixBytes`.
    static let prefixBytesMax = serverSentEventsPrefixBytes

    /// Bytes of the frame of an event whose canonical form has `canonicalBytes`.
    @inlinable package static func frameBytes(canonicalBytes: Int, _ wire: WireFormat) -> Int {
        prefixBytes(canonicalBytes: canonicalBytes, wire) + canonicalBytes + suffixBytes(wire)
    }

    /// Bytes of `record`'s frame.
    package static func bytes(_ record: EventRecord, _ wire: WireFormat) -> Int {
        frameBytes(canonicalBytes: unsafe record.canonical.count, wire)
    }

    /// Appends `record`'s frame to `buffer`.
    package static func append(_ record: EventRecord, _ wire: WireFormat, into buffer: inout [UInt8]) {
        append(record, wire, 0..<bytes(record, wire), into: &buffer)
    }

    /// Appends `range` of `record`'s frame to `buffer`.
    static func append(_ record: EventRecord, _ wire: WireFormat, _ range: Range<Int>, into buffer: inout [UInt8]) {
        let canonical = unsafe record.canonical
        // Safe: the prefix is written before it is read, and each range is clamped to the part it is taken from.
        let prefixBytes = unsafe withUnsafeTemporaryAllocation(byteCount: prefixBytesMax, alignment: 1) { prefix in
            let count = unsafe writePrefix(canonical, wire, to: prefix.baseAddress.unsafelyUnwrapped)
            unsafe buffer.append(contentsOf: prefix[range.clamped(to: 0..<count)])
            return count
        }
        let canonicalEnd = prefixBytes + canonical.count
        let part = range.clamped(to: prefixBytes..<canonicalEnd)
        unsafe buffer.append(contentsOf: canonical[part.lowerBound - prefixBytes..<part.upperBound - prefixBytes])
        for _ in range.clamped(to: canonicalEnd..<canonicalEnd + suffixBytes(wire)) { buffer.append(lineFeed) }
    }

    /// Writes the whole frame at `target`, which has room for `frameBytes`.
    static func write(_ canonical: UnsafeRawBufferPointer, _ wire: WireFormat, to target: UnsafeMutableRawPointer) {
        // Safe: prefix, canonical and suffix lie behind one another within frameBytes.
        let prefix = unsafe writePrefix(canonical, wire, to: target)
        unsafe copy(canonical, to: target + prefix)
        for index in 0..<suffixBytes(wire) {
            unsafe target.storeBytes(of: lineFeed, toByteOffset: prefix + canonical.count + index, as: UInt8.self)
        }
    }

    /// Writes what comes before the canonical bytes at `target`, which has room for `prefixBytesMax`; its length.
    static func writePrefix(
        _ canonical: UnsafeRawBufferPointer, _ wire: WireFormat, to target: UnsafeMutableRawPointer
    ) -> Int {
        switch wire {
        case .webSocket: return unsafe writeWebSocketHeader(canonical.count, to: target)
        case .serverSentEvents:
            let offset = EventRecord.positionOffset
            // Safe: every canonical event is longer than its prefix and position.
            unsafe copy("id: ", to: target)
            unsafe copy(.init(rebasing: canonical[offset..<offset + Position.textBytes]), to: target + 4)
            unsafe copy("\ndata: ", to: target + 4 + Position.textBytes)
            return serverSentEventsPrefixBytes
        case .stream: return 0
        }
    }

    /// Two line feeds that live as long as the process: the suffix of every wire is the beginning of them.
    static var suffix: UnsafeRawPointer {
        let text: StaticString = "\n\n"
        return unsafe UnsafeRawPointer(text.utf8Start)
    }

    @usableFromInline static let lineFeed = UInt8(ascii: "\n")

    /// Bytes before the canonical event.
    @usableFromInline static func prefixBytes(canonicalBytes: Int, _ wire: WireFormat) -> Int {
        switch wire {
        case .webSocket: canonicalBytes < 126 ? 2 : canonicalBytes <= 0xFFFF ? 4 : 10
        case .serverSentEvents: serverSentEventsPrefixBytes
        case .stream: 0
        }
    }

    /// Line feeds after the canonical event.
    @usableFromInline static func suffixBytes(_ wire: WireFormat) -> Int {
        switch wire {
        case .webSocket: 0
        case .serverSentEvents: 2
        case .stream: 1
        }
    }

    /// FIN and opcode 1, no mask, the length in its shortest form (RFC 6455, section 5.2).
    private static func writeWebSocketHeader(_ count: Int, to target: UnsafeMutableRawPointer) -> Int {
        unsafe target.storeBytes(of: 0x81, as: UInt8.self)
        if count < 126 {
            unsafe target.storeBytes(of: UInt8(count), toByteOffset: 1, as: UInt8.self)
            return 2
        }
        if count <= 0xFFFF {
            unsafe target.storeBytes(of: 126, toByteOffset: 1, as: UInt8.self)
            unsafe target.storeBytes(of: UInt16(count).bigEndian, toByteOffset: 2, as: UInt16.self)
            return 4
        }
        unsafe target.storeBytes(of: 127, toByteOffset: 1, as: UInt8.self)
        unsafe target.storeBytes(of: UInt64(count).bigEndian, toByteOffset: 2, as: UInt64.self)
        return 10
    }

    private static func copy(_ text: StaticString, to target: UnsafeMutableRawPointer) {
        // Safe: a StaticString's start is valid for its utf8CodeUnitCount.
        unsafe target.copyMemory(from: text.utf8Start, byteCount: text.utf8CodeUnitCount)
    }

    private static func copy(_ bytes: UnsafeRawBufferPointer, to target: UnsafeMutableRawPointer) {
        guard let start = bytes.baseAddress else { return }
        unsafe target.copyMemory(from: start, byteCount: bytes.count)
    }
}
