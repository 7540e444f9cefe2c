import FanfareBase
import FanfareServer
import FanfareWire
import Testing

@Suite struct HeldBytesTests {
    private func text(_ held: HeldBytes) -> String {
        var text = ""
        unsafe held.withUnsafeBytes { text = unsafe String(decoding: $0, as: UTF8.self) }
        return text
    }

    private func held(_ text: String) -> HeldBytes { Array(text.utf8).withByteView { HeldBytes($0) } }

    /// What is left of `held` when a reader has taken `count` bytes.
    private func taking(_ count: Int, of held: HeldBytes) -> HeldBytes {
        var remaining = HeldBytes()
        unsafe held.withUnsafeBytes { remaining = held.remaining(unsafe ByteView($0).slice(from: count)) }
        return remaining
    }

    private func address(_ held: HeldBytes) -> UInt {
        var address: UInt = 0
        unsafe held.withUnsafeBytes { address = UInt(bitPattern: $0.baseAddress) }
        return address
    }

    @Test func whatIsTakenInPiecesAndAppendedComesInOrder() {
        var random = SeededRandom(seed: 1)
        var held = HeldBytes()
        var model = ""
        for _ in 0..<2_000 {
            let more = String(
                (0..<Int(random.next() % 9)).map { _ in Character(Unicode.Scalar(97 + UInt8(random.next() % 26))) })
            let bytes = Array(more.utf8)
            unsafe bytes.withUnsafeBytes { unsafe held.append($0) }
            model += more
            let count = Int(random.next() % UInt64(min(8, model.utf8.count) + 1))
            held = taking(count, of: held)
            model.removeFirst(count)
            #expect(text(held) == model)
            #expect(held.isEmpty == model.isEmpty)
            #expect(held.byteCount <= max(2 * model.utf8.count, 16))
        }
    }

    @Test func takingLittleCopiesNothing() {
        let all = held(String(repeating: "x", count: 1_000))
        let rest = taking(100, of: taking(100, of: all))
        #expect(address(rest) == address(all) + 200)
        #expect(taking(500, of: rest).byteCount == 300, "more than half is taken: the memory is given back")
    }

    @Test func otherBytesAreCopied() {
        let rest = Array("other".utf8).withByteView { held("bytes").remaining($0) }
        #expect(text(rest) == "other")
        #expect(taking(5, of: held("bytes")).isEmpty)
    }
}
