import FanfareBase

/// A journal that was opened: what `Journal` goes on from.
package struct RecoveredJournal: Sendable {
    /// All it says.
    package let state: JournalState
    /// Where an unfinished write was cut off; nil when there was none.
    package let cut: LogDamage?
    let identity: LogIdentity
    let number: UInt32
    let bytes: Int
}

/// Opens the journal of a data directory whose log is open (and locked).
package enum JournalRecovery {
    /// Reads the newest journal and begins a new one with what it said.
    ///
    /// Damage below what the journal says was synced is an error; an unfinished write at the end is cut off.
    package static func open(_ storage: any LogStorage, identity: LogIdentity) throws(LogError) -> RecoveredJournal {
        let names = try storage.list()
        for name in names where name.hasPrefix(LogFileName.newJournalPrefix) { try storage.remove(name) }
        let numbers = names.compactMap { LogFileName.number(in: $0, prefix: LogFileName.journalPrefix) }.sorted()
        let read = try read(storage, identity: identity, number: numbers.last)
        do throws(LogError) {
            return try begin(after: numbers, with: read, storage, identity)
        } catch {
            // A full disk must not keep the service from starting: the old journal will do when it ends cleanly.
            guard case .system(_, _, let code) = error, isShortage(code), read.cut == nil, let number = numbers.last
            else {
                throw error
            }
            try storage.sync(LogFileName.journal(number))
            return RecoveredJournal(state: read.state, cut: nil, identity: identity, number: number, bytes: read.bytes)
        }
    }

    private static func begin(
        after numbers: [UInt32], with read: Contents, _ storage: any LogStorage, _ identity: LogIdentity
    ) throws(LogError) -> RecoveredJournal {
        let number = (numbers.last ?? 0) + 1
        let snapshot = JournalFile.snapshot(of: read.state, identity: identity, number: number)
        let temporary = LogFileName.newJournal(number)
        try storage.create(temporary)
        try storage.write(temporary, at: 0, snapshot.memory.bytes(0..<snapshot.count))
        try storage.sync(temporary)
        try storage.rename(temporary, to: LogFileName.journal(number))
        // The old one goes only when the new one's name is durable.
        try storage.syncDirectory()
        for old in numbers { try storage.remove(LogFileName.journal(old)) }
        return RecoveredJournal(
            state: read.state, cut: read.cut, identity: identity, number: number, bytes: snapshot.count)
    }

    /// What a journal's file says, where an unfinished write was left, and where its last whole group ends.
    typealias Contents = (state: JournalState, cut: LogDamage?, bytes: Int)

    /// Folds journal `number`; an empty state when there is none.
    static func read(_ storage: any LogStorage, identity: LogIdentity, number: UInt32?)
        throws(LogError) -> Contents
    {
        guard let number else { return (JournalState(), nil, 0) }
        let name = LogFileName.journal(number)
        let size = Int(try storage.size(of: name))
        let memory = LogMemory(capacity: size)
        let count = try unsafe storage.read(name, at: 0, into: memory.target(0..<size))
        let file = memory.bytes(0..<count)
        var offset = 0
        do throws(LogDamage.Reason) {
            let snapshotBytes = try JournalFile.checkHeader(file, identity: identity, number: number)
            return try fold(file, snapshotBytes, name, identity, &offset)
        } catch {
            throw .damaged(LogDamage(file: name, offset: UInt64(offset), reason: error))
        }
    }

    private static func fold(
        _ file: LogBytes, _ snapshotBytes: Int, _ name: String, _ identity: LogIdentity, _ offset: inout Int
    ) throws(LogDamage.Reason) -> Contents {
        var state = JournalState()
        offset = JournalFile.headerBytes
        while offset < file.count {
            do throws(LogDamage.Reason) {
                let group = try JournalFile.checkGroup(file, at: offset, identity: identity)
                let start = offset + JournalFile.groupHeaderBytes
                guard JournalFile.fold(file.slice(start..<start + group.entryBytes), into: &state) else {
                    throw .impossibleRecord
                }
                offset += group.length
            } catch {
                // A whole group with entries that this program does not know is never an unfinished write.
                if error == .impossibleRecord || offset < snapshotBytes { throw error }
                guard !isProven(file, at: offset, identity) else { throw error }
                let rest = file.slice(offset..<file.count)
                return (state, rest.isZero ? nil : LogDamage(file: name, offset: UInt64(offset), reason: error), offset)
            }
        }
        if offset < snapshotBytes { throw .cutShort }
        return (state, nil, offset)
    }

    /// A later group says that everything up to `offset` had been synced.
    private static func isProven(_ file: LogBytes, at offset: Int, _ identity: LogIdentity) -> Bool {
        for later in stride(from: offset + 8, to: file.count - JournalFile.groupHeaderBytes + 1, by: 8)
        where file.u32(later) == JournalFile.groupMagic {
            // Whatever is wrong with it, it is no group and proves nothing.
            if let group = try? JournalFile.checkGroup(file, at: later, identity: identity),
                group.syncedBytes > UInt64(offset)
            {
                return true
            }
        }
        return false
    }
}
