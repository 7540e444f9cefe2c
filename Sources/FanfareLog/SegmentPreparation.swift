import FanfareBase

/// Makes the next segment's file ready before the current one is full: made, filled with zeros, synced, named. A spare
/// file, which retention has taken from the log, only gets a new header: its blocks are there already.
///
/// Filling keeps pace with the log, and each piece is synced before the next: the disk never has a whole segment to write
/// while a batch waits for it.
///
/// Order: the name is given only when the contents are durable, and the file is used only when the name is.
struct SegmentPreparation {
    enum Step: Equatable {
        case idle
        case opening
        case filling(done: Int)
        /// Filled so far; goes on when the log has come further.
        case resting(done: Int)
        case syncing
        case renaming
        case syncingDirectory
        /// An existing file is being opened.
        case reopening
        case ready
        /// Its half-made file is being removed, to give the space back.
        case closing(code: Int32)
        case removing(code: Int32)
        case failed(code: Int32)
    }

    private(set) var step = Step.idle
    private(set) var number: SegmentNumber
    private(set) var fileBytes = 0
    /// The file's name until it has its own.
    private var source = ""
    private var fillEnd = 0
    private let zeros: LogMemory
    private let header: LogMemory
    private let identity: LogIdentity

    init(next: SegmentNumber, identity: LogIdentity) {
        number = next
        self.identity = identity
        zeros = LogMemory(capacity: LogLimits.fillBytes)
        zeros.zero(0..<LogLimits.fillBytes)
        header = LogMemory(capacity: LogLimits.blockBytes)
    }

    var file: LogFileID { LogFileID(number) }
    var isReady: Bool { step == .ready }
    var failureCode: Int32? { if case .failed(let code) = step { code } else { nil } }

    /// Begins, with the spare file when there is one of `fileBytes`; gives the first action.
    mutating func start(fileBytes: Int, reusing spare: SegmentNumber?) -> LogAction.Kind {
        self.fileBytes = fileBytes
        fillEnd = spare != nil ? LogLimits.blockBytes : fileBytes
        source = spare?.spareName ?? number.preparationName
        SegmentHeader.write(to: header, identity: identity, segment: number, isReused: spare != nil)
        step = .opening
        return .open(file, name: source, create: spare == nil)
    }

    /// Takes up a file that an earlier run prepared.
    mutating func reopen(fileBytes: Int) -> LogAction.Kind {
        self.fileBytes = fileBytes
        step = .reopening
        return .open(file, name: number.fileName, create: false)
    }

    /// After it was used: the same for the segment after it.
    mutating func advance() {
        number = number.next
        step = .idle
    }

    /// The next action, or nil when it is ready, rests at `limit` bytes or further, or has failed.
    mutating func completed(_ result: Int32, filledTo limit: Int) -> LogAction.Kind? {
        if result < 0 { return failed(-result) }
        switch step {
        case .opening:
            return fill(from: 0)
        case .filling(let done):
            guard result > 0 else { return failed(inputOutputError) }
            guard done + Int(result) < fillEnd else { return sync() }
            step = .resting(done: done + Int(result))
            return resume(filledTo: limit)
        case .syncing:
            step = .renaming
            return .rename(from: source, to: number.fileName)
        case .renaming:
            step = .syncingDirectory
            return .syncDirectory
        case .syncingDirectory, .reopening:
            step = .ready
            return nil
        case .closing(let code):
            step = .removing(code: code)
            return .unlink(name: source)
        case .removing(let code):
            step = .failed(code: code)
            return nil
        case .idle, .resting, .ready, .failed:
            invariant(false, "a preparation's completion belongs to a step in flight")
            return nil
        }
    }

    /// Goes on when it rests with less than `limit` bytes filled.
    mutating func resume(filledTo limit: Int) -> LogAction.Kind? {
        guard case .resting(let done) = step, done < limit else { return nil }
        return fill(from: done)
    }

    private mutating func fill(from done: Int) -> LogAction.Kind {
        step = .filling(done: done)
        if done < LogLimits.blockBytes {
            return unsafe .write(
                file, address: UnsafeRawPointer(header.pointer + done), count: LogLimits.blockBytes - done,
                offset: UInt64(done), sync: false)
        }
        return unsafe .write(
            file, address: UnsafeRawPointer(zeros.pointer), count: min(LogLimits.fillBytes, fillEnd - done),
            offset: UInt64(done), sync: true)
    }

    private mutating func sync() -> LogAction.Kind {
        step = .syncing
        return .sync(file)
    }

    private mutating func failed(_ code: Int32) -> LogAction.Kind? {
        switch step {
        case .filling(let done) where isInterruption(code): return fill(from: done)
        case .filling, .syncing, .renaming, .syncingDirectory:
            step = .closing(code: code)
            return .close(file)
        case .closing(let first):
            step = .removing(code: first)
            return .unlink(name: source)
        case .removing(let first): step = .failed(code: first)
        default: step = .failed(code: code)
        }
        return nil
    }
}
