import FanfareBase

/// What a check of a whole data directory found.
package struct LogReport: Equatable, Sendable {
    /// Segments that were read.
    package var segments = 0
    /// Batches in them.
    package var batches = 0
    /// Events in them.
    package var events: UInt64 = 0
    /// Numbers that were given up.
    package var lost: UInt64 = 0
    /// The first number accounted for; nil when there is none.
    package var first: SequenceNumber?
    /// The last number accounted for.
    package var last: SequenceNumber?
    /// Subscriptions in the journal.
    package var subscriptions = 0
    /// Unfinished writes at an end, which the next start cuts off: no reason for concern.
    package var unfinished: [LogDamage] = []
    /// Damage. The next start refuses the directory when it is in a place it reads.
    package var damage: [LogDamage] = []
    /// Things that could not be read at all.
    package var errors: [LogError] = []

    /// Nothing is wrong but what a crash leaves.
    package var isHealthy: Bool { damage.isEmpty && errors.isEmpty }

    /// For `fanfare log verify`: 0, 65 for damage, 74 when something could not be read.
    package var exitCode: Int32 { errors.isEmpty ? (damage.isEmpty ? 0 : 65) : 74 }
}

/// Reads everything in a data directory and checks it; changes nothing. The service must not be running on it.
package struct LogVerifier {
    private let storage: any LogStorage
    private let identity: LogIdentity
    private let progress: (RecoveryProgress) -> Void
    private var report = LogReport()

    /// Checks the directory in `storage`. Never throws: what goes wrong is in the report.
    ///
    /// - Parameter progress: called before each segment.
    package static func verify(
        _ storage: any LogStorage, progress: @escaping (RecoveryProgress) -> Void = { _ in }
    ) -> LogReport {
        do throws(LogError) {
            try storage.lock()
            var verifier = LogVerifier(
                storage: storage, identity: try LogIdentity.load(from: storage), progress: progress)
            try verifier.run()
            return verifier.report
        } catch {
            var report = LogReport()
            report.note(error)
            return report
        }
    }

    private init(storage: any LogStorage, identity: LogIdentity, progress: @escaping (RecoveryProgress) -> Void) {
        self.storage = storage
        self.identity = identity
        self.progress = progress
    }

    private mutating func run() throws(LogError) {
        let names = try storage.list()
        let numbers = names.compactMap(LogFileName.segment).sorted()
        var expected: SegmentNumber?
        for (index, number) in numbers.enumerated() {
            progress(RecoveryProgress(segment: index, segments: numbers.count))
            if let expected, expected != number {
                report.damage.append(LogDamage(file: expected.fileName, offset: 0, reason: .missing))
                report.last = nil
            }
            expected = number.next
            check(number, successor: index + 1 < numbers.count ? numbers[index + 1] : nil)
        }
        let journals = names.compactMap { LogFileName.number(in: $0, prefix: LogFileName.journalPrefix) }
        checkJournal(journals.max())
    }

    private mutating func check(_ number: SegmentNumber, successor: SegmentNumber?) {
        report.segments += 1
        do throws(LogError) {
            try SegmentHeader.check(in: storage, identity: identity, segment: number)
            try scan(number, successor: successor)
        } catch {
            report.note(error)
            // What comes next has nothing to follow on.
            report.last = nil
        }
    }

    private mutating func scan(_ number: SegmentNumber, successor: SegmentNumber?) throws(LogError) {
        var scratch = DeduplicationIndex(bytesMax: 0)
        let before = report.last.map { SegmentEnd(last: $0) }
        let tail = try RecoveredTail(
            storage: storage, identity: identity, number: number, before: before, into: &scratch,
            counting: { header in
                report.count(header)
            })
        let sealed = SealedSegments(
            storage: storage, identity: identity, configuration: LogConfiguration(), now: WallTime(nanoseconds: 0))
        guard let footer = try sealed.wholeFooter(of: number) else {
            // A segment with a successor ends where the successor begins; without a footer the rest is a leftover.
            if let successor, try RecoveredTail.holdsBatch(storage, identity, successor) {
                return try tail.checkSuccessor()
            }
            if let cut = tail.cut { report.unfinished.append(cut) }
            return
        }
        // A footer says where the batches end.
        if footer.batchesEnd != tail.active.writtenBytes || footer.last != tail.last {
            let place = LogDamage(file: number.fileName, offset: tail.active.writtenBytes, reason: .notABatch)
            throw .damaged(tail.cut ?? place)
        }
    }

    private mutating func checkJournal(_ number: UInt32?) {
        do throws(LogError) {
            let journal = try JournalRecovery.read(storage, identity: identity, number: number)
            report.subscriptions = journal.state.subscriptions.count
            if let cut = journal.cut { report.unfinished.append(cut) }
        } catch {
            report.note(error)
        }
    }
}

extension LogReport {
    mutating func note(_ error: LogError) {
        if case .damaged(let damage) = error { self.damage.append(damage) } else { errors.append(error) }
    }

    mutating func count(_ header: BatchHeader) {
        batches += 1
        events += UInt64(header.count)
        if header.kind == .lost { lost += header.last.rawValue - header.first.rawValue + 1 }
        if first == nil, header.last >= header.first { first = header.first }
        last = header.last
    }
}
