import FanfareBase

/// Writes one record front to back into reserved memory. Every write is checked against its end.
@safe struct RecordWriter: ~Copyable {
    private let memory: UnsafeMutableRawBufferPointer
    /// Bytes written or left out so far.
    private(set) var offset = 0

    init(_ memory: UnsafeMutableRawBufferPointer) { unsafe self.memory = memory }

    /// Leaves `count` bytes zero, to be stored into later.
    mutating func skip(_ count: Int) {
        require(count)
        // Safe: required above, here and below.
        unsafe memory.baseAddress!.advanced(by: offset).initializeMemory(as: UInt8.self, repeating: 0, count: count)
        offset += count
    }

    mutating func append(_ byte: UInt8) {
        require(1)
        unsafe memory[offset] = byte
        offset += 1
    }

    mutating func append(_ text: StaticString) {
        require(text.utf8CodeUnitCount)
        unsafe memory.baseAddress!.advanced(by: offset).copyMemory(
            from: text.utf8Start, byteCount: text.utf8CodeUnitCount)
        offset += text.utf8CodeUnitCount
    }

    mutating func append(_ bytes: Span<UInt8>) {
        let target = offset
        require(bytes.count)
        guard !bytes.isEmpty else { return }
        // Safe: required above; the pointer is used only within the closure.
        unsafe bytes.withUnsafeBytes { source in
            unsafe memory.baseAddress!.advanced(by: target).copyMemory(
                from: source.baseAddress!, byteCount: source.count)
        }
        offset += bytes.count
    }

    /// Appends bytes that the caller keeps alive.
    mutating func append(_ bytes: UnsafeRawBufferPointer) {
        require(bytes.count)
        guard let start = bytes.baseAddress else { return }
        unsafe memory.baseAddress!.advanced(by: offset).copyMemory(from: start, byteCount: bytes.count)
        offset += bytes.count
    }

    /// Appends `bytes`, with CR and LF as spaces when `oneLine` says that there are any.
    mutating func append(_ bytes: Span<UInt8>, oneLine: Bool) {
        let start = offset
        append(bytes)
        guard oneLine else { return }
        for index in start..<offset {
            let byte = unsafe memory[index]
            if byte == 0x0A || byte == 0x0D { unsafe memory[index] = 0x20 }
        }
    }

    /// Appends the base64 of `bytes` (RFC 4648, section 4).
    mutating func appendBase64(_ bytes: Span<UInt8>) {
        var index = 0
        while index < bytes.count {
            let left = bytes.count - index
            let first = UInt32(bytes[index]) << 16
            let second = left > 1 ? UInt32(bytes[index + 1]) << 8 : 0
            let word = first | second | (left > 2 ? UInt32(bytes[index + 2]) : 0)
            append(Self.base64Digit(word >> 18))
            append(Self.base64Digit(word >> 12 & 63))
            append(left > 1 ? Self.base64Digit(word >> 6 & 63) : UInt8(ascii: "="))
            append(left > 2 ? Self.base64Digit(word & 63) : UInt8(ascii: "="))
            index += 3
        }
    }

    /// Writes an integer over bytes that were left out.
    func store(_ value: some FixedWidthInteger & BitwiseCopyable, at offset: Int) {
        invariant(offset + value.bitWidth / 8 <= self.offset, "a record's fields are stored where bytes were left out")
        unsafe memory.storeBytes(of: value.littleEndian, toByteOffset: offset, as: type(of: value))
    }

    private func require(_ count: Int) {
        invariant(unsafe offset + count <= memory.count, "a record fits the memory reserved for it")
    }

    private static func base64Digit(_ value: UInt32) -> UInt8 {
        let digit = UInt8(truncatingIfNeeded: value)
        switch digit {
        case 0..<26: return UInt8(ascii: "A") + digit
        case 26..<52: return UInt8(ascii: "a") + digit - 26
        case 52..<62: return UInt8(ascii: "0") + digit - 52
        case 62: return UInt8(ascii: "+")
        default: return UInt8(ascii: "/")
        }
    }
}
