import CFanfareKernel
import FanfareBase
import Glibc

/// What a ring is made with; the defaults and their reasons are in `RingLimits`.
public struct RingConfiguration: Sendable {
    /// Submission entries, rounded up to a power of two.
    public var submissionEntries = RingLimits.submissionEntries
    /// Completion entries, rounded up to a power of two; at least the submission entries.
    public var completionEntries = RingLimits.completionEntries
    /// Receive buffers; a power of two.
    public var receiveBufferCount = RingLimits.receiveBufferCount
    /// Bytes of one receive buffer.
    public var receiveBufferBytes = RingLimits.receiveBufferBytes

    /// The defaults.
    public init() {}
}

/// The driver that carries out a shard's operations by io_uring: it alone talks to the kernel on the data path.
///
/// Made, used and let go on one thread, which must outlive it (the kernel ends a thread's requests with it, and refuses
/// any other thread: IORING_SETUP_SINGLE_ISSUER). Letting go cancels what is in flight without telling.
///
/// A turn is one `enter`: one system call submits what is queued, waits, and lets the kernel finish its deferred work
/// (IORING_SETUP_DEFER_TASKRUN), whose completions are then copied into the batch. Handlers run after that, never inside.
/// Further calls are made only when more is queued than there are submission entries, while the kernel has put work off,
/// before a `shutdown`, which has no call of its own in the ring that would not cost a kernel worker, and after a
/// `writeAndSync`, which does cost one.
@safe public final class Ring {
    /// Safe, all below: allocated in init, freed in deinit, used by the owning thread only.
    @exclusivity(unchecked) let ring: UnsafeMutablePointer<fanfare_ring>
    @exclusivity(unchecked) var tracked = SlotTable<TrackedOperation>(capacity: RingLimits.trackedOperationsMax)
    @exclusivity(unchecked) var peers: [Int32] = []
    @exclusivity(unchecked) private var enters = 0
    @exclusivity(unchecked) var refusedWakes = 0
    @exclusivity(unchecked) var syncsInFlight = 0

    /// Makes a ring for this thread, or says why the system refuses one.
    public init(_ configuration: RingConfiguration = RingConfiguration()) throws(RingError) {
        let buffers = configuration.receiveBufferCount
        invariant(
            buffers > 0 && buffers <= RingLimits.receiveBufferCountMax && buffers & (buffers - 1) == 0,
            "receive buffers are a power of two up to \(RingLimits.receiveBufferCountMax)")
        unsafe ring = .allocate(capacity: 1)
        var failedAtBuffers: Int32 = 0
        let result = unsafe fanfare_ring_open(
            ring, UInt32(configuration.submissionEntries), UInt32(configuration.completionEntries), UInt32(buffers),
            UInt32(configuration.receiveBufferBytes), &failedAtBuffers)
        guard result == 0 else {
            unsafe ring.deallocate()
            let diagnosis = RingDiagnosis(errno: -result, environment: .current)
            throw failedAtBuffers == 0 ? .setup(diagnosis) : .buffers(diagnosis)
        }
    }

    deinit {
        unsafe tracked.forEach { _, operation in
            if case .connect(_, let descriptor) = operation { close(descriptor) }
        }
        unsafe fanfare_ring_close(ring)
        unsafe ring.deallocate()
    }

    /// The ring's descriptor, by which other rings wake it.
    public var descriptor: Int32 { unsafe ring.pointee.descriptor }
    /// System calls made to submit and wait: the measure of "one per turn".
    public var enterCount: Int { unsafe enters }
    /// Wakes a peer's ring refused. A full ring belongs to a thread that is awake, so none of them is waited for.
    public var refusedWakeCount: Int { unsafe refusedWakes }

    /// Names the rings that `wake` reaches: `descriptors[n]` is shard n's. They must stay open while this ring is used.
    public func setPeers(_ descriptors: [Int32]) { unsafe peers = descriptors }

    /// Submits `operations` and empties them, waits until something completed or `deadline` has come, and replaces what is
    /// in `completions` by everything that has.
    ///
    /// Without a deadline it waits as long as it takes; a deadline in the past only collects. It does not wait either when
    /// an operation was answered without the kernel. An interruption by a signal is not a completion: it waits on.
    public func enter(
        _ operations: OperationQueue, deadline: MonotonicTime?, completions: inout CompletionBatch
    ) {
        completions.removeAll()
        prepare(operations, &completions)
        repeat {
            let timeout = completions.isEmpty ? Self.timeout(until: deadline) : 0
            // The worker may have to go on, or to tell that it is done: it gets the core before the next sends do.
            if unsafe syncsInFlight > 0, timeout == 0 { sched_yield() }
            submit(waitingNanoseconds: timeout, &completions)
            collect(&completions)
            collectDeferred(&completions)
        } while completions.isEmpty && Self.timeout(until: deadline) > 0
    }

    /// Nanoseconds from now to `deadline`: `.max` without one, 0 when it has come.
    private static func timeout(until deadline: MonotonicTime?) -> UInt64 {
        guard let deadline else { return .max }
        return deadline.nanoseconds(since: Clock.monotonic)
    }

    /// Lets the kernel take every filled entry, waiting for a completion up to the given time when all are taken.
    func submit(waitingNanoseconds timeout: UInt64, _ completions: inout CompletionBatch) {
        unsafe fanfare_publish_buffers(ring)
        var waiting = timeout
        repeat {
            unsafe enters += 1
            let result = unsafe fanfare_ring_enter(ring, waiting > 0 ? 1 : 0, waiting)
            if result < 0 { afterRefusedEnter(-result) }
            // Completions make room for the rest: the kernel takes none while its overflow list is not empty, and
            // requests it has no memory for may get it from those that end.
            if unsafe fanfare_unsubmitted_entries(ring) > 0 { collect(&completions) }
            if !completions.isEmpty { waiting = 0 }
        } while unsafe fanfare_unsubmitted_entries(ring) > 0
    }

    /// Lets the kernel finish the work it has put off, of which an enter does 20 pieces at most since 6.14: a burst on many
    /// sockets is one turn of many completions, not many turns of few. (About 20 ns a completion; asking for all at once
    /// with a wait of no time puts the thread to sleep instead.)
    private func collectDeferred(_ completions: inout CompletionBatch) {
        while unsafe fanfare_has_deferred_work(ring) != 0, completions.count < RingLimits.turnCompletions {
            let count = completions.count
            submit(waitingNanoseconds: 0, &completions)
            collect(&completions)
            // Work that is added while the kernel is at it is done, and its flag left set: nothing more will come of it.
            if completions.count == count { break }
        }
    }

    /// What an enter may be refused for without harm: a signal, the time, a full completion queue, no memory just now.
    private func afterRefusedEnter(_ number: Int32) {
        switch number {
        case EINTR, ETIME, EBUSY, EAGAIN: break
        default: invariant(false, "io_uring_enter is called as it must be (errno \(number); EEXIST: not by its thread)")
        }
    }
}
