import FanfareBase

// Arrays where the modules take borrowed memory; each borrow lasts for the call only.

func checksum(_ bytes: some Collection<UInt8>, seed: UInt32 = 0) -> UInt32 {
    unsafe Array(bytes).withUnsafeBytes { bytes in unsafe crc32c(bytes, seed: seed) }
}

extension GrowingBytes {
    mutating func append(array: [UInt8]) -> Bool {
        unsafe array.withUnsafeBytes { bytes in unsafe append(bytes) }
    }

    var array: [UInt8] { unsafe Array(bytes) }
}

extension ByteRegion {
    /// The distance of the copy from the region's start; nil when it did not fit.
    func append(array: [UInt8]) -> Int? {
        let address = unsafe array.withUnsafeBytes { bytes in unsafe append(bytes) }
        return unsafe address.map { address in unsafe address - UnsafeRawPointer(start) }
    }

    var array: [UInt8] { unsafe Array(bytes) }
}
