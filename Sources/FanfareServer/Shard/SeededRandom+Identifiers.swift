import FanfareBase

extension SeededRandom {
    /// A UUID of version 7 (RFC 9562, 5.7): milliseconds first, so that newer ones sort later.
    mutating func uuidv7(_ time: WallTime) -> [UInt8] {
        let milliseconds = time.nanoseconds / 1_000_000
        let high = milliseconds << 16 | 0x7000 | (next() & 0xFFF)
        let low = (next() & 0x3FFF_FFFF_FFFF_FFFF) | 0x8000_0000_0000_0000
        var text: [UInt8] = []
        text.reserveCapacity(36)
        for (index, half) in [high, low].enumerated() {
            for shift in stride(from: 60, through: 0, by: -4) {
                let place = index * 16 + (60 - shift) / 4
                if [8, 12, 16, 20].contains(place) { text.append(UInt8(ascii: "-")) }
                text.append(Self.digits[Int(truncatingIfNeeded: half >> UInt64(shift)) & 0xF])
            }
        }
        return text
    }

    private static let digits = Array("0123456789abcdef".utf8)
}
