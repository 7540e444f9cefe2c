import FanfareBase

/// A log that was opened: what `LogWriter` goes on from.
@safe package struct RecoveredLog: ~Copyable {
    /// What the log is; also the source of keys.
    package let identity: LogIdentity
    /// How often it was opened, this time included.
    package let generation: UInt32
    /// The retained segments.
    package let catalog: SegmentCatalog
    /// The last number in use or lost; the next event gets the one after it.
    package let last: SequenceNumber
    /// What opening found and did.
    package let report: RecoveryReport
    var active: ActiveSegment
    var preparedBytes: Int?
    var deduplication: DeduplicationIndex
}

/// How far opening or checking a log has come.
package struct RecoveryProgress: Sendable {
    /// The segment that is looked at now, from 0.
    package var segment: Int
    /// Segments in all.
    package var segments: Int
}

/// What opening a log found, for the start-up message.
package struct RecoveryReport: Equatable, Sendable {
    /// The log was made just now.
    package var isNew = false
    /// The last stop was an orderly one.
    package var wasCleanStop = false
    /// Numbers given up because they may have been given to events that did not reach the disk.
    package var lost: ClosedRange<SequenceNumber>?
    /// Where an unfinished write was cut off; nil when there was none.
    package var cut: LogDamage?
    /// Segments without a footer that were read whole.
    package var scannedSegments = 0
}

/// Opens a data directory: finds the last durable state, completes it, and marks the opening.
///
/// Nothing is given up but what follows the last batch that is whole, and that only when no later batch says it was
/// durable. Everything else that is wrong is an error that names the place and changes nothing.
package struct LogRecovery {
    let storage: any LogStorage
    let configuration: LogConfiguration
    let now: WallTime
    let progress: (RecoveryProgress) -> Void
    var report = RecoveryReport()

    /// Opens the log in `storage`, making one when there is none.
    ///
    /// - Parameters:
    ///   - random: at least `LogIdentity.keyMaterialBytes + 4` fresh random bytes, used when the log is new.
    ///   - progress: called before each segment that is looked at.
    package static func open(
        _ storage: any LogStorage, configuration: LogConfiguration, now: WallTime, random: [UInt8],
        progress: @escaping (RecoveryProgress) -> Void = { _ in }
    ) throws(LogError) -> RecoveredLog {
        var recovery = LogRecovery(storage: storage, configuration: configuration, now: now, progress: progress)
        try storage.lock()
        return try recovery.open(random: random)
    }

    private mutating func open(random: [UInt8]) throws(LogError) -> RecoveredLog {
        let names = try storage.list()
        let identity = try identity(names, random: random)
        // Half-made files, and spare ones: their names may not be durable, so they must not be written to.
        let leftovers = [LogFileName.preparationPrefix, LogFileName.sparePrefix]
        for name in names where leftovers.contains(where: { name.hasPrefix($0) }) { try storage.remove(name) }
        var numbers = names.compactMap(LogFileName.segment).sorted()
        try checkRow(numbers)
        if numbers.isEmpty {
            try prepare(SegmentNumber(1), identity)
            numbers = [SegmentNumber(1)]
        }
        return try recover(numbers, identity)
    }

    private mutating func identity(_ names: [String], random: [UInt8]) throws(LogError) -> LogIdentity {
        if names.contains(LogFileName.identity) { return try LogIdentity.load(from: storage) }
        // A directory with segments but no identity was not made by a crash: the identity comes first.
        if names.contains(where: { LogFileName.segment($0) != nil }) {
            throw .damaged(LogDamage(file: LogFileName.identity, offset: 0, reason: .missing))
        }
        report.isNew = true
        let identity = LogIdentity(created: now, random: random)
        try storage.replace(LogFileName.identity, by: identity.encoded, through: LogFileName.newIdentity)
        return identity
    }

    private func checkRow(_ numbers: [SegmentNumber]) throws(LogError) {
        guard let first = numbers.first else { return }
        for (index, number) in numbers.enumerated() where number.rawValue != first.rawValue + UInt32(index) {
            let missing = SegmentNumber(first.rawValue + UInt32(index))
            throw .damaged(LogDamage(file: missing.fileName, offset: 0, reason: .missing))
        }
    }

    private func prepare(_ number: SegmentNumber, _ identity: LogIdentity) throws(LogError) {
        let memory = LogMemory(capacity: LogLimits.fillBytes)
        SegmentHeader.write(to: memory, identity: identity, segment: number)
        memory.zero(LogLimits.blockBytes..<memory.capacity)
        let size = configuration.segmentBytesEffective
        try storage.create(number.preparationName)
        for offset in stride(from: 0, to: size, by: memory.capacity) {
            try storage.write(
                number.preparationName, at: UInt64(offset), memory.bytes(0..<min(memory.capacity, size - offset)))
            if offset == 0 { memory.zero(0..<LogLimits.blockBytes) }
        }
        try storage.sync(number.preparationName)
        try storage.rename(number.preparationName, to: number.fileName)
        try storage.syncDirectory()
    }

    private mutating func recover(_ numbers: [SegmentNumber], _ identity: LogIdentity) throws(LogError) -> RecoveredLog
    {
        var deduplication = DeduplicationIndex(bytesMax: configuration.deduplicationBytesMax)
        var sealed = SealedSegments(storage: storage, identity: identity, configuration: configuration, now: now)
        var numbers = numbers
        let activeIndex = try activeIndex(numbers, sealed, identity)
        if activeIndex == numbers.count {
            numbers.append(numbers[activeIndex - 1].next)
            try prepare(numbers[activeIndex], identity)
        }
        for (index, number) in numbers[..<activeIndex].enumerated() {
            progress(RecoveryProgress(segment: index, segments: activeIndex + 1))
            try sealed.load(number, isNewest: index == activeIndex - 1, into: &deduplication)
        }
        report.scannedSegments = sealed.scanned

        progress(RecoveryProgress(segment: activeIndex, segments: activeIndex + 1))
        var tail = try RecoveredTail(
            storage: storage, identity: identity, number: numbers[activeIndex],
            before: sealed.segments.isEmpty ? nil : sealed.end, into: &deduplication)
        report.cut = tail.cut
        try tail.removeFooter()
        try tail.makeDurable()
        try tail.markOpening(now: now, report: &report)

        for number in numbers.dropFirst(activeIndex + 2).reversed() { try storage.remove(number.fileName) }
        var preparedBytes: Int?
        if activeIndex + 1 < numbers.count {
            preparedBytes = Int(try storage.size(of: numbers[activeIndex + 1].fileName))
        }
        var segments = sealed.segments
        if let segment = tail.active.segment { segments.append(segment) }
        let catalog = SegmentCatalog(identity: identity, segments: segments, head: tail.last)
        return RecoveredLog(
            identity: identity, generation: tail.active.generation, catalog: catalog, last: tail.last, report: report,
            active: tail.active, preparedBytes: preparedBytes, deduplication: deduplication)
    }

    /// Which segment batches go to: the last one that holds a batch, or the one after it when that is sealed. Those
    /// behind it were prepared and never used.
    private func activeIndex(_ numbers: [SegmentNumber], _ sealed: SealedSegments, _ identity: LogIdentity)
        throws(LogError) -> Int
    {
        for index in numbers.indices.reversed() {
            let number = numbers[index]
            try SegmentHeader.check(in: storage, identity: identity, segment: number)
            if try RecoveredTail.holdsBatch(storage, identity, number) {
                return try sealed.wholeFooter(of: number) == nil ? index : index + 1
            }
        }
        guard numbers[0] == SegmentNumber(1) else {
            // Earlier segments were removed, so this one cannot be new.
            let offset = UInt64(LogLimits.blockBytes)
            throw .damaged(LogDamage(file: numbers[0].fileName, offset: offset, reason: .notABatch))
        }
        return 0
    }
}

extension LogIdentity {
    /// The identity in a data directory.
    package static func load(from storage: any LogStorage) throws(LogError) -> LogIdentity {
        let bytes = LogMemory(capacity: fileBytes)
        let count = try unsafe storage.read(LogFileName.identity, at: 0, into: bytes.target(0..<fileBytes))
        do throws(LogDamage.Reason) {
            return try LogIdentity(decoding: bytes.bytes(0..<count))
        } catch {
            throw .damaged(LogDamage(file: LogFileName.identity, offset: 0, reason: error))
        }
    }
}

extension SegmentHeader {
    @discardableResult
    static func check(in storage: any LogStorage, identity: LogIdentity, segment: SegmentNumber) throws(LogError)
        -> Bool
    {
        let block = LogMemory(capacity: LogLimits.blockBytes)
        let count = try unsafe storage.read(segment.fileName, at: 0, into: block.target(0..<LogLimits.blockBytes))
        do throws(LogDamage.Reason) {
            return try check(block.bytes(0..<count), identity: identity, segment: segment)
        } catch {
            throw .damaged(LogDamage(file: segment.fileName, offset: 0, reason: error))
        }
    }
}
