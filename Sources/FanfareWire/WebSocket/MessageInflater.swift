import CFanfareCompression
import FanfareBase

/// Decompresses messages of permessage-deflate without context takeover (RFC 7692, section 7.2.2).
///
/// Between messages it remembers nothing, so one serves all connections of a thread: about 72 KiB, whatever their number.
/// It counts what it inflates in a turn, for a few bytes of a peer may become a thousand times as many: whoever shares it
/// takes no further compressed message while it `isSpent`.
@safe package final class MessageInflater {
    private static let tail: [UInt8] = [0, 0, 0xFF, 0xFF]

    private let state: OpaquePointer
    private let scratch: UnsafeMutableRawBufferPointer
    /// Bytes inflated in this turn, those of messages that were refused too.
    private var spentBytes = 0

    /// A decompressor.
    package init() {
        guard let state = unsafe fanfare_inflater_new() else { invariantFailure("there is memory for a decompressor") }
        unsafe self.state = unsafe state
        unsafe scratch = .allocate(byteCount: WireLimits.inflateStepBytes, alignment: 16)
    }

    deinit {
        unsafe fanfare_inflater_free(state)
        unsafe scratch.deallocate()
    }

    /// Whether this turn has inflated `WireLimits.inflatedBytesPerTurn`.
    package var isSpent: Bool { spentBytes >= WireLimits.inflatedBytesPerTurn }

    /// Begins a turn: all of its budget is there again.
    package func beginTurn() { spentBytes = 0 }

    /// Appends what `message` was compressed from to `target`.
    ///
    /// - Throws: `messageTooBig` as soon as it is known to exceed `bytesMax`, `compressedData` when it is no DEFLATE or ends
    ///   within a block.
    func inflate(_ message: ByteView, into target: inout GrowingBytes, bytesMax: Int) throws(WebSocketError) {
        // Nothing, and behind it what the sender has left out, is an empty message: no block begins before the tail.
        if message.isEmpty { return }
        unsafe fanfare_inflater_reset(state)
        var position = try feed(message, into: &target, bytesMax: bytesMax)
        // The sender has left these out (section 7.2.1), unless it ended with a final block.
        if position != FANFARE_INFLATE_FINISHED {
            position = try Self.tail.withByteView { tail throws(WebSocketError) in
                try feed(tail, into: &target, bytesMax: bytesMax)
            }
        }
        if position == FANFARE_INFLATE_WITHIN { throw .compressedData }
    }

    private func feed(
        _ bytes: ByteView, into target: inout GrowingBytes, bytesMax: Int
    ) throws(WebSocketError) -> fanfare_inflate_state {
        var rest = bytes
        while true {
            var left = rest.count
            var produced = 0
            // Safe: both hold as many bytes as is said; nothing is kept.
            let position = unsafe fanfare_inflate(
                state, rest.unsafeBytes.baseAddress, &left, scratch.baseAddress, scratch.count, &produced)
            spentBytes += produced
            if position == FANFARE_INFLATE_INVALID { throw .compressedData }
            guard target.count + produced <= bytesMax else { throw .messageTooBig }
            target.reserve(produced, totalMax: bytesMax)
            unsafe target.append(ByteView(UnsafeRawBufferPointer(rebasing: scratch[..<produced])))
            rest.take(rest.count - left)
            if rest.isEmpty, unsafe produced < scratch.count { return position }
        }
    }
}
