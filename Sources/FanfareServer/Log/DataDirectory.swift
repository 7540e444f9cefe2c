import FanfareBase
import FanfareLog
import FanfareRing

/// Carries out what the log and the journal ask: names become paths and descriptors, actions become operations.
final class DataDirectory {
    private let path: String
    private let descriptor: Int32
    private var files: [LogFileID: Int32] = [:]
    private var opening: [UInt32: LogFileID] = [:]

    /// The directory at `path`, opened as `descriptor` for syncing it.
    init(path: String, descriptor: Int32) {
        self.path = path
        self.descriptor = descriptor
    }

    /// Queues the operation for `action`.
    func perform(_ action: LogAction, _ shard: Shard) {
        let token = Token(.log, slot: action.id.rawValue)
        switch action.kind {
        case .open(let file, let name, let create):
            opening[action.id.rawValue] = file
            let flags = OpenFlags.readWrite | (create ? OpenFlags.createTruncated : 0)
            unsafe shard.operations.append(
                Operation(.open, token: token, address: shard.paths.pointer("\(path)/\(name)"), length: Int(flags)))
        case .write(let file, let address, let count, let offset, let sync):
            unsafe shard.operations.append(
                Operation(
                    sync ? .writeAndSync : .write, descriptor: files[file] ?? -1, token: token, address: address,
                    length: count, offset: offset))
        case .sync(let file):
            shard.operations.append(Operation(.sync, descriptor: files[file] ?? -1, token: token))
        case .syncDirectory:
            shard.operations.append(Operation(.sync, descriptor: descriptor, token: token, length: 1))
        case .rename(let from, let to):
            unsafe shard.operations.append(
                Operation(
                    .rename, token: token, address: shard.paths.pointer("\(path)/\(from)"),
                    second: shard.paths.pointer("\(path)/\(to)")))
        case .unlink(let name):
            unsafe shard.operations.append(
                Operation(.unlink, token: token, address: shard.paths.pointer("\(path)/\(name)")))
        case .close(let file):
            shard.operations.append(Operation(.close, descriptor: files.removeValue(forKey: file) ?? -1, token: token))
        }
    }

    /// An action has been carried out: a file that was opened is known from here on.
    func completed(_ id: LogActionID, result: Int32) {
        if let file = opening.removeValue(forKey: id.rawValue), result >= 0 { files[file] = result }
    }
}
