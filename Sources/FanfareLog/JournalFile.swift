import FanfareBase

/// The bytes of a journal's file. All numbers are little-endian.
///
/// Header, 64 bytes: UInt64 magic "FNFJNL01", UInt16 version, 2 bytes of 0, UInt32 log id, UInt32 number of the journal,
/// UInt32 checksum of bytes 24..<64, UInt64 bytes of header and snapshot, then zeros. The checksum goes on over 8..<20.
///
/// Groups follow, each at a multiple of 8:
///
///      0  UInt32  magic "FFG1"                          16  UInt64  offset in the file
///      4  UInt32  length, header and padding included   24  UInt64  synced-through: offset in the file
///      8  UInt32  checksum of 12..<length               32  entries, then zeros up to a multiple of 8
///     12  UInt32  bytes of entries
enum JournalFile {
    static let magic: UInt64 = 0x3130_4C4E_4A46_4E46
    static let version: UInt16 = 1
    static let headerBytes = 64
    static let groupMagic: UInt32 = 0x3147_4646
    static let groupHeaderBytes = 32

    /// Fills the first bytes of a new file, whose header and snapshot together take `bytes`.
    static func writeHeader(to memory: LogMemory, identity: LogIdentity, number: UInt32, snapshotBytes bytes: Int) {
        memory.zero(0..<headerBytes)
        memory.store(magic, at: 0)
        memory.store(version, at: 8)
        memory.store(identity.log.rawValue, at: 12)
        memory.store(number, at: 16)
        memory.store(UInt64(bytes), at: 24)
        memory.store(headerChecksum(memory.bytes(0..<headerBytes), identity), at: 20)
    }

    private static func headerChecksum(_ bytes: LogBytes, _ identity: LogIdentity) -> UInt32 {
        bytes.checksum(8..<20, seed: bytes.checksum(24..<headerBytes, seed: identity.checksumSeed))
    }

    /// Checks a header; how many bytes it and the snapshot take.
    static func checkHeader(_ bytes: LogBytes, identity: LogIdentity, number: UInt32) throws(LogDamage.Reason) -> Int {
        guard bytes.count >= headerBytes else { throw .cutShort }
        guard bytes.u64(0) == magic else { throw .notAHeader }
        guard bytes.u32(20) == headerChecksum(bytes, identity) else { throw .headerChecksum }
        guard bytes.u16(8) == version else { throw .unknownVersion(bytes.u16(8)) }
        guard bytes.u32(12) == identity.log.rawValue else { throw .wrongLog }
        guard bytes.u32(16) == number else { throw .misplaced }
        guard bytes.u64(24) >= UInt64(headerBytes), bytes.u64(24) < 1 << 40 else { throw .impossibleLength }
        return Int(bytes.u64(24))
    }

    /// Fills the header of the group that begins at `start` of `buffer`, whose entries end at its end.
    static func finishGroup(
        _ buffer: inout JournalBuffer, from start: Int, offset: UInt64, syncedBytes: UInt64, identity: LogIdentity
    ) {
        let entryBytes = buffer.count - start - groupHeaderBytes
        buffer.pad(to: 8)
        let memory = buffer.memory
        memory.store(groupMagic, at: start)
        memory.store(UInt32(buffer.count - start), at: start + 4)
        memory.store(UInt32(entryBytes), at: start + 12)
        memory.store(offset, at: start + 16)
        memory.store(syncedBytes, at: start + 24)
        let group = memory.bytes(start..<buffer.count)
        memory.store(group.checksum(12..<group.count, seed: identity.checksumSeed), at: start + 8)
    }

    /// A group's length and what it says was synced; its checksum and place are right.
    static func checkGroup(_ file: LogBytes, at offset: Int, identity: LogIdentity)
        throws(LogDamage.Reason) -> (length: Int, entryBytes: Int, syncedBytes: UInt64)
    {
        guard file.count - offset >= groupHeaderBytes else { throw .cutShort }
        guard file.u32(offset) == groupMagic else { throw .notABatch }
        let length = Int(file.u32(offset + 4))
        let entryBytes = Int(file.u32(offset + 12))
        guard length >= groupHeaderBytes, length % 8 == 0, entryBytes <= length - groupHeaderBytes else {
            throw .impossibleLength
        }
        guard file.count - offset >= length else { throw .cutShort }
        let group = file.slice(offset..<offset + length)
        guard group.u32(8) == group.checksum(12..<length, seed: identity.checksumSeed) else { throw .bodyChecksum }
        guard group.u64(16) == UInt64(offset) else { throw .misplaced }
        return (length, entryBytes, group.u64(24))
    }

    /// Folds the entries of a group into `state`; false when they are none.
    static func fold(_ entries: LogBytes, into state: inout JournalState) -> Bool {
        var decoder = JournalDecoder(entries)
        while !decoder.isAtEnd {
            guard let entry = JournalEntry(from: &decoder) else { return false }
            state.apply(entry)
        }
        return true
    }

    /// A whole new file that says `state` and nothing else.
    static func snapshot(of state: JournalState, identity: LogIdentity, number: UInt32) -> JournalBuffer {
        var buffer = JournalBuffer()
        for _ in 0..<headerBytes / 8 { buffer.put(UInt64(0)) }
        var start = beginGroup(&buffer)
        state.forEachEntry { entry in
            entry.encode(to: &buffer)
            guard buffer.count - start > LogLimits.fillBytes else { return }
            finishGroup(&buffer, from: start, offset: UInt64(start), syncedBytes: 0, identity: identity)
            start = beginGroup(&buffer)
        }
        finishGroup(&buffer, from: start, offset: UInt64(start), syncedBytes: 0, identity: identity)
        writeHeader(to: buffer.memory, identity: identity, number: number, snapshotBytes: buffer.count)
        return buffer
    }

    /// Leaves room for a group's header; where it begins.
    static func beginGroup(_ buffer: inout JournalBuffer) -> Int {
        let start = buffer.count
        for _ in 0..<groupHeaderBytes / 8 { buffer.put(UInt64(0)) }
        return start
    }
}
