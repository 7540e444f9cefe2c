import FanfareServer
import Glibc
import Testing

@Suite struct DescriptorTableTests {
    /// `FDSize` of this process.
    private func tableSize() throws -> Int {
        let file = try unsafe #require(unsafe fopen("/proc/self/status", "r"))
        defer { unsafe fclose(file) }
        var line = [CChar](repeating: 0, count: 256)
        while unsafe fgets(&line, Int32(line.count), file) != nil {
            let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            let words = text.split { " \t\n".contains($0) }
            if words.first == "FDSize:" { return try #require(Int(words[1])) }
        }
        Issue.record("the kernel tells the size")
        return 0
    }

    @Test func theTableHasRoomForAllClientsBeforeTheyCome() throws {
        var limit = rlimit()
        let result = unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        #expect(result == 0)
        let count = min(3_000, Int(clamping: limit.rlim_cur))
        DescriptorTable.reserve(count)
        let size = try tableSize()
        #expect(size >= count)
        // More than the process may have is no mistake: it is as many as it may have, and not too many to make.
        DescriptorTable.reserve(.max)
        let all = try tableSize()
        #expect(all >= size)
    }
}
