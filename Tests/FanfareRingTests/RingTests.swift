import FanfareBase
import FanfareRing
import Glibc
import Testing

@Suite struct RingTests {
    @Test func aDeadlineWithoutCompletionEndsTheWait() throws {
        let harness = try Harness()
        let before = Clock.monotonic
        #expect(harness.turn(milliseconds: 30) == [])
        #expect(Clock.monotonic.nanoseconds(since: before) >= 30_000_000)
        let entered = harness.ring.enterCount
        #expect(harness.turn(milliseconds: -1) == [])
        #expect(harness.ring.enterCount == entered + 1)
    }

    @Test func aTurnIsOneSystemCall() throws {
        let harness = try Harness()
        let (ours, theirs) = Harness.pair()
        let before = harness.ring.enterCount
        for _ in 0..<10 {
            for _ in 0..<5 { harness.ask(.send, 1, descriptor: ours, bytes: [1]) }
            #expect(harness.turn() == Array(repeating: Harness.Answer(purpose: 1, result: 1), count: 5))
        }
        #expect(harness.ring.enterCount == before + 10)
        close(ours)
        close(theirs)
    }

    @Test func moreOperationsThanEntriesAreAllCarriedOutInOrder() throws {
        let harness = try Harness()
        // Several, because one Unix socket takes no more than 278 small messages.
        let pairs = (0..<4).map { _ in Harness.pair() }
        for index in 0..<640 {
            let address = unsafe harness.keep([UInt8(truncatingIfNeeded: index)])
            unsafe harness.queue.append(
                Operation(
                    .send, descriptor: pairs[index % 4].0, token: Token(purpose: 1, generation: 0, slot: UInt32(index)),
                    address: address, length: 1))
        }
        var slots: [UInt32] = []
        for _ in 0..<100 where slots.count < 640 {
            harness.ring.enter(
                harness.queue, deadline: Clock.monotonic.advanced(byMilliseconds: 5_000), completions: &harness.batch)
            for index in 0..<harness.batch.count {
                #expect(harness.batch[index].result == 1)
                slots.append(harness.batch[index].token.slot)
            }
        }
        #expect(slots == Array(0..<640))
        for (index, pair) in pairs.enumerated() {
            let expected = stride(from: index, to: 640, by: 4).map { UInt8(truncatingIfNeeded: $0) }
            #expect(Harness.read(pair.1) == expected)
            close(pair.0)
            close(pair.1)
        }
    }

    @Test func moreCompletionsThanTheQueueHoldsAreNotLost() throws {
        let harness = try Harness()
        let event = try EventDescriptor()
        for _ in 0..<1_000 { harness.ask(.pollReadable, 1, descriptor: event.descriptor) }
        #expect(harness.turn(milliseconds: 10) == [])
        event.signal()
        #expect(harness.turns(until: 1_000).count == 1_000)
        #expect(harness.turn(milliseconds: 0) == [])
    }

    @Test func anEventSignalledByAThreadWithoutRingIsSeenAndDrained() throws {
        let harness = try Harness()
        let event = try EventDescriptor()
        #expect(!event.drain())
        harness.ask(.pollReadable, 1, descriptor: event.descriptor)
        #expect(harness.turn(milliseconds: 10) == [])
        onThread {
            usleep(10_000)
            event.signal()
            event.signal()
        }
        let answer = try #require(harness.turn().first)
        #expect(answer.purpose == 1 && answer.result & Int32(POLLIN) != 0 && !answer.more)
        #expect(event.drain())
        #expect(!event.drain())
    }

    @Test(.timeLimit(.minutes(1))) func ringsOnTwoThreadsWakeEachOtherFromSleep() throws {
        let exchange = Mailbox<Int32>(capacity: 4)
        let harness = try Harness()
        let rounds = 2_000
        let descriptor = harness.ring.descriptor
        onThread {
            do {
                let other = try Harness()
                other.ring.setPeers([descriptor, other.ring.descriptor])
                _ = exchange.push(other.ring.descriptor)
                for _ in 0..<rounds {
                    let answers = other.turn(milliseconds: nil)
                    #expect(answers == [Harness.Answer(purpose: 9, result: 0)])
                    other.ask(.wake, 0, length: 0, offset: other.token(8).rawValue)
                }
                _ = other.turn(milliseconds: 0)
            } catch {
                Issue.record(error)
                _ = exchange.push(-1)
            }
        }
        var other: Int32?
        while other == nil { other = exchange.pop() }
        try #require(other! >= 0)
        harness.ring.setPeers([descriptor, other!])
        for _ in 0..<rounds {
            harness.ask(.wake, 0, length: 1, offset: harness.token(9).rawValue)
            #expect(harness.turn(milliseconds: nil) == [Harness.Answer(purpose: 8, result: 0)])
        }
        #expect(harness.ring.refusedWakeCount == 0)
    }

    @Test func aWakeOfAClosedRingIsCountedAndHarmless() throws {
        let harness = try Harness()
        harness.ring.setPeers([harness.ring.descriptor, 1_000_000])
        harness.ask(.wake, 0, length: 1, offset: harness.token(9).rawValue)
        #expect(harness.turn(milliseconds: 10) == [])
        #expect(harness.ring.refusedWakeCount == 1)
        harness.ask(.wake, 0, length: 0, offset: harness.token(9).rawValue)
        #expect(harness.turn() == [Harness.Answer(purpose: 9, result: 0)])
    }

    @Test func thisKernelHasWhatTheDriverNeeds() throws {
        let features = try KernelFeatures.probe()
        #expect(features.missing == [])
        try features.check()
        let old = KernelFeatures(kernelRelease: "5.10.0", features: 0, operations: [])
        #expect(old.missing.contains("MSG_RING") && old.missing.contains("IORING_FEAT_EXT_ARG"))
        #expect(throws: RingError.self) { try old.check() }
    }

    private func onThread(_ body: @escaping @Sendable () -> Void) {
        let task = unsafe Unmanaged.passRetained(ThreadBody(body))
        var thread = pthread_t()
        _ = unsafe pthread_create(
            &thread, nil,
            { raw in
                unsafe Unmanaged<ThreadBody>.fromOpaque(raw!).takeRetainedValue().run()
                return nil
            }, task.toOpaque())
        pthread_detach(thread)
    }

    private final class ThreadBody: Sendable {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }
}
