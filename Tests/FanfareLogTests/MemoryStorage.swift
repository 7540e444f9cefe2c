import FanfareBase
import FanfareLog

/// A data directory in memory that knows what a crash may lose: what was written but not synced, in whole or in sectors,
/// and names that the directory was not synced for.
final class MemoryStorage: LogStorage {
    /// One change, for replaying a prefix of a run.
    enum Change {
        case create(String)
        case write(String, offset: Int, bytes: [UInt8])
        /// All of the file, or what was written in a range of it.
        case sync(String, Range<Int>?)
        case rename(String, to: String)
        case remove(String)
        case syncDirectory
    }

    /// What happens to changes that were not synced.
    enum Crash {
        case losesUnsynced
        case keepsAll
        case tears(seed: UInt64)
    }

    final class File {
        var bytes: [UInt8] = []
        var durable: [UInt8] = []
        var pending: [(offset: Int, bytes: [UInt8])] = []
    }

    private(set) var files: [String: File] = [:]
    private var durableFiles: [String: File] = [:]
    private var pendingNames: [[String: File]] = []
    private(set) var changes: [Change] = []
    /// Errors to throw, by the number of changes made before.
    var failures: [Int: Int32] = [:]
    var isLocked = false
    /// Keep a list of changes for `replaying`.
    var records = false
    private var changeCount = 0

    func lock() throws(LogError) { if isLocked { throw .locked } }

    func list() throws(LogError) -> [String] { Array(files.keys) }

    func size(of name: String) throws(LogError) -> UInt64 { UInt64(try file(name, "look at").bytes.count) }

    func read(_ name: String, at offset: UInt64, into target: UnsafeMutableRawBufferPointer) throws(LogError) -> Int {
        let bytes = try file(name, "read").bytes
        guard Int(offset) < bytes.count else { return 0 }
        let count = min(bytes.count - Int(offset), target.count)
        unsafe bytes.withUnsafeBytes { source in
            unsafe target.copyMemory(from: UnsafeRawBufferPointer(rebasing: source[Int(offset)..<Int(offset) + count]))
        }
        return count
    }

    func create(_ name: String) throws(LogError) { try apply(.create(name)) }

    func write(_ name: String, at offset: UInt64, _ bytes: UnsafeRawBufferPointer) throws(LogError) {
        try apply(.write(name, offset: Int(offset), bytes: unsafe [UInt8](bytes)))
    }

    func sync(_ name: String) throws(LogError) { try apply(.sync(name, nil)) }
    func rename(_ name: String, to newName: String) throws(LogError) { try apply(.rename(name, to: newName)) }
    func remove(_ name: String) throws(LogError) { try apply(.remove(name)) }
    func syncDirectory() throws(LogError) { try apply(.syncDirectory) }

    func apply(_ change: Change) throws(LogError) {
        if let code = failures[changeCount] { throw .system(operation: "change", file: "", code: code) }
        changeCount += 1
        if records { changes.append(change) }
        switch change {
        case .create(let name):
            files[name] = File()
            pendingNames.append(files)
        case .write(let name, let offset, let bytes):
            let file = try file(name, "write")
            Self.put(bytes, at: offset, in: &file.bytes)
            file.pending.append((offset, bytes))
        case .sync(let name, nil):
            let file = try file(name, "sync")
            file.durable = file.bytes
            file.pending = []
        case .sync(let name, let range?):
            let file = try file(name, "sync")
            Self.put(Array(file.bytes[range]), at: range.lowerBound, in: &file.durable)
            file.pending.removeAll { range.lowerBound <= $0.offset && $0.offset + $0.bytes.count <= range.upperBound }
        case .rename(let name, let newName):
            files[newName] = try file(name, "rename")
            files[name] = nil
            pendingNames.append(files)
        case .remove(let name):
            _ = try file(name, "remove")
            files[name] = nil
            pendingNames.append(files)
        case .syncDirectory:
            durableFiles = files
            pendingNames = []
        }
    }

    /// What the next start finds.
    func crashed(_ crash: Crash) -> MemoryStorage {
        var random = SeededRandom(seed: 0)
        var names = files
        switch crash {
        case .keepsAll: break
        case .losesUnsynced: names = durableFiles
        case .tears(let seed):
            random = SeededRandom(seed: seed)
            let kept = Int(random.next() % UInt64(pendingNames.count + 1))
            names = kept == 0 ? durableFiles : pendingNames[kept - 1]
        }
        let next = MemoryStorage()
        for (name, file) in names.sorted(by: { $0.key < $1.key }) {
            let copy = File()
            copy.bytes = Self.contents(of: file, after: crash, &random)
            copy.durable = copy.bytes
            next.files[name] = copy
        }
        next.durableFiles = next.files
        return next
    }

    /// Changes bytes behind everyone's back.
    func damage(_ name: String, at offset: Int, _ change: (inout UInt8) -> Void = { $0 ^= 0x40 }) {
        guard let file = files[name] else { return }
        change(&file.bytes[offset])
        file.durable = file.bytes
    }

    func cut(_ name: String, to count: Int) {
        guard let file = files[name] else { return }
        file.bytes = Array(file.bytes.prefix(count))
        file.durable = file.bytes
    }

    private static func contents(of file: File, after crash: Crash, _ random: inout SeededRandom) -> [UInt8] {
        switch crash {
        case .keepsAll: return file.bytes
        case .losesUnsynced: return file.durable
        case .tears:
            var bytes = file.durable
            for write in file.pending {
                for start in stride(from: 0, to: write.bytes.count, by: 512) where random.next() & 1 == 0 {
                    put(
                        Array(write.bytes[start..<min(start + 512, write.bytes.count)]), at: write.offset + start,
                        in: &bytes)
                }
            }
            return bytes
        }
    }

    private static func put(_ new: [UInt8], at offset: Int, in bytes: inout [UInt8]) {
        if bytes.count < offset + new.count {
            bytes.append(contentsOf: repeatElement(0, count: offset + new.count - bytes.count))
        }
        bytes.replaceSubrange(offset..<offset + new.count, with: new)
    }

    private func file(_ name: String, _ operation: String) throws(LogError) -> File {
        guard let file = files[name] else { throw .system(operation: operation, file: name, code: 2) }
        return file
    }
}
