/// Reads one frame's header, in pieces cut anywhere: 2 bytes, then 0, 2 or 8 of length, then 0 or 4 of mask.
struct WebSocketHeaderReader {
    private var first: UInt8 = 0
    private var second: UInt8 = 0
    private var extended: UInt64 = 0
    /// Bytes of the header read so far.
    private var bytesRead: UInt8 = 0
    /// The masking key, its first byte lowest; 0 when there is none.
    private(set) var mask: UInt32 = 0

    /// Nothing of a header has been read.
    var isEmpty: Bool { bytesRead == 0 }
    /// Whether the message ends with this frame.
    var isFinal: Bool { first & 0x80 != 0 }
    /// RSV1, which says with permessage-deflate that the message is compressed (RFC 7692, section 6).
    var isCompressed: Bool { first & Self.compressedBit != 0 }
    /// The opcode's number.
    var opcode: UInt8 { first & 0x0F }
    /// Whether the payload is masked.
    var isMasked: Bool { second & 0x80 != 0 }

    private static let compressedBit: UInt8 = 0x40

    private var lengthBytes: UInt8 {
        switch second & 0x7F {
        case 126: 2
        case 127: 8
        default: 0
        }
    }
    private var headerBytes: UInt8 { 2 + lengthBytes + (isMasked ? 4 : 0) }

    /// Takes header bytes off `input`; true when the header is complete. Reserved bits are refused with the first byte,
    /// for a peer that may never send more; RSV1 only begins a data message, and only when compression was agreed.
    mutating func read(_ input: inout ByteView, mayBeCompressed: Bool) throws(WebSocketError) -> Bool {
        while !input.isEmpty {
            let byte = input.take(1)[0]
            switch bytesRead {
            case 0:
                first = byte
                let beginsData = opcode == WebSocketOpcode.text.rawValue || opcode == WebSocketOpcode.binary.rawValue
                let allowed = mayBeCompressed && beginsData ? Self.compressedBit : 0
                if first & 0x70 & ~allowed != 0 { throw .reservedBits }
            case 1: second = byte
            case 2..<(2 + lengthBytes): extended = extended << 8 | UInt64(byte)
            default: mask |= UInt32(byte) << UInt32(8 * (bytesRead - 2 - lengthBytes))
            }
            bytesRead += 1
            if bytesRead >= 2, bytesRead == headerBytes { return true }
        }
        return false
    }

    /// The payload's length, which must be in its shortest form and below 2^63.
    func payloadBytes() throws(WebSocketError) -> Int {
        switch lengthBytes {
        case 2:
            guard extended >= 126 else { throw .lengthNotMinimal }
        case 8:
            guard extended > 0xFFFF else { throw .lengthNotMinimal }
            guard extended <= UInt64(Int.max) else { throw .lengthTooLarge }
        default: return Int(second & 0x7F)
        }
        return Int(extended)
    }
}
