import FanfareBase

/// Names one action of the log or the journal until its completion.
package struct LogActionID: Hashable, Sendable {
    /// 8 bits of purpose, 24 of counting; what fits a ring token's slot.
    package var rawValue: UInt32

    /// The action with this number.
    package init(rawValue: UInt32) { self.rawValue = rawValue }

    init(_ purpose: LogPurpose, count: UInt32) { rawValue = UInt32(purpose.rawValue) << 24 | (count & 0xFF_FFFF) }

    var purpose: LogPurpose? { LogPurpose(rawValue: UInt8(rawValue >> 24)) }
    /// The completion belongs to `Journal.completed`, not to `LogWriter.completed`.
    package var isJournal: Bool { rawValue >> 24 >= UInt32(LogPurpose.journalFirst) }
}

/// What an action is for; at most one of each is in flight, `close` excepted.
enum LogPurpose: UInt8 {
    case openActive = 1
    case batchWrite, batchSync, intervalSync, switchSync
    case preparation
    case sealWrite
    case retention
    case close
    case journalWrite = 64
    case journalSync, journalSnapshot, journalClose, journalOpen

    static let journalFirst: UInt8 = 64
}

/// One thing the log or the journal asks of the disk. The server carries it out and reports the result, once, to
/// `completed`; actions with different ids may run at the same time and finish in any order.
@safe package struct LogAction {
    /// The kinds, with their result on success; a negative errno on failure.
    @safe package enum Kind {
        /// Open `name` for reading and writing; with `create` it is made (O_CREAT | O_TRUNC). The descriptor is kept under
        /// the id until `close`. Result: anything from 0.
        case open(LogFileID, name: String, create: Bool)
        /// pwrite(2) of `count` bytes, which stay valid and unchanged until the completion; with `sync`,
        /// RWF_DSYNC: what it wrote is durable, and nothing that was written before. Result: bytes written, may be short.
        case write(LogFileID, address: UnsafeRawPointer, count: Int, offset: UInt64, sync: Bool)
        /// fdatasync(2). Result: 0.
        case sync(LogFileID)
        /// fsync(2) of the data directory. Result: 0.
        case syncDirectory
        /// renameat(2) within the data directory. Result: 0.
        case rename(from: String, to: String)
        /// unlinkat(2) within the data directory. Result: 0.
        case unlink(name: String)
        /// Close the descriptor kept under the id. Result: 0.
        case close(LogFileID)
    }

    /// To be given back with the result.
    package var id: LogActionID
    /// What to do.
    package var kind: Kind
}

/// Actions that wait for the server, in order; keeps its memory.
struct LogActionQueue {
    private var actions: [LogAction] = []
    private var head = 0
    private var count: UInt32 = 0

    mutating func add(_ purpose: LogPurpose, _ kind: LogAction.Kind) {
        count &+= 1
        actions.append(LogAction(id: LogActionID(purpose, count: count), kind: kind))
    }

    mutating func next() -> LogAction? {
        guard head < actions.count else {
            actions.removeAll(keepingCapacity: true)
            head = 0
            return nil
        }
        head += 1
        return actions[head - 1]
    }
}
