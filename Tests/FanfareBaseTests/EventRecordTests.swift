import FanfareBase
import Testing

@Suite struct EventRecordTests {
    private let members = Array(#""id":"7","n":12,"data":[1]}"#.utf8)

    /// A record as EventRecord's layout says, with two attributes (`id` and `n`).
    private func record() -> [UInt8] {
        var canonical = Array(#"{"fanfareposition":"65a1b2c3-0000000000000042","#.utf8)
        let start = canonical.count
        canonical += members
        var bytes = [UInt8](repeating: 0, count: 64 + 2 * 16)
        func put(_ offset: Int, _ value: some FixedWidthInteger) {
            for index in 0..<(value.bitWidth / 8) {
                bytes[offset + index] = UInt8(truncatingIfNeeded: value >> (8 * index))
            }
        }
        put(4, UInt16(2))
        put(6, UInt8(1))
        put(8, UInt64(42))
        put(16, UInt64(99))
        put(24, UInt64(3))
        put(32, UInt64(4))
        put(40, UInt32(5))
        put(44, UInt32(canonical.count))
        put(48, UInt32(start + 23))
        put(52, UInt32(3))
        put(56, UInt16(3))
        put(58, UInt16(2))
        put(60, UInt16(1))
        put(62, UInt16(4))
        put(64, UInt32(start + 1))
        put(68, UInt32(start + 6))
        put(72, UInt32(1))
        put(76, UInt8(2))
        put(80, UInt32(start + 10))
        put(84, UInt32(start + 13))
        put(88, UInt32(2))
        put(92, UInt8(1))
        put(93, UInt8(1))
        bytes += Array("a.btpsbagg".utf8) + canonical
        bytes += [UInt8](repeating: 0, count: (8 - bytes.count % 8) % 8)
        put(0, UInt32(bytes.count))
        return bytes
    }

    private func isValid(_ bytes: [UInt8], limit: Int? = nil) -> Bool {
        // In memory of its own size plus a header, so that a wrong length is not read beyond it.
        let padded = bytes + [UInt8](repeating: 0, count: 64)
        return unsafe padded.withUnsafeBytes { bytes in
            unsafe EventRecord.isValid(at: bytes.baseAddress!, limit: limit ?? (padded.count - 64))
        }
    }

    private func text(_ bytes: UnsafeRawBufferPointer) -> String { unsafe String(decoding: bytes, as: UTF8.self) }

    @Test func everyPartIsWhereTheLayoutSays() throws {
        let bytes = record()
        #expect(isValid(bytes))
        unsafe bytes.withUnsafeBytes { bytes in
            let record = unsafe EventRecord(at: bytes.baseAddress!)
            #expect(record.sequence == SequenceNumber(42))
            #expect(record.time == WallTime(nanoseconds: 99))
            #expect(record.deduplicationKey == DeduplicationKey(low: 3, high: 4))
            #expect(record.schemaVersion == 5 && record.attributeCount == 2 && record.dataKind == .json)
            let parts = unsafe [record.topic, record.traceParent, record.traceState, record.baggage].map {
                unsafe text($0)
            }
            #expect(parts == ["a.b", "tp", "s", "bagg"])
            let canonical = unsafe text(record.canonical)
            #expect(canonical.hasSuffix(#"42","id":"7","n":12,"data":[1]}"#))
            let (members, data) = unsafe (text(record.members), text(record.data))
            #expect(members == #""id":"7","n":12,"data":[1]}"#)
            #expect(data == "[1]")
            let id = record.attribute(named: "id")
            let n = record.attribute(named: "n")
            let none = record.attribute(named: "x")
            let values = [id, n].compactMap { $0.map { unsafe text(record.value(of: $0)) } }
            #expect(values == ["7", "12"])
            #expect(id?.kind == .string && n?.kind == .integer && none == nil)
        }
    }

    @Test func aRecordCutAnywhereIsNotValid() {
        let bytes = record()
        for limit in 0..<bytes.count { #expect(!isValid(bytes, limit: limit)) }
        #expect(isValid(bytes, limit: bytes.count + 8))
    }

    @Test func lengthsThatDisagreeAreNotValid() {
        for offset in [0, 1, 4, 5, 6, 44, 45, 46, 47, 49, 50, 53, 57, 59, 61, 63, 65, 69, 73, 81, 85, 89] {
            var bytes = record()
            bytes[offset] = 0xFF
            #expect(!isValid(bytes), "byte \(offset)")
        }
    }
}
