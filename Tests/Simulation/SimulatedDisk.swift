import FanfareLog

/// One data directory on a disk with a page cache: what was written but not synced may be lost or torn when the power
/// goes, in sectors of 512 bytes; names are lost from the last one that the directory was not synced for.
final class SimulatedDisk {
    final class File {
        /// What reads see.
        var cached: [UInt8] = []
        /// What survives.
        var durable: [UInt8] = []
        /// What was written since the last sync, in order.
        var pending: [(offset: Int, bytes: [UInt8])] = []
        /// What reads find changed, by offset, until it is written again.
        var flipped: [Int: UInt8] = [:]

        func read(at offset: Int, _ count: Int) -> [UInt8] {
            var bytes = Array(cached[min(offset, cached.count)..<min(offset + count, cached.count)])
            for (place, mask) in flipped where bytes.indices.contains(place - offset) { bytes[place - offset] ^= mask }
            return bytes
        }

        func write(_ bytes: ArraySlice<UInt8>, at offset: Int) {
            if !flipped.isEmpty { flipped = flipped.filter { !(offset..<offset + bytes.count).contains($0.key) } }
            Self.put(bytes, at: offset, in: &cached)
            pending.append((offset, Array(bytes)))
        }

        /// Makes what was written durable; only what lies in `range` when there is one.
        func sync(_ range: Range<Int>?) {
            if let range {
                let kept = range.clamped(to: 0..<cached.count)
                Self.put(cached[kept], at: kept.lowerBound, in: &durable)
            } else {
                for write in pending { Self.put(write.bytes[...], at: write.offset, in: &durable) }
            }
            forget(range)
        }

        /// What was written, and lies in `range` when there is one, never reaches the disk.
        func forget(_ range: Range<Int>?) {
            pending = range.map { range in pending.flatMap { Self.outside(range, $0) } } ?? []
        }

        /// The parts of a write before and behind `range`.
        private static func outside(
            _ range: Range<Int>, _ write: (offset: Int, bytes: [UInt8])
        ) -> [(offset: Int, bytes: [UInt8])] {
            let end = write.offset + write.bytes.count
            let before = write.bytes.prefix(max(0, range.lowerBound - write.offset))
            let behind = write.bytes.suffix(max(0, min(write.bytes.count, end - range.upperBound)))
            return [(write.offset, Array(before)), (end - behind.count, Array(behind))].filter { !$0.1.isEmpty }
        }

        static func put(_ new: ArraySlice<UInt8>, at offset: Int, in bytes: inout [UInt8]) {
            let missing = offset + new.count - bytes.count
            if missing > 0 { bytes.append(contentsOf: repeatElement(0, count: missing)) }
            bytes.replaceSubrange(offset..<offset + new.count, with: new)
        }
    }

    private let dice: Dice
    private(set) var files: [String: File] = [:]
    private var durableNames: [String: File] = [:]
    private var pendingNames: [[String: File]] = []
    /// Whether writes find no space.
    var isFull = false
    /// The next sync of a file fails, and what it was about is dropped.
    var nextSyncFails = false
    var canary: Canary?
    private var flippedFile: File?
    private var lastSynced: (file: File, before: [UInt8])?
    private var rollBack: [(name: String, bytes: [UInt8])]?

    init(dice: Dice) { self.dice = dice }

    func open(_ name: String, create: Bool) -> File? {
        if create {
            files[name] = File()
            pendingNames.append(files)
        }
        return files[name]
    }

    /// Syncs a file, or what lies in `range` of it. False when it failed: the kernel then takes the pages for clean, and they never reach the disk.
    func sync(_ file: File, _ range: Range<Int>? = nil) -> Bool {
        if nextSyncFails {
            nextSyncFails = false
            file.forget(range)
            return canary == .overlookedSyncFailure
        }
        if canary == .earlySync { return true }
        if canary == .unsyncedJournal, files.contains(where: { $0.value === file && $0.key.hasPrefix("journal") }) {
            return true
        }
        if canary == .lostSync { lastSynced = (file, file.durable) }
        file.sync(range)
        return true
    }

    /// Whether a segment is being made of `file`: nothing in it counts yet.
    func isPreparing(_ file: File) -> Bool {
        files.contains { $0.value === file && ($0.key.hasPrefix("prepared-") || $0.key.hasPrefix("spare-")) }
    }

    func syncDirectory() {
        if canary == .lostNames, files.count > 4 { return }
        durableNames = files
        pendingNames = []
    }

    func rename(_ from: String, to: String) -> Bool {
        guard let file = files[from] else { return false }
        files[from] = nil
        files[to] = file
        pendingNames.append(files)
        return true
    }

    func remove(_ name: String) -> Bool {
        guard files.removeValue(forKey: name) != nil else { return false }
        pendingNames.append(files)
        return true
    }

    /// A bit of a sealed segment to flip; nil when none is certainly sealed: the newest file may be empty still, and the one
    /// before it end in what nothing proves to have been synced.
    func chooseFlip() -> BitFlip? {
        let names = files.keys.filter { $0.hasPrefix("segment-") && $0.hasSuffix(".log") }.sorted().dropLast(2)
        guard !names.isEmpty else { return nil }
        let name = dice.pick(Array(names))
        guard let file = files[name], let number = Int(name.dropFirst(8).dropLast(4)) else { return nil }
        return BitFlip(in: file.cached, file: name, segment: number, dice)
    }

    /// Reads see `flip`, until `unflip`.
    func apply(_ flip: BitFlip) {
        guard let file = files[flip.file] else { return }
        file.flipped = flip.changes(of: file.cached, forgingChecksums: canary == .skippedChecksum)
        flippedFile = file
    }

    /// Reads see what was written again.
    func unflip() {
        flippedFile?.flipped = [:]
        flippedFile = nil
    }

    /// Remembers what to come back with.
    func noteForRollBack() {
        guard canary == .rolledBackDisk, rollBack == nil, !durableNames.isEmpty else { return }
        rollBack = durableNames.sorted { $0.key < $1.key }.map { ($0.key, $0.value.durable) }
    }

    /// The power goes: what is left is durable.
    func losePower() {
        let kept = dice.number(0...pendingNames.count)
        let names = kept == 0 ? durableNames : pendingNames[kept - 1]
        let mode = dice.number(0...9)
        if let lastSynced { lastSynced.file.durable = lastSynced.before }
        for (_, file) in names.sorted(by: { $0.key < $1.key }) {
            for write in file.pending {
                for start in stride(from: 0, to: write.bytes.count, by: 512)
                where mode > 6 || mode > 3 && dice.perMille(500) {
                    let end = min(start + 512, write.bytes.count)
                    File.put(write.bytes[start..<end], at: write.offset + start, in: &file.durable)
                }
            }
            file.pending = []
            file.cached = file.durable
        }
        files = names
        if let rollBack {
            files = [:]
            for (name, bytes) in rollBack {
                let file = File()
                (file.cached, file.durable) = (bytes, bytes)
                files[name] = file
            }
        }
        durableNames = files
        pendingNames = []
    }
}

/// The disk as recovery uses it, with the power going at the `changesLeft`th change.
final class SimulatedStorage: LogStorage {
    /// What the recovery of a process that has just died throws.
    static let powerLoss = LogError.system(operation: "power", file: "", code: 5)

    private let disk: SimulatedDisk
    private var changesLeft: Int

    init(disk: SimulatedDisk, changesLeft: Int) {
        self.disk = disk
        self.changesLeft = changesLeft
    }

    func lock() throws(LogError) {}
    func list() throws(LogError) -> [String] { disk.files.keys.sorted() }
    func size(of name: String) throws(LogError) -> UInt64 { UInt64(try file(name).cached.count) }

    func read(_ name: String, at offset: UInt64, into target: UnsafeMutableRawBufferPointer) throws(LogError) -> Int {
        let bytes = try file(name).read(at: Int(offset), target.count)
        unsafe target.copyBytes(from: bytes)
        return bytes.count
    }

    func create(_ name: String) throws(LogError) {
        try change()
        _ = disk.open(name, create: true)
    }

    func write(_ name: String, at offset: UInt64, _ bytes: UnsafeRawBufferPointer) throws(LogError) {
        let file = try file(name)
        let copy = unsafe [UInt8](bytes)
        if changesLeft == 0, !copy.isEmpty { file.write(copy[..<(copy.count / 2)], at: Int(offset)) }
        try change()
        file.write(copy[...], at: Int(offset))
    }

    func sync(_ name: String) throws(LogError) {
        try change()
        if !disk.sync(try file(name)) { throw .system(operation: "sync", file: name, code: 5) }
    }

    func rename(_ name: String, to newName: String) throws(LogError) {
        try change()
        if !disk.rename(name, to: newName) { throw .system(operation: "rename", file: name, code: 2) }
    }

    func remove(_ name: String) throws(LogError) {
        try change()
        if !disk.remove(name) { throw .system(operation: "remove", file: name, code: 2) }
    }

    func syncDirectory() throws(LogError) {
        try change()
        disk.syncDirectory()
    }

    private func change() throws(LogError) {
        changesLeft -= 1
        if changesLeft < 0 { throw Self.powerLoss }
    }

    private func file(_ name: String) throws(LogError) -> SimulatedDisk.File {
        guard let file = disk.files[name] else { throw .system(operation: "open", file: name, code: 2) }
        return file
    }
}
