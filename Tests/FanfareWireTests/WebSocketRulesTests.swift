import FanfareBase
import FanfareWire
import Testing

/// A frame as a client sends it, built by hand.
func maskedFrame(_ first: UInt8, _ payload: [UInt8], mask: [UInt8] = [1, 2, 3, 4]) -> [UInt8] {
    var frame = [first]
    if payload.count < 126 {
        frame.append(0x80 | UInt8(payload.count))
    } else if payload.count <= 0xFFFF {
        frame += [0xFE, UInt8(payload.count >> 8), UInt8(payload.count & 255)]
    } else {
        frame.append(0xFF)
        for shift in stride(from: 56, through: 0, by: -8) { frame.append(UInt8(payload.count >> shift & 255)) }
    }
    return frame + mask + payload.enumerated().map { $1 ^ mask[$0 & 3] }
}

struct BrokenFrames: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let bytes: [UInt8]
    let error: WebSocketError
    let closeCode: UInt16

    init(_ name: String, _ bytes: [UInt8], _ error: WebSocketError, _ closeCode: UInt16 = 1002) {
        (testDescription, self.bytes, self.error, self.closeCode) = (name, bytes, error, closeCode)
    }

    static let all: [Self] = [
        .init("RSV1", maskedFrame(0xC1, [65]), .reservedBits),
        .init("RSV2", maskedFrame(0xA1, [65]), .reservedBits),
        .init("RSV3 on a ping", maskedFrame(0x99, []), .reservedBits),
        .init("opcode 3", maskedFrame(0x83, [65]), .unknownOpcode),
        .init("opcode 11", maskedFrame(0x8B, []), .unknownOpcode),
        .init("unmasked", [0x81, 0x01, 65], .maskMissing),
        .init("fragmented ping", maskedFrame(0x09, []), .fragmentedControl),
        .init("long ping", maskedFrame(0x89, [UInt8](repeating: 0, count: 126)), .controlTooLong),
        .init("long close", maskedFrame(0x88, [UInt8](repeating: 0, count: 300)), .controlTooLong),
        .init("continuation of nothing", maskedFrame(0x80, [65]), .continuationWithoutStart),
        .init("continuation after the end", maskedFrame(0x81, []) + maskedFrame(0x00, [65]), .continuationWithoutStart),
        .init("text within fragments", maskedFrame(0x01, [65]) + maskedFrame(0x81, [65]), .startWithinFragments),
        .init("5 in two bytes", [0x81, 0xFE, 0, 5, 1, 2, 3, 4, 0, 0, 0, 0, 0], .lengthNotMinimal),
        .init("65,535 in eight bytes", [0x82, 0xFF, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 1, 2, 3, 4], .lengthNotMinimal),
        .init("2^63", [0x82, 0xFF, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4], .lengthTooLarge),
        .init("2^62", [0x82, 0xFF, 0x40, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4], .messageTooBig, 1009),
        .init("one beyond the limit", [0x82, 0xFE, 0x10, 0x01, 1, 2, 3, 4], .messageTooBig, 1009),
        .init(
            "beyond the limit in fragments",
            maskedFrame(0x02, [UInt8](repeating: 0, count: 4096)) + maskedFrame(0x80, [0]), .messageTooBig, 1009),
        .init(
            "empty fragments", maskedFrame(0x01, []) + (0..<64).flatMap { _ in maskedFrame(0x00, []) },
            .tooManyEmptyFragments, 1008),
        .init("close with one byte", maskedFrame(0x88, [3]), .closePayload),
        .init("close 999", maskedFrame(0x88, [0x03, 0xE7]), .closeCode),
        .init("close 1004", maskedFrame(0x88, [0x03, 0xEC]), .closeCode),
        .init("close 1005", maskedFrame(0x88, [0x03, 0xED]), .closeCode),
        .init("close 1006", maskedFrame(0x88, [0x03, 0xEE]), .closeCode),
        .init("close 1015", maskedFrame(0x88, [0x03, 0xF7]), .closeCode),
        .init("close 2999", maskedFrame(0x88, [0x0B, 0xB7]), .closeCode),
        .init("close 5000", maskedFrame(0x88, [0x13, 0x88]), .closeCode),
        .init("close with a bad reason", maskedFrame(0x88, [0x03, 0xE8, 0xCE]), .closeReason, 1007),
        .init("bad text", maskedFrame(0x81, [0xCE, 0xBA, 0xE1, 0xBD, 0xB9, 0xED, 0xA0, 0x80]), .text, 1007),
        .init("text cut short", maskedFrame(0x81, [65, 0xCE]), .text, 1007),
        .init("text cut short over fragments", maskedFrame(0x01, [0xCE]) + maskedFrame(0x80, []), .text, 1007),
    ]
}

@Suite struct WebSocketRulesTests {
    @Test(arguments: BrokenFrames.all)
    func isRefusedHoweverItArrives(_ broken: BrokenFrames) {
        let next = maskedFrame(0x81, [65])
        for frames in [[broken.bytes, next], singleBytes(broken.bytes + next)] {
            let seen = decodeWebSocket(frames, role: .server, messageBytesMax: 4096)
            #expect(seen.last == .failure(broken.error))
        }
        #expect(broken.error.closeCode.rawValue == broken.closeCode)
        #expect("\(broken.error.detail)".utf8.count <= 123)
    }

    @Test func aClientRefusesMaskedFrames() {
        #expect(decodeWebSocket([maskedFrame(0x81, [65])], role: .client) == [.failure(.maskUnexpected)])
    }

    @Test(arguments: [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4008, 4999])
    func codesThatMayBeSentAreTaken(_ code: Int) {
        let frame = maskedFrame(0x88, [UInt8(code >> 8), UInt8(code & 255)] + bytes("bye"))
        #expect(decodeWebSocket([frame, maskedFrame(0x81, [65])], role: .server) == [.close(UInt16(code), "bye")])
    }

    @Test func aCloseWithoutACodeIsTaken() {
        #expect(decodeWebSocket([maskedFrame(0x88, [])], role: .server) == [.close(1005, "")])
    }

    @Test func controlFramesMayComeBetweenFragments() {
        let stream =
            maskedFrame(0x01, bytes("Hel")) + maskedFrame(0x89, bytes("p1")) + maskedFrame(0x00, bytes("lo "))
            + maskedFrame(0x8A, []) + maskedFrame(0x80, bytes("wörld")) + maskedFrame(0x82, [0, 255])
            + maskedFrame(0x81, []) + maskedFrame(0x88, [0x03, 0xE8])
        let wanted: [SeenWebSocket] = [
            .ping(bytes("p1")), .pong([]), .text(bytes("Hello wörld")), .binary([0, 255]), .text([]), .close(1000, ""),
        ]
        #expect(decodeWebSocket([stream], role: .server) == wanted)
        #expect(decodeWebSocket(singleBytes(stream), role: .server) == wanted)
        for cut in 1..<stream.count {
            #expect(decodeWebSocket(pieces(stream, cuts: [cut]), role: .server) == wanted, "cut at \(cut)")
        }
    }

    @Test func badTextFailsBeforeItsMessageEnds() {
        let begun = Array(maskedFrame(0x01, [0xF4, 0x90, 0x80, 0x80, 65, 65, 65])[..<8])
        #expect(decodeWebSocket([begun], role: .server) == [.failure(.text)])
    }

    @Test func everyLengthIsUnmasked() {
        for length in Array(0...140) + [65_535, 65_536] {
            let payload = (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 7) }
            let frame = maskedFrame(0x82, payload)
            #expect(decodeWebSocket([frame], role: .server) == [.binary(payload)])
            #expect(decodeWebSocket(pieces(frame, cuts: [length / 3 + 7]), role: .server) == [.binary(payload)])
            var written: [UInt8] = []
            payload.withByteView { WebSocketFrame.appendMasked(.binary, $0, mask: 0x0403_0201, to: &written) }
            #expect(written == frame)
        }
    }

    @Test func whatAServerWritesAClientUnderstands() {
        for length in [0, 1, 125, 126, 65_535, 65_536] {
            let payload = [UInt8](repeating: 65, count: length)
            var written: [UInt8] = []
            payload.withByteView { WebSocketFrame.append(.text, $0, to: &written) }
            #expect(written.count == length + WebSocketFrame.headerBytes(forPayload: length))
            #expect(decodeWebSocket([written], role: .client) == [.text(payload)])
            #expect(decodeWebSocket(pieces(written, cuts: [1, 3, 9]), role: .client) == [.text(payload)])
        }
    }

    @Test func aCloseReasonIsCutAtACharactersEnd() {
        var written: [UInt8] = []
        WebSocketFrame.appendClose(.slow, reason: String(repeating: "ä", count: 70), to: &written)
        #expect(decodeWebSocket([written], role: .client) == [.close(4008, String(repeating: "ä", count: 61))])
        written = []
        WebSocketFrame.appendMaskedClose(.normal, mask: 77, to: &written)
        #expect(decodeWebSocket([written], role: .server) == [.close(1000, "")])
    }

    @Test func betweenMessagesNothingIsHeld() {
        var decoder = WebSocketDecoder(role: .server)
        maskedFrame(0x81, bytes("hello")).withByteView { view in
            var input = view
            while decoder.decode(&input) != nil {}
        }
        let retained = decoder.retainedBytes
        #expect(retained == 0)
    }

    @Test func randomPiecesGiveTheSameMessages() {
        for seed in 0..<300 {
            var random = SeededRandom(seed: UInt64(seed))
            var stream: [UInt8] = []
            for _ in 0..<Int.random(in: 1...8, using: &random) {
                let text = String(
                    repeating: Bool.random(using: &random) ? "a€" : "𝄞b", count: Int.random(in: 0...60, using: &random))
                let payload = bytes(text)
                let cut = Int.random(in: 0...payload.count, using: &random)
                stream += maskedFrame(0x01, Array(payload[..<cut])) + maskedFrame(0x89, [1])
                stream += maskedFrame(0x80, Array(payload[cut...]))
            }
            if Bool.random(using: &random) {
                stream[Int.random(in: 0..<stream.count, using: &random)] ^= 1 << UInt8.random(in: 0...7, using: &random)
            }
            let cuts = (0..<20).map { _ in Int.random(in: 0...stream.count, using: &random) }
            let whole = decodeWebSocket([stream], role: .server)
            #expect(decodeWebSocket(pieces(stream, cuts: cuts.sorted()), role: .server) == whole, "seed \(seed)")
            #expect(decodeWebSocket(singleBytes(stream), role: .server) == whole, "seed \(seed)")
        }
    }
}

@Suite struct UTF8ValidatorTests {
    private func validate(_ pieces: [[UInt8]]) -> Bool {
        var validator = UTF8Validator()
        for piece in pieces { if !piece.withByteView({ validator.validate($0) }) { return false } }
        return validator.isComplete
    }

    @Test func agreesWithTheStandardLibraryOnEveryScalarAndEveryCut() {
        for text in [
            "κόσμε", "\u{0}\u{7F}\u{80}\u{7FF}\u{800}\u{FFFF}", "\u{10000}\u{10FFFF}\u{D7FF}\u{E000}",
            "ascii only text",
        ] {
            let whole = bytes(text)
            for cut in 0...whole.count { #expect(validate([Array(whole[..<cut]), Array(whole[cut...])])) }
        }
    }

    @Test(
        arguments: [
            [0x80], [0xBF], [0xC0, 0x80], [0xC1, 0xBF], [0xE0, 0x80, 0x80], [0xE0, 0x9F, 0xBF], [0xED, 0xA0, 0x80],
            [0xED, 0xBF, 0xBF], [0xF0, 0x80, 0x80, 0x80], [0xF0, 0x8F, 0xBF, 0xBF], [0xF4, 0x90, 0x80, 0x80],
            [0xF5, 0x80, 0x80, 0x80], [0xF8, 0x88, 0x80, 0x80, 0x80], [0xFE], [0xFF], [0xC3], [0xE2, 0x82],
            [0xF0, 0x9D, 0x84], [0xC3, 0x41], [0xE2, 0x82, 0x41], [0xF0, 0x9D, 0x84, 0x41], [0xE2, 0xC3, 0xA4],
        ] as [[UInt8]])
    func whatIsNotUTF8IsRefused(_ wrong: [UInt8]) {
        for padding in [0, 1, 7, 8, 9] {
            let text = [UInt8](repeating: 65, count: padding) + wrong
            #expect(!validate([text]))
            #expect(!validate(singleBytes(text)))
            if wrong.count > 1 { #expect(!validate([text + [65, 65, 65, 65, 65, 65, 65, 65]])) }
        }
    }

    @Test func agreesWithTheStandardLibraryOnRandomBytes() {
        var random = SeededRandom(seed: 1)
        for _ in 0..<20_000 {
            let text = (0..<Int.random(in: 1...6, using: &random)).map { _ in
                [0x41, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC2, 0xDF, 0xE0, 0xE1, 0xED, 0xEF, 0xF0, 0xF3, 0xF4][
                    Int.random(in: 0...15, using: &random)] as UInt8
            }
            #expect(validate([text]) == (String(validating: text, as: UTF8.self) != nil), "\(text)")
        }
    }
}
