import CFanfareBase

/// CRC-32C (Castagnoli, RFC 3720 appendix B.4) of `bytes`: several GB/s with the processor's instruction.
///
/// Pieces chain: pass the checksum of the bytes before as `seed`. The empty buffer gives `seed` back.
public func crc32c(_ bytes: UnsafeRawBufferPointer, seed: UInt32 = 0) -> UInt32 {
    guard let start = bytes.baseAddress else { return seed }
    // Safe: the buffer says how far its memory is valid, and C only reads it.
    return unsafe fanfare_crc32c(seed, start, bytes.count)
}

/// CRC-32C of `bytes`, chained like its unsafe sibling.
public func crc32c(_ bytes: RawSpan, seed: UInt32 = 0) -> UInt32 {
    unsafe bytes.withUnsafeBytes { bytes in unsafe crc32c(bytes, seed: seed) }
}
