import CFanfareCompression
import FanfareBase

/// Encodes bodies for endpoints that asked for it (RFC 9110, section 8.4). One per subscription and shard: gzip's state is
/// about 256 KiB.
@safe package final class BodyEncoder {
    /// A content coding.
    package enum Coding: String, Sendable, CaseIterable {
        /// DEFLATE in gzip's wrapping (RFC 1952).
        case gzip
        /// Zstandard (RFC 8878).
        case zstd
    }

    /// What `content-encoding` says.
    let coding: Coding
    private let state: OpaquePointer
    private var encoded: [UInt8] = []

    /// An encoder of `coding`.
    package init(_ coding: Coding) {
        let kind = coding == .gzip ? FANFARE_CODING_GZIP : FANFARE_CODING_ZSTD
        let level = coding == .gzip ? DeliveryLimits.gzipLevel : DeliveryLimits.zstdLevel
        guard let state = unsafe fanfare_encoder_new(kind, Int32(level)) else {
            invariantBroken("there is memory for an encoder")
        }
        self.coding = coding
        unsafe self.state = unsafe state
    }

    // Safe: this object alone holds it.
    deinit { unsafe fanfare_encoder_free(state) }

    /// What `body` encodes to; nil when it is small or would not become smaller.
    func encode(_ body: [UInt8]) -> ArraySlice<UInt8>? {
        guard body.count >= DeliveryLimits.encodedBytesMin else { return nil }
        if encoded.count < body.count { encoded = [UInt8](repeating: 0, count: body.count) }
        // Safe: both hold as many bytes as is said; nothing is kept. Room for one byte less: else it is not smaller.
        let count = unsafe fanfare_encode(state, body, body.count, &encoded, body.count - 1)
        return count > 0 ? encoded[..<count] : nil
    }
}
