import FanfareBase
import Glibc
import Synchronization
import Testing

@Suite struct MailboxTests {
    @Test func aFullMailboxTakesNothingAndOrderIsKept() {
        let mailbox = Mailbox<Int>(capacity: 3)
        #expect(mailbox.capacity == 4)
        for round in 0..<5 {
            for value in 0..<4 { #expect(mailbox.push(round * 10 + value)) }
            #expect(!mailbox.push(99))
            for value in 0..<4 { #expect(mailbox.pop() == round * 10 + value) }
            #expect(mailbox.pop() == nil)
            #expect(mailbox.isEmpty)
        }
    }

    @Test func messagesNobodyTookAreReleasedWithTheMailbox() {
        final class Message: Sendable {
            let alive: Witness
            init(_ alive: Witness) { self.alive = alive }
            deinit { alive.released.add(1, ordering: .relaxed) }
        }
        final class Witness: Sendable { let released = Atomic<Int>(0) }
        let witness = Witness()
        do {
            let mailbox = Mailbox<Message>(capacity: 4)
            for _ in 0..<3 { #expect(mailbox.push(Message(witness))) }
            _ = mailbox.pop()
        }
        #expect(witness.released.load(ordering: .relaxed) == 3)
    }

    /// The consumer sleeps in a way that only a wake ends: were one lost, the test would hang.
    @Test(.timeLimit(.minutes(1))) func everyMessageArrivesInOrderAndNoWakeIsLost() async {
        final class Shared: Sendable {
            let mailbox = Mailbox<Int>(capacity: 64)
            let flag = WakeFlag()
            let wakes = Atomic<Int>(0)
            let slept = Atomic<Int>(0)
        }
        let shared = Shared()
        let total = 200_000
        async let ordered: Bool = Self.onThread {
            var expected = 0
            var inOrder = true
            while expected < total {
                while let value = shared.mailbox.pop() {
                    inOrder = inOrder && value == expected
                    expected += 1
                }
                guard expected < total else { break }
                shared.flag.prepareToSleep()
                if shared.mailbox.isEmpty {
                    let turn = shared.slept.add(1, ordering: .relaxed).newValue
                    while shared.wakes.load(ordering: .acquiring) < turn { sched_yield() }
                } else if !shared.flag.needsWake() {
                    // A producer has taken the flag down and its wake is on its way: it belongs to a sleep.
                    _ = shared.slept.add(1, ordering: .relaxed)
                }
                shared.flag.awake()
            }
            return inOrder
        }
        async let produced: Bool = Self.onThread {
            for value in 0..<total {
                while !shared.mailbox.push(value) { sched_yield() }
                if shared.flag.needsWake() { shared.wakes.add(1, ordering: .releasing) }
            }
            return true
        }
        #expect(await ordered)
        #expect(await produced)
    }

    private static func onThread(_ body: @escaping @Sendable () -> Bool) async -> Bool {
        await withCheckedContinuation { continuation in
            let task = unsafe Unmanaged.passRetained(ThreadBody { continuation.resume(returning: body()) })
            var thread = pthread_t()
            _ = unsafe pthread_create(
                &thread, nil,
                { raw in
                    unsafe Unmanaged<ThreadBody>.fromOpaque(raw!).takeRetainedValue().run()
                    return nil
                }, task.toOpaque())
            pthread_detach(thread)
        }
    }

    private final class ThreadBody: Sendable {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }
}
