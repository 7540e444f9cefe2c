import FanfareBase

/// What stands before the records of a batch. All numbers are little-endian.
///
///      0  UInt32  magic "FFB1"                    48  UInt64  last sequence (first - 1 when there is none)
///      4  UInt16  version                         56  UInt64  synced-through: sequence
///      6  UInt8   kind                            64  UInt64  synced-through: offset in this segment
///      7  UInt8   flags                           72  UInt64  sequence ceiling
///      8  UInt32  header checksum (1)            80  UInt64  time closed (ns since 1970)
///     12  UInt32  log id                          88  UInt32  contents' checksum (96..<length)
///     16  UInt32  generation                      92  UInt32  0
///     20  UInt32  segment                         96  records
///     24  UInt64  offset in the segment
///     32  UInt32  length, header included, without the zeros up to the next block
///     36  UInt32  record count
///     40  UInt64  first sequence
///
/// (1) of bytes 12..<96, going on over 4..<8.
package struct BatchHeader: Equatable, Sendable {
    /// Bytes before the first record.
    package static let bytes = 96
    static let magic: UInt32 = 0x3142_4646
    static let version: UInt16 = 1

    /// What a batch holds.
    package enum Kind: UInt8, Sendable {
        /// Events, one for each number from first to last.
        case records = 0
        /// Nothing: it marks an opening or a clean stop.
        case marker = 1
        /// Nothing: the numbers from first to last were given up and belong to no event.
        case lost = 2
    }

    /// Bits of `flags`.
    static let openedFlag: UInt8 = 1
    static let cleanStopFlag: UInt8 = 2

    /// What it holds.
    package var kind: Kind
    var flags: UInt8 = 0
    var log: LogID
    var generation: UInt32
    /// The segment it was written for.
    package var segment: SegmentNumber
    /// Where in the segment it begins, in bytes.
    package var offset: UInt64
    /// Header and records, in bytes, without the zeros up to the next block.
    package var length: Int
    /// Records in it.
    package var count: Int
    /// The first number it accounts for.
    package var first: SequenceNumber
    /// The last number it accounts for; the one before `first` when it accounts for none.
    package var last: SequenceNumber
    var syncedThrough: SequenceNumber
    var syncedBytes: UInt64
    var ceiling: SequenceNumber
    /// When it was closed.
    package var time: WallTime
    var bodyChecksum: UInt32 = 0

    /// Bytes it takes in the segment.
    package var paddedBytes: Int { roundedToBlocks(length) }
    /// Where the next batch begins.
    package var end: UInt64 { offset + UInt64(paddedBytes) }
    /// It ends an orderly stop: nothing was lost after it.
    var isCleanStop: Bool { flags & Self.cleanStopFlag != 0 }

    /// Writes the header for the records that are in `memory` already, whose checksum is `bodyChecksum` (`seed` when there
    /// are none), and zeros up to the block's end.
    func write(to memory: LogMemory, bodyChecksum: UInt32, seed: UInt32) {
        memory.zero(length..<paddedBytes)
        memory.store(Self.magic, at: 0)
        memory.store(Self.version, at: 4)
        memory.store(kind.rawValue, at: 6)
        memory.store(flags, at: 7)
        memory.store(log.rawValue, at: 12)
        memory.store(generation, at: 16)
        memory.store(segment.rawValue, at: 20)
        memory.store(offset, at: 24)
        memory.store(UInt32(length), at: 32)
        memory.store(UInt32(count), at: 36)
        memory.store(first.rawValue, at: 40)
        memory.store(last.rawValue, at: 48)
        memory.store(syncedThrough.rawValue, at: 56)
        memory.store(syncedBytes, at: 64)
        memory.store(ceiling.rawValue, at: 72)
        memory.store(time.nanoseconds, at: 80)
        memory.store(bodyChecksum, at: 88)
        memory.store(UInt32(0), at: 92)
        let block = memory.bytes(0..<Self.bytes)
        memory.store(block.checksum(4..<8, seed: block.checksum(12..<Self.bytes, seed: seed)), at: 8)
    }

    /// The header at the start of `block`, its own checksum and sense checked, the contents not.
    init(decoding block: LogBytes, identity: LogIdentity) throws(LogDamage.Reason) {
        guard block.count >= Self.bytes else { throw .cutShort }
        guard block.u32(0) == Self.magic else { throw .notABatch }
        // The checksum covers the same bytes in every version, so that an unknown one is told from damage.
        guard block.u32(8) == block.checksum(4..<8, seed: block.checksum(12..<Self.bytes, seed: identity.checksumSeed))
        else { throw .headerChecksum }
        guard block.u16(4) == Self.version else { throw .unknownVersion(block.u16(4)) }
        guard let kind = Kind(rawValue: block.u8(6)) else { throw .notABatch }
        self.kind = kind
        flags = block.u8(7)
        log = LogID(block.u32(12))
        generation = block.u32(16)
        segment = SegmentNumber(block.u32(20))
        offset = block.u64(24)
        length = Int(block.u32(32))
        count = Int(block.u32(36))
        first = SequenceNumber(block.u64(40))
        last = SequenceNumber(block.u64(48))
        syncedThrough = SequenceNumber(block.u64(56))
        syncedBytes = block.u64(64)
        ceiling = SequenceNumber(block.u64(72))
        time = WallTime(nanoseconds: block.u64(80))
        bodyChecksum = block.u32(88)
        guard log == identity.log else { throw .wrongLog }
        try checkLengths()
    }

    private func checkLengths() throws(LogDamage.Reason) {
        guard length >= Self.bytes, length <= LogLimits.batchBytesMax, first.rawValue >= 1, last.rawValue < .max,
            last.rawValue >= first.rawValue - 1, offset < 1 << 48
        else { throw .impossibleLength }
        let accounted = last.rawValue - (first.rawValue - 1)
        switch kind {
        case .records: guard count > 0, accounted == UInt64(count) else { throw .impossibleLength }
        case .marker: guard count == 0, accounted == 0, length == Self.bytes else { throw .impossibleLength }
        case .lost: guard count == 0, accounted > 0, length == Self.bytes else { throw .impossibleLength }
        }
    }

    init(
        _ kind: Kind, identity: LogIdentity, generation: UInt32, segment: SegmentNumber, offset: UInt64, length: Int,
        first: SequenceNumber, last: SequenceNumber, synced: (through: SequenceNumber, bytes: UInt64),
        ceiling: SequenceNumber, time: WallTime
    ) {
        self.kind = kind
        log = identity.log
        self.generation = generation
        self.segment = segment
        self.offset = offset
        self.length = length
        count = kind == .records ? Int(last.rawValue - (first.rawValue - 1)) : 0
        self.first = first
        self.last = last
        syncedThrough = synced.through
        syncedBytes = synced.bytes
        self.ceiling = ceiling
        self.time = time
    }
}
