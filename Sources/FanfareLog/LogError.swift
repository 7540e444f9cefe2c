/// Damage found in a file of the log: where, and what is wrong there.
package struct LogDamage: Error, Equatable, Sendable, CustomStringConvertible {
    /// What is wrong.
    package enum Reason: Error, Equatable, Sendable {
        /// The file ends inside something it announces.
        case cutShort
        /// The place holds no batch (no magic number).
        case notABatch
        /// The place holds no header of the kind the file's name announces.
        case notAHeader
        /// Written by a format this program does not know.
        case unknownVersion(UInt16)
        /// The header's checksum does not match.
        case headerChecksum
        /// The contents' checksum does not match.
        case bodyChecksum
        /// It belongs to another log.
        case wrongLog
        /// It belongs to another segment or another place: a misdirected write, or what an earlier file left.
        case misplaced
        /// A batch of an earlier opening follows one of a later.
        case oldGeneration
        /// A length or count that cannot be.
        case impossibleLength
        /// A record whose lengths do not agree with each other.
        case impossibleRecord
        /// Numbers do not follow on one another.
        case outOfOrder(expected: UInt64, found: UInt64)
        /// The file is not there, though others say it must be.
        case missing
    }

    /// The file's name within the directory.
    package var file: String
    /// Where in the file, in bytes.
    package var offset: UInt64
    /// What is wrong there.
    package var reason: Reason

    /// Damage at `offset` of `file`.
    package init(file: String, offset: UInt64, reason: Reason) {
        self.file = file
        self.offset = offset
        self.reason = reason
    }

    package var description: String { "\(file): offset \(offset): \(reason.explanation)" }
}

extension LogDamage.Reason {
    /// What a person reads.
    package var explanation: String {
        switch self {
        case .cutShort: "the file ends too early"
        case .notABatch: "no batch begins here"
        case .notAHeader: "no header of this kind of file is here"
        case .unknownVersion(let version): "format version \(version) is not known to this program"
        case .headerChecksum: "the header's checksum does not match"
        case .bodyChecksum: "the contents' checksum does not match"
        case .wrongLog: "this belongs to another log"
        case .misplaced: "this was written for another place"
        case .oldGeneration: "an earlier opening's batch follows a later one's"
        case .impossibleLength: "a length that cannot be"
        case .impossibleRecord: "a record whose lengths do not agree"
        case .outOfOrder(let expected, let found): "sequence \(found) stands where \(expected) belongs"
        case .missing: "the file is missing"
        }
    }
}

/// Why a log cannot be opened, read or checked.
package enum LogError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The operating system refused `operation` on `file` with the errno `code`.
    case system(operation: String, file: String, code: Int32)
    /// The directory holds damage that is not an unfinished write.
    case damaged(LogDamage)
    /// Another process has the directory open.
    case locked

    package var description: String {
        switch self {
        case .system(let operation, let file, let code): "\(operation) \(file): errno \(code)"
        case .damaged(let damage): damage.description
        case .locked: "another process has this directory open"
        }
    }

    /// The exit code sysexits(3) has for it: 65 for damage, 74 for input and output, 75 for a directory in use.
    package var exitCode: Int32 {
        switch self {
        case .system: 74
        case .damaged: 65
        case .locked: 75
        }
    }
}

/// Why the log stopped for good while running. The process must exit with 74 and recover at its next start: the kernel may
/// have dropped what a failed sync was about, so nothing is tried again.
package struct LogFailure: Error, Equatable, Sendable, CustomStringConvertible {
    /// What was being done.
    package var operation: String
    /// The file it was done to.
    package var file: String
    /// The errno.
    package var code: Int32

    package var description: String { "\(operation) \(file): errno \(code)" }
}
