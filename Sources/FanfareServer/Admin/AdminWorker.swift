import FanfareBase
import Glibc
import Synchronization

/// A thread beside the shards, for what may block or take long: reading files, judging definitions, verifying tokens. One
/// job at a time, in the order in which they were given; started with the first.
///
/// Invariant: at most `jobsMax` jobs wait; one more is refused.
package final class AdminWorker: Sendable {
    private struct State {
        var jobs: RingQueue<@Sendable () -> Void>
        var isStarted = false
    }

    private let state: Mutex<State>
    private let condition = Condition()

    /// Nothing to do yet.
    package init(jobsMax: Int) { state = Mutex(State(jobs: RingQueue(limit: jobsMax))) }

    /// Does `job` when those before it are done. Any thread; false when too many wait.
    package func submit(_ job: @escaping @Sendable () -> Void) -> Bool {
        let (isTaken, isFirst) = state.withLock { state in
            guard state.jobs.append(job) else { return (false, false) }
            defer { state.isStarted = true }
            return (true, !state.isStarted)
        }
        if isFirst { startThread() }
        condition.broadcast()
        return isTaken
    }

    private func startThread() {
        // Safe: the worker is retained for the thread, which keeps it for good.
        let worker = unsafe Unmanaged.passRetained(self)
        var thread = pthread_t()
        let result = unsafe pthread_create(
            &thread, nil,
            { argument in
                guard let argument = unsafe argument else { return nil }
                unsafe Unmanaged<AdminWorker>.fromOpaque(argument).takeUnretainedValue().work()
                return nil
            }, worker.toOpaque())
        invariant(result == 0, "the thread of administration can be created")
        pthread_detach(thread)
    }

    private func work() {
        while true {
            condition.wait { state.withLock { !$0.jobs.isEmpty } }
            if let job = state.withLock({ $0.jobs.popFirst() }) { job() }
        }
    }
}
