import FanfareBase
import FanfareLog
import FanfareRing
import Glibc

/// Carries out what a log asks of the disk, on a real ring, as the service does.
@safe final class RingDisk {
    private let path: String
    private let directory: Int32
    private let ring: Ring
    private let operations = OperationQueue()
    private var completions = CompletionBatch()
    private var files: [LogFileID: Int32] = [:]
    private var opening: [UInt32: LogFileID] = [:]
    private var paths: [UnsafeMutablePointer<CChar>] = unsafe []

    /// The log in the directory at `path`.
    init(path: String) throws(RingError) {
        self.path = path
        directory = unsafe open(path, O_RDONLY | O_DIRECTORY)
        ring = try Ring()
    }

    /// One turn: what the log asks is submitted, and what has been done is told to it. Waits for something to be done when
    /// `waits`.
    func turn(_ log: LogWriter, waits: Bool) {
        log.flush(Clock.turn)
        while let action = log.nextAction() { perform(action) }
        let now = Clock.monotonic
        ring.enter(operations, deadline: waits ? now.advanced(byMilliseconds: 1000) : now, completions: &completions)
        operations.removeAll()
        freePaths()
        let time = Clock.turn
        for index in 0..<completions.count {
            let completion = completions[index]
            if let file = opening.removeValue(forKey: completion.token.slot), completion.result >= 0 {
                files[file] = completion.result
            }
            log.completed(LogActionID(rawValue: completion.token.slot), result: completion.result, time: time)
        }
    }

    private func perform(_ action: LogAction) {
        let token = Token(purpose: 1, generation: 0, slot: action.id.rawValue)
        switch action.kind {
        case .open(let file, let name, let create):
            opening[action.id.rawValue] = file
            let flags = O_RDWR | O_CLOEXEC | (create ? O_CREAT | O_TRUNC : 0)
            unsafe operations.append(Operation(.open, token: token, address: pointer(name), length: Int(flags)))
        case .write(let file, let address, let count, let offset, let sync):
            unsafe operations.append(
                Operation(
                    sync ? .writeAndSync : .write, descriptor: files[file] ?? -1, token: token, address: address,
                    length: count, offset: offset))
        case .sync(let file): operations.append(Operation(.sync, descriptor: files[file] ?? -1, token: token))
        case .syncDirectory: operations.append(Operation(.sync, descriptor: directory, token: token, length: 1))
        case .rename(let from, let to):
            unsafe operations.append(
                Operation(.rename, token: token, address: pointer(from), second: pointer(to)))
        case .unlink(let name): unsafe operations.append(Operation(.unlink, token: token, address: pointer(name)))
        case .close(let file):
            operations.append(Operation(.close, descriptor: files.removeValue(forKey: file) ?? -1, token: token))
        }
    }

    /// Safe: freed after the enter that submits it, which copies paths.
    private func pointer(_ name: String) -> UnsafeRawPointer {
        guard let copy = unsafe strdup("\(path)/\(name)") else { fatalError("no memory") }
        unsafe paths.append(copy)
        return UnsafeRawPointer(copy)
    }

    private func freePaths() {
        unsafe paths.forEach { unsafe free($0) }
        unsafe paths.removeAll(keepingCapacity: true)
    }
}
