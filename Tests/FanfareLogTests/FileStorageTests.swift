import FanfareBase
import FanfareLog
import Testing

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

@Suite struct FileStorageTests {
    private func withDirectory(_ body: (String) throws -> Void) throws {
        let path = "/tmp/fanfare-log-\(getpid())-\(UInt32.random(in: 0 ... .max))"
        defer {
            if let storage = try? FileStorage(path: path), let names = try? storage.list() {
                for name in names { try? storage.remove(name) }
            }
            unsafe rmdir(path)
        }
        try body(path)
    }

    @Test func aLogOnDiskIsOpenedOnceAtATimeAndReadBack() throws {
        try withDirectory { path in
            let configuration = LogHarness.small()
            let now = WallTime(nanoseconds: 1_800_000_000_000_000_000)
            do {
                let storage = try FileStorage(path: path)
                let recovered = try LogRecovery.open(
                    storage, configuration: configuration, now: now, random: LogHarness.random)
                #expect(recovered.report.isNew)
                let other = try FileStorage(path: path)
                #expect(throws: LogError.locked) {
                    _ = try LogRecovery.open(other, configuration: configuration, now: now, random: LogHarness.random)
                }
                withExtendedLifetime(storage) {}
            }
            let storage = try FileStorage(path: path)
            let recovered = try LogRecovery.open(
                storage, configuration: configuration, now: now, random: LogHarness.random)
            #expect(!recovered.report.isNew)
            #expect(recovered.generation == 2)
            #expect(recovered.identity.log == LogID(1_800_000_000))
            _ = try JournalRecovery.open(storage, identity: recovered.identity)
            #expect(
                try storage.list().sorted() == ["identity", "journal-0000000001", "lock", "segment-0000000001.log"])
        }
    }

    @Test func errorsNameOperationFileAndCode() throws {
        try withDirectory { path in
            let storage = try FileStorage(path: path)
            #expect(throws: LogError.system(operation: "look at", file: "absent", code: 2)) {
                try storage.size(of: "absent")
            }
            #expect(throws: LogError.system(operation: "remove", file: "absent", code: 2)) {
                try storage.remove("absent")
            }
            #expect(LogVerifier.verify(storage).exitCode == 74)
        }
    }
}
