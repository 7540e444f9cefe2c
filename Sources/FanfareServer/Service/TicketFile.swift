import FanfareTLS
import Glibc

/// The keys of TLS session tickets in the data directory, so that clients resume at any shard and after a restart.
///
/// Whoever has them reads the sessions resumed with them: the file is readable for the service only, replaced when it is not,
/// and its keys are rotated. Blocking: for start and the thread of administration.
struct TicketFile: Sendable {
    /// Seconds for which a key encrypts new tickets; those of the two keys before it are still accepted.
    static let rotationSeconds = 12 * 3_600
    /// Milliseconds between looks at whether it is time.
    static let checkMilliseconds = 600_000

    private let path: String

    /// The file in the folder `directory`.
    init(directory: String) { path = "\(directory)/tls-tickets" }

    /// The keys to use from now on; rotated, and stored, when it is time. Those that cannot be stored are good until the
    /// service ends, which `report` is told.
    func keys(now: Int, report: (String) -> Void) -> TLSTicketKeys {
        let (stored, written) = load()
        if let stored, now >= written, now - written < Self.rotationSeconds { return stored }
        let keys = stored?.rotated() ?? TLSTicketKeys()
        if !store(keys) {
            report("\(path): TLS ticket keys cannot be stored (errno \(errno)): clients resume until the next restart")
        }
        return keys
    }

    /// The keys, and when they were written; nil when there are none, others may read them, or they are damaged.
    private func load() -> (TLSTicketKeys?, Int) {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else { return (nil, 0) }
        defer { close(descriptor) }
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_mode & 0o077 == 0
        else {
            return (nil, 0)
        }
        var bytes = [UInt8](repeating: 0, count: 512)
        // Safe: read(2) writes at most the array's count.
        let count = unsafe read(descriptor, &bytes, bytes.count)
        guard count > 0 else { return (nil, 0) }
        do throws(TLSError) {
            return (try TLSTicketKeys(serialised: Array(bytes[..<count])), status.st_mtim.tv_sec)
        } catch {
            return (nil, 0)
        }
    }

    /// Written beside and renamed, so that a crash leaves the old keys or the new ones.
    private func store(_ keys: TLSTicketKeys) -> Bool {
        let temporary = path + ".new"
        unsafe unlink(temporary)
        let descriptor = unsafe open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        let bytes = keys.serialised
        // Safe: the array has as many bytes as write(2) is told.
        let isWritten = unsafe write(descriptor, bytes, bytes.count) == bytes.count
        return unsafe isWritten && fsync(descriptor) == 0 && rename(temporary, path) == 0
    }
}

extension Shard {
    /// Looks, on shard 0, whether ticket keys are to be rotated, and has all shards use them; again in a while.
    func rotateTicketKeys() {
        _ = timers.insert(
            deadline: time.monotonic.advanced(byMilliseconds: TicketFile.checkMilliseconds), key: .tickets)
        let (service, now) = (service, Int(time.wall.seconds))
        // When too much waits for the thread, the next look comes in time.
        _ = service.worker.submit {
            let keys = TicketFile(directory: service.configuration.dataDirectory).keys(now: now) { service.report($0) }
            for inbox in service.inboxes {
                inbox.post(
                    ShardTask { shard in for listener in shard.listeners { listener.tls?.replaceTicketKeys(keys) } })
            }
        }
    }
}
