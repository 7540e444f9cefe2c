import FanfareBase

/// What makes a log this log: made once with its directory, never changed.
package struct LogIdentity: Equatable, Sendable {
    /// Bytes of key material.
    package static let keyMaterialBytes = 64

    /// The log's name in positions: its creation time in seconds.
    package var log: LogID
    /// When it was made.
    package var created: WallTime
    /// Where every checksum of this log starts, so that published bytes cannot pose as a batch. Secret.
    package var checksumSeed: UInt32
    /// Secret random bytes that keys are made from: deduplication, webhook ids.
    package var keyMaterial: [UInt8]

    /// A new log's identity from `random`, at least `keyMaterialBytes + 4` bytes.
    package init(created: WallTime, random: [UInt8]) {
        invariant(random.count >= Self.keyMaterialBytes + 4, "a new log gets enough random bytes")
        log = LogID(UInt32(truncatingIfNeeded: created.seconds))
        self.created = created
        keyMaterial = Array(random[..<Self.keyMaterialBytes])
        checksumSeed = random[Self.keyMaterialBytes..<Self.keyMaterialBytes + 4].reduce(0) { $0 << 8 | UInt32($1) }
    }
}

extension LogIdentity {
    static let magic: UInt64 = 0x3130_474F_4C46_4E46  // "FNFLOG01"
    static let version: UInt16 = 1
    static let fileBytes = 104

    /// The identity file's bytes: magic, version, log id, creation, seed, key material, CRC32C of what precedes.
    var encoded: [UInt8] {
        let memory = LogMemory(capacity: Self.fileBytes)
        memory.zero(0..<Self.fileBytes)
        memory.store(Self.magic, at: 0)
        memory.store(UInt32(Self.version), at: 8)
        memory.store(log.rawValue, at: 12)
        memory.store(created.nanoseconds, at: 16)
        memory.store(checksumSeed, at: 24)
        for (index, byte) in keyMaterial.enumerated() { memory.store(byte, at: 32 + index) }
        memory.store(memory.bytes(0..<96).checksum(0..<96, seed: 0), at: 96)
        return memory.bytes(0..<Self.fileBytes).array
    }

    /// The identity in the bytes of an identity file.
    init(decoding bytes: LogBytes) throws(LogDamage.Reason) {
        guard bytes.count >= Self.fileBytes else { throw .cutShort }
        guard bytes.u64(0) == Self.magic else { throw .notAHeader }
        guard bytes.u32(8) == UInt32(Self.version) else { throw .unknownVersion(bytes.u16(8)) }
        guard bytes.u32(96) == bytes.checksum(0..<96, seed: 0) else { throw .headerChecksum }
        log = LogID(bytes.u32(12))
        created = WallTime(nanoseconds: bytes.u64(16))
        checksumSeed = bytes.u32(24)
        keyMaterial = bytes.slice(32..<32 + Self.keyMaterialBytes).array
    }
}
