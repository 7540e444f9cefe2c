import FanfareBase

/// The first block of a segment's file: which log and which segment it is, and whether the file has been another segment's
/// before, so that what lies behind the last batch may be anything. Written and synced before the file gets its
/// name, so a segment without a valid one is damaged.
enum SegmentHeader {
    static let magic: UInt64 = 0x3130_4745_5346_4E46  // "FNFSEG01"
    static let version: UInt16 = 1
    static let usedBytes = 24
    static let reusedFlag: UInt16 = 1

    /// Fills the first block of `memory`.
    static func write(to memory: LogMemory, identity: LogIdentity, segment: SegmentNumber, isReused: Bool = false) {
        memory.zero(0..<LogLimits.blockBytes)
        memory.store(magic, at: 0)
        memory.store(version, at: 8)
        memory.store(isReused ? reusedFlag : 0, at: 10)
        memory.store(identity.log.rawValue, at: 12)
        memory.store(segment.rawValue, at: 16)
        memory.store(memory.bytes(0..<20).checksum(0..<20, seed: identity.checksumSeed), at: 20)
    }

    /// Checks that `bytes` begin with the header of `segment`; whether its file has been used before.
    @discardableResult
    static func check(_ bytes: LogBytes, identity: LogIdentity, segment: SegmentNumber) throws(LogDamage.Reason) -> Bool
    {
        guard bytes.count >= LogLimits.blockBytes else { throw .cutShort }
        guard bytes.u64(0) == magic else { throw .notAHeader }
        guard bytes.u16(8) == version else { throw .unknownVersion(bytes.u16(8)) }
        guard bytes.u32(20) == bytes.checksum(0..<20, seed: identity.checksumSeed) else { throw .headerChecksum }
        guard bytes.u32(12) == identity.log.rawValue else { throw .wrongLog }
        guard bytes.u32(16) == segment.rawValue else { throw .misplaced }
        return bytes.u16(10) & reusedFlag != 0
    }
}
