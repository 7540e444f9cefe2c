import FanfareBase
import FanfareServer
import Glibc
import Testing

/// The one suite that touches real files: what the process's own surroundings say about them.
@Suite struct ConfigurationFileTests {
    /// A new empty folder.
    private func makeFolder() throws -> String {
        var template = Array("/tmp/fanfare-configuration-XXXXXX".utf8CString)
        let made = unsafe template.withUnsafeMutableBufferPointer { unsafe mkdtemp($0.baseAddress!) != nil }
        try #require(made)
        return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    private func write(_ text: String, to path: String) throws {
        guard let file = unsafe fopen(path, "w") else {
            Issue.record("\(path) cannot be written")
            return
        }
        let bytes = Array(text.utf8)
        let written = unsafe fwrite(bytes, 1, bytes.count, file)
        #expect(written == bytes.count)
        unsafe fclose(file)
    }

    @Test func filesFoldersAndWhatIsNeither() throws {
        let folder = try makeFolder()
        defer { unsafe _ = rmdir(folder) }
        let path = folder + "/a.json"
        let process = Surroundings.process
        #expect(process.file(path) == .failure(.missing))
        #expect(process.names(folder) == .success([]))
        #expect(process.names(path) == .failure(.missing))
        let text = String(repeating: "{} ", count: 50_000)
        try write(text, to: path)
        defer { unsafe _ = unlink(path) }
        #expect(process.file(path) == .success(Array(text.utf8)))
        #expect(process.names(folder) == .success(["a.json"]))
        #expect(process.names(path) == .failure(.notAFile))
        #expect(process.file(folder) == .failure(.notAFile))
        #expect(process.file("/dev/zero") == .failure(.notAFile))
        #expect(process.file(path + "/b") == .failure(.missing))
        try write(String(repeating: " ", count: Surroundings.fileBytesMax + 1), to: path)
        #expect(process.file(path) == .failure(.tooLarge))
        #expect(process.variable("FANFARE_SURELY_NOT_SET") == nil)
        #expect(process.variable("PATH") != nil)
    }

    @Test func aConfigurationOnDiskIsRead() throws {
        let folder = try makeFolder()
        let path = folder + "/fanfare.json"
        try write(#"{"drain": "3s"}"#, to: path)
        defer {
            unsafe _ = unlink(path)
            unsafe _ = rmdir(folder)
        }
        let loaded = try ConfigurationReader.read(path)
        #expect(loaded.configuration.drainMilliseconds == 3000)
        #expect(loaded.configuration.dataDirectory == folder + "/data")
        #expect(loaded.configuration.subscriptionsDirectory == folder + "/subscriptions.d")
        #expect(loaded.files == [path])
    }
}
