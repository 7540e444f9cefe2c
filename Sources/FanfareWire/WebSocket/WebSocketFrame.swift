import FanfareBase

/// What a frame is (RFC 6455, section 5.2).
package enum WebSocketOpcode: UInt8, Sendable {
    case continuation = 0
    case text = 1
    case binary = 2
    case close = 8
    case ping = 9
    case pong = 10

    /// Close, ping or pong: at most 125 bytes, never fragmented.
    package var isControl: Bool { rawValue >= 8 }
}

/// Writing of frames. A server's are never masked, a client's always.
package enum WebSocketFrame {
    /// Bytes of the header of an unmasked frame: 2, 4 or 10.
    @inlinable package static func headerBytes(forPayload count: Int) -> Int {
        count < 126 ? 2 : count <= 0xFFFF ? 4 : 10
    }

    /// Appends the header of an unmasked, final frame.
    package static func appendHeader(_ opcode: WebSocketOpcode, payloadBytes: Int, to output: inout [UInt8]) {
        appendHeader(opcode, payloadBytes: payloadBytes, maskBit: 0, to: &output)
    }

    /// Appends a whole unmasked frame, as servers send it; with RSV1 when the payload `isCompressed` (RFC 7692, section 6).
    package static func append(
        _ opcode: WebSocketOpcode, _ payload: ByteView, isCompressed: Bool = false, to output: inout [UInt8]
    ) {
        invariant(!opcode.isControl || payload.count <= WireLimits.controlBytesMax, "a control frame is short")
        let start = output.count
        defer { if isCompressed { output[start] |= 0x40 } }
        appendHeader(opcode, payloadBytes: payload.count, to: &output)
        output.append(payload)
    }

    /// Appends a whole masked frame, as clients send it; `mask` is a fresh random number each time (section 5.3).
    package static func appendMasked(
        _ opcode: WebSocketOpcode, _ payload: ByteView, mask: UInt32, to output: inout [UInt8]
    ) {
        invariant(!opcode.isControl || payload.count <= WireLimits.controlBytesMax, "a control frame is short")
        appendHeader(opcode, payloadBytes: payload.count, maskBit: 0x80, to: &output)
        // The first byte on the wire is the lowest, as it is in memory.
        for shift in stride(from: UInt32(0), to: 32, by: 8) { output.append(UInt8(truncatingIfNeeded: mask >> shift)) }
        let start = output.count
        output.append(payload)
        unsafe output.withUnsafeMutableBytes { bytes in
            // Safe: start is within the array, which holds the payload from there.
            let target = unsafe UnsafeMutableRawBufferPointer(rebasing: bytes[start...])
            unsafe WebSocketMask.apply(mask, phase: 0, from: UnsafeRawBufferPointer(target), to: target)
        }
    }

    /// Appends a close frame as servers send it; a reason beyond 123 bytes is cut at a character's end.
    ///
    /// With `noStatus` the frame is empty.
    package static func appendClose(_ code: WebSocketCloseCode, reason: String = "", to output: inout [UInt8]) {
        closePayload(code, reason: reason).withByteView { append(.close, $0, to: &output) }
    }

    /// Appends a close frame as clients send it.
    package static func appendMaskedClose(
        _ code: WebSocketCloseCode, reason: String = "", mask: UInt32, to output: inout [UInt8]
    ) {
        closePayload(code, reason: reason).withByteView { appendMasked(.close, $0, mask: mask, to: &output) }
    }

    private static func closePayload(_ code: WebSocketCloseCode, reason: String) -> [UInt8] {
        if code == .noStatus { return [] }
        var payload = [UInt8(code.rawValue >> 8), UInt8(truncatingIfNeeded: code.rawValue)]
        for scalar in reason.unicodeScalars {
            let bytes = UTF8.encode(scalar)
            guard let bytes, payload.count + bytes.count <= WireLimits.controlBytesMax else { break }
            payload.append(contentsOf: bytes)
        }
        return payload
    }

    private static func appendHeader(
        _ opcode: WebSocketOpcode, payloadBytes: Int, maskBit: UInt8, to output: inout [UInt8]
    ) {
        output.append(0x80 | opcode.rawValue)
        if payloadBytes < 126 {
            output.append(maskBit | UInt8(payloadBytes))
        } else if payloadBytes <= 0xFFFF {
            output.append(maskBit | 126)
            appendBigEndian(UInt64(payloadBytes), bytes: 2, to: &output)
        } else {
            output.append(maskBit | 127)
            appendBigEndian(UInt64(payloadBytes), bytes: 8, to: &output)
        }
    }

    private static func appendBigEndian(_ value: UInt64, bytes: Int, to output: inout [UInt8]) {
        for index in (0..<bytes).reversed() { output.append(UInt8(truncatingIfNeeded: value >> UInt64(8 * index))) }
    }
}

/// Masking and unmasking, which are the same (RFC 6455, section 5.3).
enum WebSocketMask {
    /// Writes `source` masked with `mask` to `target`, which may be the same memory; `phase` is how many bytes of the
    /// payload came before. The mask's lowest byte is the first on the wire.
    ///
    /// Unsafe: both must hold `source.count` bytes.
    static func apply(
        _ mask: UInt32, phase: Int, from source: UnsafeRawBufferPointer, to target: UnsafeMutableRawBufferPointer
    ) {
        let shift = UInt32(phase & 3) * 8
        let turned = shift == 0 ? mask : mask >> shift | mask << (32 - shift)
        let wide = UInt64(turned) << 32 | UInt64(turned)
        let wider = SIMD4<UInt64>(repeating: wide)
        let count = source.count
        var index = 0
        // Safe: index + width ≤ count before each access; every width is a multiple of 4, so the mask stays in phase.
        while index + 32 <= count {
            let word = unsafe source.loadUnaligned(fromByteOffset: index, as: SIMD4<UInt64>.self) ^ wider
            unsafe target.storeBytes(of: word, toByteOffset: index, as: SIMD4<UInt64>.self)
            index += 32
        }
        while index + 8 <= count {
            let word = unsafe source.loadUnaligned(fromByteOffset: index, as: UInt64.self) ^ wide
            unsafe target.storeBytes(of: word, toByteOffset: index, as: UInt64.self)
            index += 8
        }
        while index < count {
            unsafe target[index] = source[index] ^ UInt8(truncatingIfNeeded: turned >> UInt32((index & 3) * 8))
            index += 1
        }
    }
}
