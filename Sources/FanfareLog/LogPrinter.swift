import FanfareBase

/// Walks a data directory's events in order, for `fanfare log show`; changes nothing.
package struct LogPrinter {
    /// What comes next in the log.
    @safe package enum Item {
        /// An event; valid until the next call.
        case event(EventRecord)
        /// Numbers that belong to no event, or were removed by retention.
        case lost(ClosedRange<SequenceNumber>)
        /// Reading cannot go on behind this place in its segment; the next segment follows.
        case damage(LogDamage)
    }

    /// The log.
    package let identity: LogIdentity
    private let storage: any LogStorage
    private var segments: ArraySlice<SegmentNumber>
    private var scanner: SegmentScanner?
    private var records: BatchView.RecordIterator?
    private var cursor: SequenceNumber

    /// Begins behind `cursor`.
    package init(_ storage: any LogStorage, after cursor: SequenceNumber) throws(LogError) {
        self.storage = storage
        self.cursor = cursor
        identity = try LogIdentity.load(from: storage)
        segments = try storage.list().compactMap(LogFileName.segment).sorted()[...]
        try skipOldSegments()
    }

    /// The next item; nil at the end.
    package mutating func next() throws(LogError) -> Item? {
        while true {
            while let record = records?.next() {
                if record.sequence > cursor { return event(record) }
            }
            records = nil
            do throws(LogScanError) {
                if let batch = try scanner?.next() {
                    if let item = take(batch) { return item }
                    continue
                }
            } catch {
                scanner = nil
                guard case .damage(let damage) = error else { throw error.logError }
                // Beside a running service retention may have taken the file away, or used it again.
                if try !isEnd(damage), try isRetained(damage.file) { return .damage(damage) }
            }
            guard let number = segments.popFirst() else { return nil }
            scanner = SegmentScanner(storage: storage, identity: identity, segment: number)
        }
    }

    private mutating func event(_ record: EventRecord) -> Item {
        cursor = record.sequence
        return .event(record)
    }

    /// A gap before or in the batch; nil when there is none. Its events follow.
    private mutating func take(_ batch: BatchView) -> Item? {
        if let lost = batch.lost, lost.upperBound > cursor {
            cursor = lost.upperBound
            return .lost(lost)
        }
        records = batch.records
        guard batch.header.count > 0, batch.header.first > cursor.next else { return nil }
        let gap = cursor.next...SequenceNumber(batch.header.first.rawValue - 1)
        cursor = gap.upperBound
        return .lost(gap)
    }

    private func isEnd(_ damage: LogDamage) throws(LogError) -> Bool {
        if damage.reason == .cutShort { return damage.offset == 0 }
        guard let number = LogFileName.segment(damage.file) else { return false }
        if let footer = try SealedSegments.footer(of: number, in: storage, identity: identity) {
            return damage.offset >= footer.batchesEnd
        }
        guard try RecoveredTail.isUnwritten(damage, storage, identity) else { return false }
        do throws(LogError) {
            try RecoveredTail.checkUnproven(damage, storage, identity, number, from: 0)
            return true
        } catch {
            guard case .damaged = error else { throw error }
            return false
        }
    }

    private func isRetained(_ file: String) throws(LogError) -> Bool { try storage.list().contains(file) }

    /// Passes over sealed segments that end at or before the cursor.
    private mutating func skipOldSegments() throws(LogError) {
        while let number = segments.first, segments.count > 1,
            let footer = try SealedSegments.footer(of: number, in: storage, identity: identity), footer.last <= cursor
        {
            segments.removeFirst()
        }
    }
}
