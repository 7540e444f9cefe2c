import FanfareBase
import Testing

struct SipHashTests {
    /// Key 00…0f over the bytes 00, 01, … (`openssl mac -macopt hexkey:… -macopt size:16 SIPHASH`; the first is also the
    /// reference code's first vector).
    static let vectors: [(Int, String)] = [
        (0, "a3817f04ba25a8e66df67214c7550293"),
        (1, "da87c1d86b99af44347659119b22fc45"),
        (7, "a1f1ebbed8dbc153c0b84aa61ff08239"),
        (8, "3b62a9ba6258f5610f83e264f31497b4"),
        (15, "5493e99933b0a8117e08ec0f97cfc3d9"),
        (16, "6ee2a4ca67b054bbfd3315bf85230577"),
        (33, "77c6077146f01c32b6b69d5f4ea9ffcf"),
        (63, "5150d1772f50834a503e069a973fbd7c"),
    ]

    @Test(arguments: vectors)
    func agreesWithTheReference(count: Int, expected: String) {
        let bytes = (0..<count).map { UInt8($0) }
        #expect(Self.hash([bytes]) == expected)
    }

    @Test func howBytesAreCutIntoPiecesDoesNotMatter() {
        let bytes = (0..<40).map { UInt8(truncatingIfNeeded: $0 * 37) }
        let whole = Self.hash([bytes])
        for first in 0...bytes.count {
            for second in first...bytes.count {
                #expect(
                    Self.hash([Array(bytes[..<first]), Array(bytes[first..<second]), Array(bytes[second...])]) == whole)
            }
        }
        var hash = SipHash128(key: Self.key)
        for byte in bytes { hash.update(byte) }
        #expect(Self.text(hash.finished()) == whole)
    }

    private static let key = HashKey(low: 0x0706_0504_0302_0100, high: 0x0f0e_0d0c_0b0a_0908)

    private static func hash(_ pieces: [[UInt8]]) -> String {
        var hash = SipHash128(key: key)
        // Safe: the pointer is used only within the closure.
        for piece in pieces { unsafe piece.withUnsafeBytes { unsafe hash.update($0) } }
        return text(hash.finished())
    }

    private static func text(_ key: DeduplicationKey) -> String {
        (0..<16).map { index in
            let half = index < 8 ? key.low : key.high
            let byte = UInt8(truncatingIfNeeded: half >> (8 * UInt64(index % 8)))
            return (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }.joined()
    }
}
