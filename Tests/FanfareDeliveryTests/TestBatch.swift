import FanfareBase

/// An event to lay out as a record: what the decoder would have made of it.
struct TestEvent {
    var topic = "orders.created"
    var sequence: UInt64
    /// Envelope attributes as (name, value as spelt in JSON, quotes included).
    var attributes: [(String, String)] = [("specversion", "\"1.0\""), ("id", "\"1\"")]
    /// `data` or `data_base64` as spelt in JSON.
    var data: (kind: EventRecord.DataKind, text: String)? = nil
    var traceParent = ""

    /// An event whose canonical form has `canonicalBytes`, the rest being filled with letters.
    static func sized(_ sequence: UInt64, canonicalBytes: Int) -> TestEvent {
        let empty = TestEvent(sequence: sequence, attributes: [("type", "\"t\""), ("id", "\"\"")]).canonical.utf8.count
        let filler = String(repeating: "x", count: max(0, canonicalBytes - empty))
        return TestEvent(sequence: sequence, attributes: [("type", "\"t\""), ("id", "\"\(filler)\"")])
    }

    static let log = LogID(0x65A1_B2C3)

    var position: String { Position(log: Self.log, sequence: SequenceNumber(sequence)).description }

    var members: String {
        var parts = attributes.map { "\"\($0.0)\":\($0.1)" }
        if let data {
            parts.append(data.kind == .json ? "\"data\":\(data.text)" : "\"data_base64\":\(data.text)")
        }
        return parts.joined(separator: ",") + "}"
    }

    var canonical: String { "{\"fanfareposition\":\"\(position)\"," + members }

    /// The record's bytes (EventRecord's layout).
    var recordBytes: [UInt8] {
        let canonicalBytes = Array(canonical.utf8)
        var bytes = [UInt8](repeating: 0, count: EventRecord.headerBytes)
        let dataRange = dataRange
        func put<T: FixedWidthInteger>(_ value: T, at offset: Int) {
            for index in 0..<T.bitWidth / 8 { bytes[offset + index] = UInt8(truncatingIfNeeded: value >> T(8 * index)) }
        }
        put(UInt16(attributes.count), at: 4)
        bytes[6] = data?.kind.rawValue ?? 0
        put(sequence, at: 8)
        put(UInt64(1_700_000_000_000_000_000), at: 16)
        put(UInt32(canonicalBytes.count), at: 44)
        put(UInt32(dataRange.lowerBound), at: 48)
        put(UInt32(dataRange.count), at: 52)
        put(UInt16(topic.utf8.count), at: 56)
        put(UInt16(traceParent.utf8.count), at: 58)
        bytes += attributeTable
        bytes += Array(topic.utf8) + Array(traceParent.utf8) + canonicalBytes
        while bytes.count % 8 != 0 { bytes.append(0) }
        put(UInt32(bytes.count), at: 0)
        return bytes
    }

    private var dataRange: Range<Int> {
        guard let data else { return 0..<0 }
        let quotes = data.kind == .base64 ? 1 : 0
        let end = canonical.utf8.count - 1 - quotes
        return end - (data.text.utf8.count - 2 * quotes)..<end
    }

    private var attributeTable: [UInt8] {
        var table: [UInt8] = []
        var offset = EventRecord.membersOffset
        for (name, value) in attributes {
            let isString = value.hasPrefix("\"")
            let quotes = isString ? 1 : 0
            let valueOffset = offset + name.utf8.count + 3 + quotes
            let valueBytes = value.utf8.count - 2 * quotes
            for number in [offset + 1, valueOffset, valueBytes] {
                for index in 0..<4 { table.append(UInt8(truncatingIfNeeded: number >> (8 * index))) }
            }
            let kind: EventRecord.Attribute.Kind = isString ? .string : value.first!.isLetter ? .boolean : .integer
            table += [UInt8(name.utf8.count), kind.rawValue, value.contains("\\") ? 1 : 0, 0]
            offset += name.utf8.count + 3 + value.utf8.count + 1
        }
        return table
    }
}

/// Records in memory that lives as long as this object: what the log's committed batch is to the service.
@safe final class TestBatch {
    let records: [EventRecord]
    let byteCount: Int
    private let memory: UnsafeMutableRawBufferPointer

    init(_ events: [TestEvent]) {
        let layouts = events.map(\.recordBytes)
        byteCount = layouts.reduce(0) { $0 + $1.count }
        unsafe memory = .allocate(byteCount: max(8, byteCount), alignment: 8)
        var offset = 0
        var records: [EventRecord] = []
        for layout in layouts {
            for (index, byte) in layout.enumerated() { unsafe memory[offset + index] = byte }
            let start = unsafe UnsafeRawPointer(memory.baseAddress! + offset)
            precondition(unsafe EventRecord.isValid(at: start, limit: layout.count))
            unsafe records.append(EventRecord(at: start))
            offset += layout.count
        }
        self.records = records
    }

    deinit { unsafe memory.deallocate() }
}

func text(_ bytes: UnsafeRawBufferPointer) -> String { unsafe String(decoding: bytes, as: UTF8.self) }
