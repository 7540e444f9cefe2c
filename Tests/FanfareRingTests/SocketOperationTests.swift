import FanfareBase
import FanfareRing
import Glibc
import Testing

@Suite struct SocketOperationTests {
    @Test func bytesAreEchoedThroughAcceptReceiveAndSendWithOneEnterPerTurn() throws {
        let harness = try Harness()
        let (listener, address) = try Harness.listener()
        harness.ask(.accept, 1, descriptor: listener)
        harness.queue.append(try #require(address.connect(token: harness.token(2), in: harness.region)))
        let opened = harness.turns(until: 2)
        let accepted = try #require(opened.first { $0.purpose == 1 })
        let connected = try #require(opened.first { $0.purpose == 2 })
        #expect(accepted.more)
        #expect(accepted.result > 0 && connected.result > 0)
        #expect(SocketAddress.peer(of: accepted.result) == SocketAddress.local(of: connected.result))

        harness.ask(.receive, 3, descriptor: accepted.result)
        harness.ask(.receive, 4, descriptor: connected.result)
        for round in 0..<100 {
            let message = Array("round \(round)".utf8)
            harness.ask(.send, 5, descriptor: connected.result, bytes: message)
            var answers = harness.turns(until: 2)
            #expect(answers.contains { $0.purpose == 5 && $0.result == message.count })
            #expect(answers.contains { $0.purpose == 3 && $0.bytes == message && $0.more })
            harness.ask(.send, 6, descriptor: accepted.result, bytes: message)
            answers = harness.turns(until: 2)
            #expect(answers.contains { $0.purpose == 4 && $0.bytes == message && $0.more })
        }
        harness.ask(.shutdown, 7, descriptor: connected.result)
        let ended = harness.turns(until: 3)
        #expect(ended.contains { $0.purpose == 7 && $0.result == 0 })
        #expect(ended.contains { $0.purpose == 3 && $0.result == 0 && !$0.more })
        for descriptor in [listener, accepted.result, connected.result] {
            harness.ask(.cancelDescriptor, 8, descriptor: descriptor)
            harness.ask(.close, 9, descriptor: descriptor)
        }
        let closed = harness.turns(until: 6)
        #expect(closed.count { $0.purpose == 9 && $0.result == 0 } == 3)
    }

    @Test func acceptedAndConnectedSocketsDoNotDelayAndDoNotHoard() throws {
        let harness = try Harness()
        let (listener, address) = try Harness.listener()
        harness.ask(.accept, 1, descriptor: listener)
        harness.queue.append(try #require(address.connect(token: harness.token(2), in: harness.region)))
        for answer in harness.turns(until: 2) {
            #expect(option(answer.result, TCP_NODELAY) != 0)
            #expect(option(answer.result, TCP_NOTSENT_LOWAT) == 16_384)
            #expect(fcntl(answer.result, F_GETFL) & O_NONBLOCK != 0)
            #expect(fcntl(answer.result, F_GETFD) & FD_CLOEXEC != 0)
            close(answer.result)
        }
        close(listener)
    }

    private func option(_ descriptor: Int32, _ name: Int32) -> Int32 {
        var value: Int32 = -1
        var length = socklen_t(MemoryLayout<Int32>.size)
        unsafe getsockopt(descriptor, Int32(IPPROTO_TCP), name, &value, &length)
        return value
    }

    @Test func aRefusedConnectGivesItsErrorAndLeavesNoDescriptor() throws {
        let harness = try Harness()
        let (listener, address) = try Harness.listener()
        close(listener)
        let before = descriptorCount()
        for _ in 0..<200 {
            harness.queue.append(try #require(address.connect(token: harness.token(2), in: harness.region)))
            #expect(harness.turn() == [Harness.Answer(purpose: 2, result: -ECONNREFUSED)])
        }
        // Other tests open descriptors at the same time, but not so many.
        #expect(descriptorCount() < before + 150)
    }

    private func descriptorCount() -> Int {
        (0..<1024).count { fcntl(Int32($0), F_GETFD) >= 0 }
    }

    @Test func aConnectCanBeCancelledByItsToken() throws {
        let harness = try Harness()
        // A full backlog leaves the handshake of the next one unanswered.
        let listener = try Listener.openTCP(
            address: SocketAddress(parsing: "127.0.0.1:0"), reusePort: false, backlog: 0)
        let address = try #require(SocketAddress.local(of: listener))
        for purpose in UInt8(1)...3 {
            harness.queue.append(try #require(address.connect(token: harness.token(purpose), in: harness.region)))
        }
        var answers = harness.turns(until: 1)
        let done = Set(answers.map(\.purpose))
        let pending = try #require([1, 2, 3].first { !done.contains($0) })
        harness.ask(.cancel, 9, offset: harness.token(pending).rawValue)
        for _ in 0..<10 where !answers.contains(where: { $0.purpose == pending }) { answers += harness.turn() }
        #expect(answers.contains { $0.purpose == pending && $0.result == -ECANCELED })
        #expect(answers.contains { $0.purpose == 9 && $0.result == 0 })
        harness.ask(.cancel, 9, offset: harness.token(77).rawValue)
        #expect(harness.turn() == [Harness.Answer(purpose: 9, result: -ENOENT)])
        for answer in answers where answer.purpose < 9 && answer.result > 0 { close(answer.result) }
        close(listener)
    }

    @Test func aSendToAStalledReaderComesShortThenRefusesAndPollTellsWhenToGoOn() throws {
        let harness = try Harness()
        let (ours, theirs) = Harness.pair()
        let bytes = [UInt8](repeating: 5, count: 1 << 19)
        harness.ask(.send, 1, descriptor: ours, bytes: bytes)
        let first = try #require(harness.turn().first)
        #expect(first.result > 0 && first.result < bytes.count)
        harness.ask(.send, 1, descriptor: ours, bytes: [1])
        #expect(harness.turn() == [Harness.Answer(purpose: 1, result: -EAGAIN)])
        harness.ask(.pollWritable, 2, descriptor: ours)
        #expect(harness.turn(milliseconds: 20) == [])
        var taken = 0
        while true {
            let more = Harness.read(theirs)
            if more.isEmpty { break }
            taken += more.count
        }
        #expect(taken == Int(first.result))
        let answer = try #require(harness.turn().first)
        #expect(answer.purpose == 2 && answer.result & Int32(POLLOUT) != 0 && !answer.more)
        harness.ask(.send, 3, descriptor: ours, bytes: [1, 2])
        #expect(harness.turn() == [Harness.Answer(purpose: 3, result: 2)])
        close(ours)
        close(theirs)
    }

    @Test func aSendToAClosedPeerIsAnErrorNotASignal() throws {
        let harness = try Harness()
        let (ours, theirs) = Harness.pair()
        close(theirs)
        harness.ask(.send, 1, descriptor: ours, bytes: [1])
        #expect(harness.turn() == [Harness.Answer(purpose: 1, result: -EPIPE)])
        close(ours)
    }

    @Test func whenBuffersRunOutNothingIsLostAndReceivingGoesOnOnceTheyAreBack() throws {
        let harness = try Harness()
        let (ours, theirs) = Harness.pair()
        let sent = (0..<40 * 1024).map { UInt8(truncatingIfNeeded: $0 / 1024) }
        Harness.write(theirs, sent)
        harness.ask(.receive, 1, descriptor: ours)
        var received: [Harness.Answer] = []
        for _ in 0..<100 where received.last?.result != -ENOBUFS { received += harness.turn(keeping: true) }
        #expect(received.last == Harness.Answer(purpose: 1, result: -ENOBUFS, more: false))
        let held = received.compactMap(\.bufferID)
        #expect(Set(held).count == 16)
        for identifier in held { harness.returnBuffer(identifier) }
        harness.ask(.receive, 1, descriptor: ours)
        var bytes = received.flatMap { $0.bytes ?? [] }
        for _ in 0..<100 where bytes.count < sent.count {
            for answer in harness.turn() {
                bytes += answer.bytes ?? []
                if !answer.more { harness.ask(.receive, 1, descriptor: ours) }
            }
        }
        #expect(bytes == sent)
        close(ours)
        close(theirs)
    }

    @Test func cancellingADescriptorEndsEverythingOnItBeforeTheClose() throws {
        let harness = try Harness()
        let (ours, theirs) = Harness.pair()
        harness.ask(.receive, 1, descriptor: ours)
        harness.ask(.pollReadable, 2, descriptor: ours)
        #expect(harness.turn(milliseconds: 10) == [])
        harness.ask(.cancelDescriptor, 3, descriptor: ours)
        harness.ask(.close, 4, descriptor: ours)
        let answers = harness.turns(until: 4)
        #expect(answers.contains { $0.purpose == 1 && $0.result == -ECANCELED && !$0.more })
        #expect(answers.contains { $0.purpose == 2 && $0.result == -ECANCELED })
        #expect(answers.contains { $0.purpose == 3 && $0.result == 2 })
        #expect(answers.contains { $0.purpose == 4 && $0.result == 0 })
        #expect(Harness.read(theirs) == [])
        close(theirs)
    }

    @Test func aShutdownOfOurSideLeavesTheOtherOpen() throws {
        let harness = try Harness()
        let (ours, theirs) = Harness.pair()
        harness.queue.append(Operation(.shutdown, descriptor: ours, token: harness.token(1), length: 1))
        #expect(harness.turns(until: 1).contains { $0.purpose == 1 && $0.result == 0 })
        #expect(Harness.read(theirs) == [])
        harness.ask(.receive, 2, descriptor: ours)
        harness.ask(.send, 3, descriptor: theirs, bytes: [7])
        let answers = harness.turns(until: 2)
        #expect(answers.contains { $0.purpose == 2 && $0.bytes == [7] && $0.more })
        close(ours)
        close(theirs)
    }

    @Test func aShutdownComesAfterTheSendsQueuedBeforeIt() throws {
        let harness = try Harness()
        let (ours, theirs) = Harness.pair()
        harness.ask(.send, 1, descriptor: ours, bytes: [1, 2, 3])
        harness.ask(.shutdown, 2, descriptor: ours)
        harness.ask(.shutdown, 3, descriptor: 1_000_000)
        let answers = harness.turns(until: 3)
        #expect(answers.contains { $0.purpose == 1 && $0.result == 3 })
        #expect(answers.contains { $0.purpose == 2 && $0.result == 0 })
        #expect(answers.contains { $0.purpose == 3 && $0.result == -EBADF })
        #expect(Harness.read(theirs) == [1, 2, 3])
        close(ours)
        close(theirs)
    }
}
