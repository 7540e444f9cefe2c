import FanfareBase
import FanfareLog
import Glibc

/// The log, in batches of a thousand events: the sequencer (an event is deduplicated, numbered and laid into the batch), and
/// the whole of it with the batch's header, checksum and commit. The disk is one that has done everything at once.
func appending() {
    stage("Append: number an event", allocations: 8, instructions: 2_150) {
        let log = try InstantLog()
        return Stage(run: log.append, settle: log.commit)
    }

    stage("Append: commit a batch of 1,000", allocations: 32, instructions: 3_200, operationsPerRun: 1_000) {
        let log = try InstantLog()
        return Stage {
            for _ in 0..<1_000 { log.append() }
            log.commit()
        }
    }
}

/// A log whose disk answers at once and keeps nothing.
final class InstantLog {
    private let log: LogWriter
    private let event: SampleEvent
    private let time = Clock.turn

    /// A new log, made in a folder that is removed again: what is asked of the disk afterwards is not done.
    init() throws {
        var configuration = LogConfiguration()
        // Room for all that a run appends, so that none of its batches waits for another segment.
        configuration.segmentBytes = 256 << 20
        configuration.batchBytesMax = 4 << 20
        var folder = Array("/tmp/fanfare-microbench.XXXXXX".utf8CString)
        // Safe: mkdtemp changes the six X in place.
        guard unsafe mkdtemp(&folder) != nil else { fatalError("a folder cannot be made in /tmp") }
        let path = String(decoding: folder.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let storage = try FileStorage(path: path)
        let random = [UInt8](repeating: 7, count: 128)
        log = LogWriter(
            try LogRecovery.open(storage, configuration: configuration, now: time.wall, random: random),
            configuration: configuration)
        for name in try storage.list() { try storage.remove(name) }
        // Safe: the path is copied to a C string for the call.
        unsafe rmdir(path)
        event = try SampleEvent()
        commit()
    }

    /// Appends another event.
    func append() {
        event.renew()
        guard case .appended = log.append(event.record, durability: .synced, now: time.wall) else {
            fatalError("the log takes what is new")
        }
    }

    /// Commits what was appended.
    func commit() {
        repeat {
            log.flush(time)
            while let action = log.nextAction() {
                var result: Int32 = 0
                if case .write(_, address: _, let count, offset: _, sync: _) = action.kind { result = Int32(count) }
                log.completed(action.id, result: result, time: time)
            }
            while log.nextCommitted() != nil {}
        } while log.pendingBytes > 0
    }
}
