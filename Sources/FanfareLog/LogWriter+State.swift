import FanfareBase

/// A batch on its way to the disk.
struct BatchWrite {
    enum Phase {
        /// Write and sync in one: what came short is continued.
        case writingAndSyncing
        /// Write alone; a sync follows when `thenSync`.
        case writing(thenSync: Bool)
        case syncing
    }

    var header: BatchHeader
    var memory: LogMemory
    /// Nil for markers.
    var batch: OpenBatch?
    var done = 0
    var phase: Phase
    /// It finds out whether there is space again.
    var isProbe = false
}

/// What a sync in flight will have made durable.
struct SyncPoint {
    var through: SequenceNumber
    var bytes: UInt64
    var ceiling: SequenceNumber
}

/// A footer on its way to the disk.
struct Sealing {
    var encoded: EncodedFooter
    var segment: Segment
    var file: LogFileID
    var done = 0
}

/// Whether the disk has room.
enum Space: Equatable {
    case available
    case exhausted(retry: MonotonicTime)
    /// Being tried; whatever is written or prepared next decides.
    case probing
}

/// How far an orderly stop has come.
enum Stopping: Equatable {
    case no, draining, marking, done
}

/// What retention is doing.
enum Retention {
    case idle
    case unlinking(Segment)
    /// Its file becomes the spare one.
    case keeping(Segment)
    case syncingDirectory(keeping: SegmentNumber?)
    /// Looks again at this time.
    case waiting(retry: MonotonicTime)
    /// This one's file cannot be removed; it is tried again at this time.
    case stuck(Segment, retry: MonotonicTime)
}

/// The errnos that mean "not now": disk, quota, descriptors or memory are used up.
func isShortage(_ code: Int32) -> Bool {
    // ENOSPC, EDQUOT, EMFILE, ENFILE, ENOMEM on Linux.
    [28, 122, 24, 23, 12].contains(code)
}

/// The errnos that mean "again": EINTR and EAGAIN on Linux.
func isInterruption(_ code: Int32) -> Bool { code == 4 || code == 11 }

/// ENOENT on Linux.
let noSuchFile: Int32 = 2

/// EIO on Linux, for what should not happen: a write that takes nothing.
let inputOutputError: Int32 = 5
