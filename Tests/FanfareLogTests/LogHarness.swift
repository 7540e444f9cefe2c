import FanfareBase
import FanfareLog

/// A log on a storage in memory, with its actions carried out at once or held back.
final class LogHarness {
    let storage: MemoryStorage
    let writer: LogWriter
    let report: RecoveryReport
    let opened: SequenceNumber
    var time: TurnTime
    var committed: [CommittedBatch] = []
    var withdrawn: [ClosedRange<SequenceNumber>] = []
    /// Gives an action's result instead of carrying it out; nil carries it out.
    var intercept: ((LogAction.Kind) -> Int32?)?
    /// Called after each completion.
    var afterAction: (() -> Void)?
    /// Actions whose completion is held back while `holds`.
    var holds = false
    /// The most bytes a write takes.
    var writeLimit = Int.max
    private var names: [LogFileID: String] = [:]
    private var held: [LogAction] = []
    private(set) var performed: [String] = []

    static func small() -> LogConfiguration {
        var configuration = LogConfiguration()
        configuration.segmentBytes = 64 << 10
        configuration.deduplicationBytesMax = 1 << 20
        configuration.batchBytesMax = 16 << 10
        configuration.backlogBytesMax = 64 << 10
        return configuration
    }

    static let random = [UInt8](1...100)

    init(
        _ storage: MemoryStorage = MemoryStorage(), configuration: LogConfiguration = LogHarness.small(),
        seconds: UInt64 = 1_800_000_000
    ) throws {
        self.storage = storage
        let wall = WallTime(nanoseconds: seconds * 1_000_000_000)
        time = TurnTime(monotonic: MonotonicTime(nanoseconds: 1_000_000_000), wall: wall)
        let recovered = try LogRecovery.open(storage, configuration: configuration, now: wall, random: Self.random)
        report = recovered.report
        opened = recovered.last
        writer = LogWriter(recovered, configuration: configuration)
        turn()
    }

    func advance(milliseconds: Int) {
        time.monotonic = time.monotonic.advanced(byMilliseconds: milliseconds)
        time.wall = WallTime(nanoseconds: time.wall.nanoseconds + UInt64(milliseconds) * 1_000_000)
    }

    @discardableResult
    func append(_ id: String, topic: String = "a.b", dataBytes: Int = 10, durability: Durability = .synced)
        -> LogWriter.AppendResult
    {
        TestRecord.make(id: id, topic: topic, dataBytes: dataBytes) { record in
            writer.append(record, durability: durability, now: time.wall)
        }
    }

    /// Appends, and carries out everything.
    @discardableResult
    func publish(_ id: String, topic: String = "a.b", dataBytes: Int = 10, durability: Durability = .synced)
        -> LogWriter.AppendResult
    {
        let result = append(id, topic: topic, dataBytes: dataBytes, durability: durability)
        turn()
        return result
    }

    /// Flushes and carries out actions until there are none.
    func turn() {
        for _ in 0..<10_000 {
            writer.flush(time)
            var worked = false
            while let action = writer.nextAction() {
                worked = true
                if holds, !(isOpen(action)) { held.append(action) } else { perform(action) }
            }
            while let batch = writer.nextCommitted() { committed.append(batch) }
            while let range = writer.nextWithdrawn() { withdrawn.append(range) }
            if !worked { return }
        }
    }

    /// Carries out what was held back, oldest first.
    func release(_ count: Int = .max) {
        for _ in 0..<min(count, held.count) { perform(held.removeFirst()) }
        turn()
    }

    var heldCount: Int { held.count }

    private func isOpen(_ action: LogAction) -> Bool {
        if case .open = action.kind { return true }
        return false
    }

    private func perform(_ action: LogAction) {
        let result = intercept?(action.kind) ?? carryOut(action.kind)
        writer.completed(action.id, result: result, time: time)
        while let batch = writer.nextCommitted() { committed.append(batch) }
        afterAction?()
    }

    func carryOut(_ kind: LogAction.Kind) -> Int32 {
        do throws(LogError) {
            return try StorageActions.carryOut(kind, storage, &names, &performed, writeLimit: writeLimit)
        } catch {
            guard case .system(_, _, let code) = error else { return -5 }
            return -code
        }
    }

    /// Every event a reader finds after `cursor`, and the numbers it is told are lost.
    func read(after cursor: SequenceNumber = .zero) throws -> (events: [UInt64: String], lost: [ClosedRange<UInt64>]) {
        try LogReading.all(storage, writer.catalog, after: cursor)
    }
}

enum StorageActions {
    static func carryOut(
        _ kind: LogAction.Kind, _ storage: MemoryStorage, _ names: inout [LogFileID: String],
        _ performed: inout [String],
        writeLimit: Int = .max
    ) throws(LogError) -> Int32 {
        switch kind {
        case .open(let file, let name, let create):
            performed.append("open \(name)")
            if create { try storage.create(name) } else { _ = try storage.size(of: name) }
            names[file] = name
        case .write(let file, let address, let count, let offset, let sync):
            let name = names[file] ?? "?"
            performed.append(sync ? "write+sync \(name)" : "write \(name)")
            let taken = min(count, writeLimit)
            try unsafe storage.write(name, at: offset, UnsafeRawBufferPointer(start: address, count: taken))
            // As the kernel does: what was written is durable, and nothing that was written before.
            if sync { try storage.apply(.sync(name, Int(offset)..<Int(offset) + taken)) }
            return Int32(taken)
        case .sync(let file):
            performed.append("sync \(names[file] ?? "?")")
            try storage.sync(names[file] ?? "?")
        case .syncDirectory:
            performed.append("sync directory")
            try storage.syncDirectory()
        case .rename(let from, let to):
            performed.append("rename \(from)")
            try storage.rename(from, to: to)
            for (file, name) in names where name == from { names[file] = to }
        case .unlink(let name):
            performed.append("unlink \(name)")
            try storage.remove(name)
        case .close(let file):
            performed.append("close \(names[file] ?? "?")")
            names[file] = nil
        }
        return 0
    }
}

enum LogReading {
    /// Reads the log as a shard's reader does: locate, read a block, take batches.
    static func all(
        _ storage: MemoryStorage, _ catalog: SegmentCatalog, after start: SequenceNumber, blockBytes: Int = 8192
    )
        throws -> (events: [UInt64: String], lost: [ClosedRange<UInt64>])
    {
        var events: [UInt64: String] = [:]
        var lost: [ClosedRange<UInt64>] = []
        var cursor = start
        var places = CatalogReader(catalog)
        while case .segment(let segment, var offset, let missed) = places.locate(after: cursor) {
            if let missed {
                lost.append(missed.lowerBound.rawValue...missed.upperBound.rawValue)
                cursor = missed.upperBound
            }
            var wanted = blockBytes
            while offset < segment.readableEnd {
                let count = min(wanted, Int(segment.readableEnd - offset))
                let block = try storage.copy(segment.fileName, at: offset, count: count)
                let consumed = try unsafe block.withUnsafeBytes { bytes in
                    var reader = unsafe BatchReader(
                        identity: catalog.identity, segment: segment.number, offset: offset, bytes: bytes)
                    while let batch = try reader.next() {
                        if let range = batch.lost, range.upperBound > cursor {
                            lost.append(range.lowerBound.rawValue...range.upperBound.rawValue)
                        }
                        for record in batch.records where record.sequence > cursor {
                            events[record.sequence.rawValue] = TestRecord.id(of: record)
                        }
                        cursor = max(cursor, batch.header.last)
                    }
                    wanted = max(blockBytes, reader.bytesNeeded)
                    return reader.consumed
                }
                offset += UInt64(consumed)
            }
        }
        return (events, lost)
    }
}

extension MemoryStorage {
    func copy(_ name: String, at offset: UInt64, count: Int) throws(LogError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        let read = unsafe bytes.withUnsafeMutableBytes { target -> Int in
            let read = try? unsafe self.read(name, at: offset, into: target)
            return read ?? 0
        }
        return Array(bytes.prefix(read))
    }
}

/// Records as the event decoder makes them, without one.
enum TestRecord {
    static func make<T>(id: String, topic: String, dataBytes: Int, _ body: (EventRecord) -> T) -> T {
        let members = "\"id\":\"\(id)\",\"data\":\"" + String(repeating: "x", count: dataBytes) + "\"}"
        let canonical =
            "\(EventRecord.canonicalPrefix)" + String(repeating: "-", count: Position.textBytes) + "\"," + members
        var bytes = [UInt8](repeating: 0, count: EventRecord.headerBytes)
        bytes += Array(topic.utf8) + Array(canonical.utf8)
        while bytes.count % 8 != 0 { bytes.append(0) }
        put(UInt32(bytes.count), at: 0, in: &bytes)
        put(UInt32(canonical.utf8.count), at: 44, in: &bytes)
        put(UInt16(topic.utf8.count), at: 56, in: &bytes)
        var key: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in (topic + "/" + id).utf8 { key = (key ^ UInt64(byte)) &* 0x100_0000_01b3 }
        put(key, at: 24, in: &bytes)
        put(~key, at: 32, in: &bytes)
        return unsafe bytes.withUnsafeBytes { body(unsafe EventRecord(at: $0.baseAddress!)) }
    }

    static func text(of record: EventRecord) -> String { unsafe String(decoding: record.canonical, as: UTF8.self) }

    static func id(of record: EventRecord) -> String {
        let text = unsafe String(decoding: record.members, as: UTF8.self)
        return String(text.split(separator: "\"")[2])
    }

    private static func put<T: FixedWidthInteger>(_ value: T, at offset: Int, in bytes: inout [UInt8]) {
        for index in 0..<MemoryLayout<T>.size {
            bytes[offset + index] = UInt8(truncatingIfNeeded: value >> T(8 * index))
        }
    }
}
