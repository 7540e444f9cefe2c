import ArgumentParser
import FanfareBase
import FanfareEvent
import FanfareLog
import Glibc

/// What the log does with a disk, without a service around it. `Benchmarks/log.sh` runs it.
@main struct LogBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "logbench", abstract: "Fills logs and measures how fast they are written.",
        subcommands: [Fill.self, Commit.self])
}

/// Events as the service decodes them. Decoding is done once for each topic; from event to event only the identity changes.
@safe struct EventSource {
    private let staging = RecordStaging()
    private let records: [UnsafeMutableRawPointer]
    private var count = UInt64.random(in: 0...UInt64.max / 2)

    /// Events with `dataBytes` of data on `topics` topics in turn.
    init(dataBytes: Int, topics: Int) throws {
        let decoder = EventDecoder()
        let context = PublishContext(hashKey: HashKey(low: 1, high: 2))
        let pad = String(repeating: "x", count: max(0, dataBytes - 2))
        for topic in 0..<topics {
            let json =
                "{\"specversion\":\"1.0\",\"id\":\"1234567\",\"source\":\"/bench\",\"type\":\"fill.topic\(topic)\",\"data\":\"\(pad)\"}"
            try decoder.decodeStructured(Array(json.utf8).span, context, into: staging)
        }
        var records: [UnsafeMutableRawPointer] = unsafe []
        staging.forEach { record in
            // Safe: the staging's memory is ours and does not move any more.
            unsafe records.append(UnsafeMutableRawPointer(mutating: record.bytes.baseAddress!))
        }
        unsafe self.records = unsafe records
    }

    /// Appends events of together at least `bytes` to `log`.
    mutating func append(bytes: Int, to log: LogWriter, durability: Durability, now: WallTime) throws {
        var appended = 0
        while appended < bytes {
            let start = unsafe records[Int(count % UInt64(records.count))]
            count += 1
            // The deduplication key stands at 24.
            unsafe start.storeBytes(of: count &* 0x9E37_79B9_7F4A_7C15, toByteOffset: 24, as: UInt64.self)
            unsafe start.storeBytes(of: count, toByteOffset: 32, as: UInt64.self)
            let record = unsafe EventRecord(at: UnsafeRawPointer(start))
            appended += unsafe record.bytes.count
            let result = log.append(record, durability: durability, now: now)
            guard case .appended = result else { throw ValidationError("the log refused an event: \(result)") }
        }
    }
}

/// Opens a log in a directory and the disk it is on.
func openLog(_ directory: String, _ configuration: LogConfiguration) throws -> (log: LogWriter, disk: RingDisk) {
    let storage = try FileStorage(path: directory)
    let random = [UInt8]((0..<128).map { _ in UInt8.random(in: 0...255) })
    let recovered = try LogRecovery.open(storage, configuration: configuration, now: Clock.wall, random: random)
    return (LogWriter(recovered, configuration: configuration), try RingDisk(path: directory))
}

/// `logbench fill`: a log of a given size.
struct Fill: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Make a log of a size, as the service would have.")

    @Argument(help: "The data directory; made when it is not there.")
    var directory: String
    @Option(help: "MiB of segments.")
    var mebibytes = 1024
    @Option(help: "Events at most; 0 for as many as fit.")
    var events = 0
    @Option(help: "Bytes of data of an event.")
    var dataBytes = 200
    @Option(help: "Topics, used in turn.")
    var topics = 100
    @Option(help: "Seconds over which the events' times are spread, up to now.")
    var span = 0

    func run() throws {
        var configuration = LogConfiguration()
        configuration.retentionBytes = .max
        configuration.retentionAgeSeconds = 10 * 365 * 86_400
        let (log, disk) = try openLog(directory, configuration)
        var source = try EventSource(dataBytes: dataBytes, topics: topics)
        let wanted = UInt64(mebibytes) << 20
        let end = Clock.wall.nanoseconds
        var written: UInt64 = 0
        while written < wanted, events == 0 || log.committedThrough.rawValue < UInt64(events) {
            let spread = UInt64(span) * 1_000_000_000
            let age = spread - UInt64(Double(spread) * Double(written) / Double(wanted))
            let bytes = 1 << 20
            try source.append(bytes: bytes, to: log, durability: .written, now: WallTime(nanoseconds: end - age))
            written += UInt64(bytes)
            repeat { disk.turn(log, waits: log.pendingBytes > 8 << 20) } while log.pendingBytes > 8 << 20
            while log.nextCommitted() != nil {}
            if let failure = log.failure { throw ValidationError("\(failure)") }
        }
        log.stop()
        while !log.isStopped, log.failure == nil { disk.turn(log, waits: true) }
        print("\(log.committedThrough.rawValue) events")
    }
}

/// `logbench commit`: how many MB a second the log makes durable.
struct Commit: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write and sync batches of a size as fast as the log can; print MB/s of batches.")

    @Argument(help: "The data directory; made when it is not there.")
    var directory: String
    @Option(help: "KiB of a batch.")
    var kibibytes = 64
    @Option(help: "Seconds.")
    var seconds = 3

    func run() throws {
        var configuration = LogConfiguration()
        configuration.batchBytesMax = kibibytes << 10
        configuration.retentionBytes = 192 << 20
        let (log, disk) = try openLog(directory, configuration)
        var source = try EventSource(dataBytes: 900, topics: 100)
        let start = Clock.monotonic.nanoseconds
        let first = log.committedThrough
        var bytes: UInt64 = 0
        var batches = 0
        while Clock.monotonic.nanoseconds < start + UInt64(seconds) * 1_000_000_000 {
            // The next batch is on its way before more is made: the disk need not wait for that.
            disk.turn(log, waits: false)
            let missing = 2 * configuration.batchBytesMax - log.pendingBytes
            if missing > 0 { try source.append(bytes: missing, to: log, durability: .synced, now: Clock.wall) }
            disk.turn(log, waits: true)
            while let batch = log.nextCommitted() {
                batches += 1
                bytes += UInt64(batch.length)
            }
            if let failure = log.failure { throw ValidationError("\(failure)") }
        }
        let spent = Double(Clock.monotonic.nanoseconds - start) / 1e9
        log.stop()
        while !log.isStopped, log.failure == nil { disk.turn(log, waits: true) }
        let rate = Double(bytes) / 1e6 / spent
        print("\(rate) MB/s \(batches) batches \(log.syncedThrough.rawValue - first.rawValue) events")
    }
}
