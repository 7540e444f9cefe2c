import FanfareBase
import FanfareRing
import Glibc
import Testing

@Suite struct FileOperationTests {
    @Test func aFileIsAllocatedWrittenSyncedReadRenamedAndUnlinked() throws {
        let harness = try Harness()
        let directory = Harness.directory()
        let (old, new) = (directory + "/old", directory + "/new")
        harness.ask(.open, 1, bytes: harness.path(old), length: Int(O_CREAT | O_RDWR))
        let descriptor = try #require(harness.turn().first).result
        #expect(descriptor > 0)
        #expect(fcntl(descriptor, F_GETFD) & FD_CLOEXEC != 0)
        harness.ask(.allocate, 2, descriptor: descriptor, length: 8192)
        #expect(harness.turn() == [Harness.Answer(purpose: 2, result: 0)])
        harness.ask(.writeAndSync, 3, descriptor: descriptor, bytes: Array("durable".utf8), offset: 4096)
        #expect(harness.turn() == [Harness.Answer(purpose: 3, result: 7)])
        harness.ask(.write, 4, descriptor: descriptor, bytes: Array("written".utf8), offset: 0)
        #expect(harness.turn() == [Harness.Answer(purpose: 4, result: 7)])
        harness.ask(.sync, 5, descriptor: descriptor)
        harness.ask(.sync, 6, descriptor: descriptor, length: 1)
        #expect(harness.turns(until: 2).allSatisfy { $0.result == 0 })
        harness.ask(.read, 7, descriptor: descriptor, bytes: [UInt8](repeating: 0, count: 16), offset: 4096)
        #expect(harness.turn() == [Harness.Answer(purpose: 7, result: 16)])
        #expect(unsafe Array(harness.region.bytes.suffix(16).prefix(7)) == Array("durable".utf8))
        harness.ask(.rename, 8, bytes: harness.path(old), second: new)
        #expect(harness.turn() == [Harness.Answer(purpose: 8, result: 0)])
        harness.ask(.open, 9, bytes: harness.path(old), length: Int(O_RDONLY))
        #expect(harness.turn() == [Harness.Answer(purpose: 9, result: -ENOENT)])
        harness.ask(.unlink, 10, bytes: harness.path(new))
        #expect(harness.turn() == [Harness.Answer(purpose: 10, result: 0)])
        harness.ask(.close, 11, descriptor: descriptor)
        #expect(harness.turn() == [Harness.Answer(purpose: 11, result: 0)])
        #expect(unsafe rmdir(directory) == 0)
    }

    @Test func aFailedWriteIsTheResult() throws {
        let harness = try Harness()
        let descriptor = unsafe open("/dev/null", O_RDONLY)
        harness.ask(.writeAndSync, 1, descriptor: descriptor, bytes: [1, 2])
        harness.ask(.writeAndSync, 2, descriptor: -1, bytes: [1, 2])
        let answers = harness.turns(until: 2)
        #expect(answers == [Harness.Answer(purpose: 1, result: -EBADF), Harness.Answer(purpose: 2, result: -EBADF)])
        #expect(harness.turn(milliseconds: 0) == [])
        close(descriptor)
    }

    @Test func aShortWriteTellsItsCount() throws {
        let harness = try Harness()
        let (ours, theirs) = Harness.pair()
        let bytes = [UInt8](repeating: 1, count: 1 << 19)
        harness.ask(.writeAndSync, 1, descriptor: ours, bytes: bytes)
        let answer = try #require(harness.turn().first)
        #expect(answer.result > 0 && answer.result < bytes.count)
        #expect(Harness.read(theirs).count == Int(answer.result))
        close(ours)
        close(theirs)
    }

    @Test func manyWritesWithSyncInFlightKeepTheirResultsApart() throws {
        let harness = try Harness()
        let directory = Harness.directory()
        harness.ask(.open, 1, bytes: harness.path(directory + "/file"), length: Int(O_CREAT | O_RDWR))
        let descriptor = try #require(harness.turn().first).result
        // 300 through a queue of 64.
        for index in 0..<300 {
            let bytes = [UInt8](repeating: UInt8(truncatingIfNeeded: index), count: index + 1)
            let address = unsafe harness.keep(bytes)
            unsafe harness.queue.append(
                Operation(
                    .writeAndSync, descriptor: descriptor, token: Token(purpose: 3, generation: 0, slot: UInt32(index)),
                    address: address, length: bytes.count, offset: UInt64(index) * 512))
        }
        var results: [UInt32: Int32] = [:]
        for _ in 0..<1_000 where results.count < 300 {
            harness.ring.enter(
                harness.queue, deadline: Clock.monotonic.advanced(byMilliseconds: 5_000), completions: &harness.batch)
            for index in 0..<harness.batch.count {
                results[harness.batch[index].token.slot] = harness.batch[index].result
            }
        }
        #expect(results == Dictionary(uniqueKeysWithValues: (0..<300).map { (UInt32($0), Int32($0) + 1) }))
        close(descriptor)
        _ = unsafe unlink(directory + "/file")
        _ = unsafe rmdir(directory)
    }
}
