import FanfareBase
import FanfareEvent
import FanfareLog

/// A data directory in memory, without faults: bytes to change.
final class LogFolder: LogStorage {
    var files: [String: [UInt8]]

    init(_ files: [String: [UInt8]] = [:]) { self.files = files }

    func lock() throws(LogError) {}
    func list() throws(LogError) -> [String] { Array(files.keys) }
    func size(of name: String) throws(LogError) -> UInt64 { UInt64(try file(name).count) }
    func read(_ name: String, at offset: UInt64, into target: UnsafeMutableRawBufferPointer) throws(LogError) -> Int {
        let bytes = try file(name)
        guard offset < UInt64(bytes.count) else { return 0 }
        let count = min(bytes.count - Int(offset), target.count)
        unsafe bytes.withUnsafeBytes { source in
            unsafe target.copyMemory(from: UnsafeRawBufferPointer(rebasing: source[Int(offset)..<Int(offset) + count]))
        }
        return count
    }
    func create(_ name: String) throws(LogError) { files[name] = [] }
    func write(_ name: String, at offset: UInt64, _ bytes: UnsafeRawBufferPointer) throws(LogError) {
        let end = Int(offset) + bytes.count
        let missing = end - (try file(name)).count
        if missing > 0 { files[name]?.append(contentsOf: repeatElement(0, count: missing)) }
        files[name]?.replaceSubrange(Int(offset)..<end, with: unsafe Array(bytes))
    }
    func sync(_ name: String) throws(LogError) { _ = try file(name) }
    func rename(_ name: String, to newName: String) throws(LogError) {
        files[newName] = try file(name)
        files[name] = nil
    }
    func remove(_ name: String) throws(LogError) { files[name] = nil }
    func syncDirectory() throws(LogError) {}

    private func file(_ name: String) throws(LogError) -> [UInt8] {
        guard let bytes = files[name] else { throw .system(operation: "open", file: name, code: 2) }
        return bytes
    }
}

extension LogFolder {
    static let random = [UInt8](repeating: 7, count: 128)
    static let now = WallTime(nanoseconds: 1_800_000_000_000_000_000)

    /// A log of three small segments with events of several topics, two openings, a lost range, and a journal.
    static func made() throws -> LogFolder {
        let folder = LogFolder()
        for opening in 0..<2 {
            var configuration = LogConfiguration()
            configuration.segmentBytes = 64 << 10
            configuration.deduplicationBytesMax = 1 << 20
            let recovered = try LogRecovery.open(folder, configuration: configuration, now: now, random: random)
            let journal = Journal(try JournalRecovery.open(folder, identity: recovered.identity))
            let writer = LogWriter(recovered, configuration: configuration)
            try folder.append(events: 25, opening: opening, to: writer)
            journal.record(.head(writer.committedThrough), urgent: true)
            folder.carryOut(journal)
        }
        return folder
    }

    private func append(events: Int, opening: Int, to writer: LogWriter) throws {
        let decoder = EventDecoder()
        let staging = RecordStaging()
        var names: [LogFileID: String] = [:]
        var time = TurnTime(monotonic: MonotonicTime(nanoseconds: 1), wall: Self.now)
        for index in 0..<events {
            let pad = String(repeating: "x", count: index % 5 * 1000)
            let json =
                "{\"specversion\":\"1.0\",\"id\":\"\(opening)-\(index)\",\"source\":\"/f\",\"type\":\"t.\(index % 3)\",\"data\":\"\(pad)\"}"
            try decoder.decodeStructured(
                Array(json.utf8).span, PublishContext(hashKey: HashKey(low: 1, high: 2)), into: staging)
            staging.forEach { record in
                _ = writer.append(record, durability: index % 2 == 0 ? .synced : .written, now: time.wall)
            }
            staging.reset()
            time.monotonic = time.monotonic.advanced(byMilliseconds: 10)
            for _ in 0..<20 {
                writer.flush(time)
                while let action = writer.nextAction() {
                    writer.completed(action.id, result: carryOut(action.kind, &names), time: time)
                }
                while writer.nextCommitted() != nil {}
            }
        }
    }

    private func carryOut(_ journal: Journal) {
        var names: [LogFileID: String] = [:]
        let time = TurnTime(monotonic: MonotonicTime(nanoseconds: 5_000_000_000), wall: Self.now)
        for _ in 0..<20 {
            journal.flush(time)
            while let action = journal.nextAction() {
                journal.completed(action.id, result: carryOut(action.kind, &names), time: time)
            }
        }
    }

    private func carryOut(_ kind: LogAction.Kind, _ names: inout [LogFileID: String]) -> Int32 {
        do throws(LogError) {
            switch kind {
            case .open(let file, let name, let isNew):
                names[file] = name
                if isNew { try create(name) }
            case .write(let file, let address, let count, let offset, _):
                let bytes = unsafe UnsafeRawBufferPointer(start: address, count: count)
                try unsafe write(names[file] ?? "", at: offset, bytes)
                return Int32(count)
            case .rename(let from, let to):
                try rename(from, to: to)
                for (file, name) in names where name == from { names[file] = to }
            case .unlink(let name): try remove(name)
            case .sync, .syncDirectory, .close: break
            }
            return 0
        } catch {
            return -5
        }
    }
}

/// Makes checksums right again after bytes were changed: what a decoder believes once the checksum holds is tried too.
struct Resealing {
    let seed: UInt32

    /// The seed stands in the identity.
    init(identity: [UInt8]) { seed = Self.number(identity, 24) }

    func segment(_ bytes: inout [UInt8]) {
        guard bytes.count >= 8192 else { return }
        put(checksum(bytes, 0..<20), 20, &bytes)
        for block in stride(from: 4096, to: bytes.count - 4095, by: 4096) where Self.number(bytes, block) == 0x3142_4646
        {
            let length = Int(Self.number(bytes, block + 32))
            if length >= 96, block + length <= bytes.count {
                put(checksum(bytes, block + 96..<block + length), block + 88, &bytes)
            }
            put(crc(bytes, block + 4..<block + 8, checksum(bytes, block + 12..<block + 96)), block + 8, &bytes)
        }
        footer(&bytes, bytes.count - 4096)
    }

    private func footer(_ bytes: inout [UInt8], _ start: Int) {
        guard Self.number(bytes, start) == 0x4546_4E46 else { return }
        for section in 0..<3 {
            let place = start + 88 + 16 * section
            let offset = Int(Self.number(bytes, place)) | Int(Self.number(bytes, place + 4)) << 32
            let count = Int(Self.number(bytes, place + 8))
            guard offset >= 0, count >= 4, offset <= bytes.count, count <= bytes.count - offset else { continue }
            let end = section == 1 ? offset + count - 4 : offset + count
            if section == 1 { put(checksum(bytes, offset..<end), end, &bytes) }
            put(checksum(bytes, offset..<end), place + 12, &bytes)
        }
        put(checksum(bytes, start + 24..<start + 136), start + 20, &bytes)
    }

    func journal(_ bytes: inout [UInt8]) {
        guard bytes.count >= 64 else { return }
        put(crc(bytes, 8..<20, checksum(bytes, 24..<64)), 20, &bytes)
        var place = 64
        while place + 32 <= bytes.count {
            let length = Int(Self.number(bytes, place + 4))
            guard length >= 32, length <= bytes.count - place else { return }
            put(checksum(bytes, place + 12..<place + length), place + 8, &bytes)
            place += length
        }
    }

    static func identity(_ bytes: inout [UInt8]) {
        guard bytes.count >= 100 else { return }
        let sum = unsafe bytes[0..<96].withUnsafeBytes { unsafe crc32c($0) }
        for index in 0..<4 { bytes[96 + index] = UInt8(truncatingIfNeeded: sum >> UInt32(8 * index)) }
    }

    private func checksum(_ bytes: [UInt8], _ range: Range<Int>) -> UInt32 { crc(bytes, range, seed) }

    private func crc(_ bytes: [UInt8], _ range: Range<Int>, _ seed: UInt32) -> UInt32 {
        unsafe bytes[range].withUnsafeBytes { unsafe crc32c($0, seed: seed) }
    }

    private func put(_ value: UInt32, _ place: Int, _ bytes: inout [UInt8]) {
        for index in 0..<4 where place + index < bytes.count {
            bytes[place + index] = UInt8(truncatingIfNeeded: value >> UInt32(8 * index))
        }
    }

    private static func number(_ bytes: [UInt8], _ place: Int) -> UInt32 {
        guard place >= 0, place + 4 <= bytes.count else { return 0 }
        return (0..<4).reduce(0) { $0 | UInt32(bytes[place + $1]) << UInt32(8 * $1) }
    }
}
