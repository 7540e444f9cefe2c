import CFanfareBase
import FanfareBase
import Testing

@Suite struct CRC32CTests {
    private func portable(_ bytes: [UInt8], seed: UInt32 = 0) -> UInt32 {
        unsafe bytes.withUnsafeBytes { unsafe fanfare_crc32c_portable(seed, $0.baseAddress, $0.count) }
    }

    /// RFC 3720, appendix B.4.
    @Test func givesTheChecksumsOfTheStandard() {
        let cases: [(bytes: [UInt8], expected: UInt32)] = [
            ([UInt8](repeating: 0, count: 32), 0x8A91_36AA),
            ([UInt8](repeating: 0xFF, count: 32), 0x62A8_AB43),
            (Array(0...31), 0x46DD_794E),
            (Array((0...31).reversed()), 0x113F_DB5C),
            (Array("123456789".utf8), 0xE306_9283),
        ]
        for (bytes, expected) in cases {
            #expect(checksum(bytes) == expected)
            #expect(portable(bytes) == expected)
        }
    }

    @Test func theProcessorsInstructionAgreesWithTablesAtEveryLengthAndOffset() {
        var random = SeededRandom(seed: 7)
        let bytes = (0..<40_000).map { _ in UInt8.random(in: 0...255, using: &random) }
        for count in Array(0..<1_600) + [4_095, 12_287, 12_288, 12_289, 13_056, 36_864, 39_990] {
            let piece = Array(bytes[(count % 9)..<(count % 9 + count)])
            #expect(checksum(piece, seed: 5) == portable(piece, seed: 5), "\(count) bytes")
        }
    }

    @Test func piecesChain() {
        let bytes = (0..<30_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        let whole = checksum(bytes)
        for cut in [0, 1, 7, 8, 769, 12_288, 29_999, 30_000] {
            let first = checksum(bytes[..<cut])
            #expect(checksum(bytes[cut...], seed: first) == whole)
        }
        #expect(checksum([], seed: 9) == 9)
    }
}
