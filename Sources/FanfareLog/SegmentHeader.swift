import FanfareBase

/// The first block of a segment's file: which log and which segment it is. Written and synced before the file gets its
/// name, so a segment without a valid one is damaged.
enum SegmentHeader {
    static let magic: UInt64 = 0x3130_4745_5346_4E46  // "FNFSEG01"
    static let version: UInt16 = 1
    static let usedBytes = 24

    /// Fills the first block of `memory`.
    static func write(to memory: LogMemory, identity: LogIdentity, segment: SegmentNumber) {
        memory.zero(0..<LogLimits.blockBytes)
        memory.store(magic, at: 0)
        memory.store(version, at: 8)
        memory.store(identity.log.rawValue, at: 12)
        memory.store(segment.rawValue, at: 16)
        memory.store(memory.bytes(0..<20).checksum(0..<20, seed: identity.checksumSeed), at: 20)
    }

    /// Checks that `bytes` begin with the header of `segment`.
    static func check(_ bytes: LogBytes, identity: LogIdentity, segment: SegmentNumber) throws(LogDamage.Reason) {
        guard bytes.count >= LogLimits.blockBytes else { throw .cutShort }
        guard bytes.u64(0) == magic else { throw .notAHeader }
        guard bytes.u16(8) == version else { throw .unknownVersion(bytes.u16(8)) }
        guard bytes.u32(20) == bytes.checksum(0..<20, seed: identity.checksumSeed) else { throw .headerChecksum }
        guard bytes.u32(12) == identity.log.rawValue else { throw .wrongLog }
        guard bytes.u32(16) == segment.rawValue else { throw .misplaced }
    }
}
