import FanfareBase

/// One bit of a sealed segment that the disk gives back wrong, within what a batch's checksums cover.
struct BitFlip {
    let file: String
    /// Where the batch begins.
    let batch: Int
    let offset: Int
    let mask: UInt8

    /// A place in one of the batches of `bytes`, the file of segment `number`: nil when it holds none.
    init?(in bytes: [UInt8], file: String, segment number: Int, _ dice: Dice) {
        // docs/LOG-FORMAT.md: batches begin at multiples of 4,096 and say which segment and place they were written for;
        // what a file holds from an earlier use says otherwise.
        var batches: [(start: Int, length: Int)] = []
        var start = 0
        while start + 96 <= bytes.count {
            let length = Self.number(bytes, start + 32, 4)
            let isBatch =
                Self.number(bytes, start, 4) == 0x3142_4646 && Self.number(bytes, start + 20, 4) == number
                && Self.number(bytes, start + 24, 8) == start && start + length <= bytes.count
            if isBatch { batches.append((start, length)) }
            start += isBatch ? (length + 4_095) / 4_096 * 4_096 : 4_096
        }
        guard !batches.isEmpty else { return nil }
        let chosen = dice.pick(batches)
        self.file = file
        batch = chosen.start
        offset = chosen.start + dice.number(0...chosen.length - 1)
        mask = 1 << UInt8(dice.number(0...7))
    }

    /// What reads find changed, by offset. With `forgingChecksums` the batch's checksums fit the flipped bit: what reading
    /// looks like when nobody looks at them.
    func changes(of bytes: [UInt8], forgingChecksums: Bool) -> [Int: UInt8] {
        var changes = [offset: mask]
        guard forgingChecksums, offset >= batch + 96 else { return changes }
        // A CRC is linear: the change of the checksum depends on the change of the bytes alone.
        var change = [UInt8](repeating: 0, count: Self.number(bytes, batch + 32, 4) - 96)
        change[offset - batch - 96] = mask
        let body = Self.difference(change)
        Self.add(body, at: batch + 88, to: &changes)
        var header = [UInt8](repeating: 0, count: 88)
        for index in 0..<4 { header[88 - 4 - 8 + index] = UInt8(truncatingIfNeeded: body >> UInt32(8 * index)) }
        Self.add(Self.difference(header), at: batch + 8, to: &changes)
        return changes
    }

    private static func difference(_ change: [UInt8]) -> UInt32 {
        checksum(change) ^ checksum([UInt8](repeating: 0, count: change.count))
    }

    private static func checksum(_ bytes: [UInt8]) -> UInt32 {
        // Safe: the bytes are only read, within the call.
        unsafe bytes.withUnsafeBytes { unsafe crc32c($0) }
    }

    private static func add(_ change: UInt32, at offset: Int, to changes: inout [Int: UInt8]) {
        for index in 0..<4 { changes[offset + index] = UInt8(truncatingIfNeeded: change >> UInt32(8 * index)) }
    }

    private static func number(_ bytes: [UInt8], _ offset: Int, _ count: Int) -> Int {
        bytes[offset..<offset + count].reversed().reduce(0) { ($0 & (1 << 48 - 1)) << 8 | Int($1) }
    }
}
