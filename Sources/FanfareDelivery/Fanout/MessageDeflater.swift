import CFanfareCompression
import FanfareBase

/// Compresses whole messages for permessage-deflate without context takeover (RFC 7692, section 7.2.1): the same bytes give
/// the same result every time, for everyone.
@safe package final class MessageDeflater {
    private let state: OpaquePointer

    /// A compressor: about 256 KiB. One serves all connections of a thread.
    package init() {
        guard let state = unsafe fanfare_deflater_new(DeliveryLimits.deflateLevel) else {
            invariantBroken("there is memory for a compressor")
        }
        unsafe self.state = unsafe state
    }

    deinit { unsafe fanfare_deflater_free(state) }

    /// Writes what `message` compresses to at `target`; its length, nil when there is not room for that and
    /// `roomBeyond` more.
    package func deflate(_ message: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer) -> Int? {
        // Safe: both hold as many bytes as is said; nothing is kept.
        let count = unsafe fanfare_deflate_message(
            state, message.baseAddress, message.count, target.baseAddress, target.count)
        return count > 0 ? count : nil
    }

    /// What `message` compresses to, for a single use; nil when it would not be smaller.
    package func deflated(_ message: UnsafeRawBufferPointer) -> [UInt8]? {
        let room = message.count + Self.roomBeyond
        var count: Int?
        let result = unsafe [UInt8](unsafeUninitializedCapacity: room) { buffer, initialized in
            count = unsafe deflate(
                message, into: UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[..<room]))
            initialized = count ?? 0
        }
        return count.map { _ in result }
    }

    /// Room the compressor needs beyond its result: the end that is left out, and a byte that tells it had enough.
    package static let roomBeyond = 5
}
