import FanfareBase
import FanfareRing
import Glibc
import Synchronization

/// The thread of one shard: its ring, and the loop that turns operations into kernel calls and back. Created once; it ends
/// only with the service, since requests in flight die with the thread that submitted them (FACTS).
final class ShardThread: Sendable {
    /// What a thread is given to build its shard with; used once, on that thread.
    struct Work: Sendable {
        let number: Int
        let context: ServiceContext
        let makeShard: @Sendable (TurnTime) -> Shard
        let rendezvous: Rendezvous
    }

    private let thread: pthread_t

    /// Starts the thread.
    init(_ work: Work) {
        let box = unsafe Unmanaged.passRetained(Box(work))
        var thread = pthread_t()
        var attributes = pthread_attr_t()
        unsafe pthread_attr_init(&attributes)
        unsafe pthread_attr_setstacksize(&attributes, Self.stackBytes)
        // Safe: the box is retained for the thread, which takes it over.
        let result = unsafe pthread_create(
            &thread, &attributes,
            { argument in
                guard let argument = unsafe argument else { return nil }
                let work = unsafe Unmanaged<Box>.fromOpaque(argument).takeRetainedValue().work
                ShardThread.run(work)
                return nil
            }, box.toOpaque())
        invariant(result == 0, "a shard's thread can be created")
        self.thread = thread
    }

    /// Waits until the thread has ended.
    func join() { pthread_join(thread, nil) }

    /// Bytes of stack: JSON nests 512 deep.
    private static let stackBytes = 8 << 20

    private final class Box {
        let work: Work
        init(_ work: Work) { self.work = work }
    }

    private static func run(_ work: Work) {
        let ring: Ring
        do throws(RingError) {
            var configuration = RingConfiguration()
            configuration.receiveBufferCount = Limits.receiveBuffersPerShard
            ring = try Ring(configuration)
        } catch {
            work.rendezvous.failed("\(error)")
            return
        }
        guard let descriptors = work.rendezvous.arrive(work.number, descriptor: ring.descriptor) else { return }
        ring.setPeers(descriptors)
        loop(work, ring)
    }

    private static func loop(_ work: Work, _ ring: Ring) {
        // What shard 0 restores, every shard answers from: nobody serves before it is there.
        if work.number > 0 { work.rendezvous.waitForOwner() }
        let shard = work.makeShard(Clock.turn)
        if work.number == 0 { work.rendezvous.ownerIsBuilt() }
        let flag = work.context.mail.flag(of: work.number)
        var completions = CompletionBatch()
        shard.start()
        var deadline: MonotonicTime? = MonotonicTime(nanoseconds: 0)
        while work.context.state != .stopped {
            flag.prepareToSleep()
            if work.context.mail.hasMail(for: work.number) { deadline = MonotonicTime(nanoseconds: 0) }
            ring.enter(shard.operations, deadline: deadline, completions: &completions)
            flag.awake()
            deadline = shard.turn(completions, time: Clock.turn)
        }
        work.rendezvous.ended()
    }
}

/// Where the threads of a service meet at its start: all rings exist before the first shard may wake another.
final class Rendezvous: Sendable {
    private struct State {
        var descriptors: [Int32]
        var arrived = 0
        var running: Int
        var isOwnerBuilt = false
        var failure: String?
    }

    private let state: Mutex<State>
    private let condition = Condition()

    /// A meeting of `count` threads.
    init(count: Int) {
        state = Mutex(State(descriptors: Array(repeating: -1, count: count), running: count))
    }

    /// A thread's ring is there; waits for the others. Nil when one of them failed.
    func arrive(_ number: Int, descriptor: Int32) -> [Int32]? {
        state.withLock { state in
            state.descriptors[number] = descriptor
            state.arrived += 1
        }
        condition.broadcast()
        return wait()
    }

    /// Shard 0 has restored what all shards answer from.
    func ownerIsBuilt() {
        state.withLock { $0.isOwnerBuilt = true }
        condition.broadcast()
    }

    /// Waits until shard 0 has restored what all shards answer from.
    func waitForOwner() { condition.wait { state.withLock { $0.isOwnerBuilt } } }

    /// A thread has no ring: the service cannot start.
    func failed(_ message: String) {
        state.withLock { $0.failure = message }
        condition.broadcast()
    }

    /// A thread's loop is over.
    func ended() {
        state.withLock { $0.running -= 1 }
        condition.broadcast()
    }

    /// Waits until all have arrived; nil when one has failed.
    func wait() -> [Int32]? {
        condition.wait { state.withLock { $0.failure != nil || $0.arrived == $0.descriptors.count } }
        return state.withLock { $0.failure == nil ? $0.descriptors : nil }
    }

    /// What kept a thread from starting.
    var failure: String? { state.withLock { $0.failure } }

    /// Waits until all threads have ended.
    func waitForEnd() { condition.wait { state.withLock { $0.running <= 0 } } }
}
