private let table: [UInt32] = (0..<256).map { index in
    var value = UInt32(index)
    for _ in 0..<8 { value = value & 1 == 1 ? (value >> 1) ^ 0x82F6_3B78 : value >> 1 }
    return value
}

/// Stand-in until FanfareBase has it.
func crc32c(_ bytes: UnsafeRawBufferPointer, seed: UInt32) -> UInt32 {
    var crc = ~seed
    for unsafe byte in unsafe bytes { crc = table[Int(UInt8(truncatingIfNeeded: crc) ^ byte)] ^ (crc >> 8) }
    return ~crc
}
