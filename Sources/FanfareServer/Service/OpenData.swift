import FanfareBase
import FanfareLog
import FanfareTLS
import Glibc
import Synchronization

/// The data directory, opened: the log and the journal as recovery left them. Handed to the thread of shard 0 once.
final class OpenData: Sendable {
    /// What the log is.
    let identity: LogIdentity
    /// Its segments.
    let catalog: SegmentCatalog
    /// What opening found.
    let report: RecoveryReport
    /// Where it is.
    let path: String
    /// The directory itself, for syncing it.
    let descriptor: Int32
    private let parts: Mutex<Parts?>

    /// What belongs to the log's owner alone.
    struct Parts: @unchecked Sendable {
        // Sendable because it is taken once, by the thread that then owns it.
        let writer: LogWriter
        let journal: Journal
        let storage: any LogStorage
    }

    /// Opens the directory of `configuration`, making it when it is not there.
    convenience init(
        _ configuration: Configuration, _ now: WallTime, progress: @escaping (RecoveryProgress) -> Void
    ) throws(Service.StartError) {
        let path = configuration.dataDirectory
        let storage: FileStorage
        do throws(LogError) { storage = try FileStorage(path: path) } catch { throw Self.failure(path, error) }
        let descriptor = unsafe open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        if descriptor < 0 { throw Service.StartError("\(path): errno \(errno)", exitCode: EX.io) }
        let random = (0..<LogIdentity.keyMaterialBytes + 4).map { _ in UInt8.random(in: .min ... .max) }
        try self.init(configuration, storage: storage, descriptor: descriptor, now, random: random, progress: progress)
    }

    /// Opens the log and the journal in `storage`, which is the configuration's directory; operations name it by
    /// `descriptor`. A new log's keys are made of `random`.
    init(
        _ configuration: Configuration, storage: any LogStorage, descriptor: Int32, _ now: WallTime, random: [UInt8],
        progress: @escaping (RecoveryProgress) -> Void = { _ in }
    ) throws(Service.StartError) {
        path = configuration.dataDirectory
        self.descriptor = descriptor
        do throws(LogError) {
            let recovered = try LogRecovery.open(
                storage, configuration: configuration.logConfiguration, now: now, random: random,
                progress: progress)
            identity = recovered.identity
            catalog = recovered.catalog
            report = recovered.report
            let journal = Journal(try JournalRecovery.open(storage, identity: recovered.identity))
            let writer = LogWriter(recovered, configuration: configuration.logConfiguration)
            parts = Mutex(Parts(writer: writer, journal: journal, storage: storage))
        } catch {
            throw Self.failure(path, error)
        }
    }

    private static func failure(_ path: String, _ error: LogError) -> Service.StartError {
        Service.StartError("\(path): \(error)", exitCode: error.exitCode)
    }

    /// The owner's parts; once.
    func take() -> Parts {
        parts.withLock { parts in
            guard let taken = parts else { fatalError("the log has one owner") }
            parts = nil
            return taken
        }
    }
}

extension Configuration {
    /// The log's settings in the log's terms.
    var logConfiguration: LogConfiguration {
        var log = LogConfiguration()
        log.segmentBytes = self.log.segmentBytes
        log.retentionAgeSeconds = UInt64(self.log.retention.ageMilliseconds / 1_000)
        log.retentionBytes = UInt64(self.log.retention.sizeBytes)
        log.deduplicationWindowSeconds = UInt64(self.log.deduplicationWindowMilliseconds / 1_000)
        log.deduplicationBytesMax = limits.memoryBytes / 16
        return log
    }
}
