import Glibc

/// Signals taken by a thread that waits for them, instead of handlers that interrupt.
struct SignalSet: Sendable {
    /// The signals.
    let numbers: [Int32]

    /// These signals.
    init(_ numbers: [Int32]) { self.numbers = numbers }

    /// Keeps them from interrupting this thread and all that are made after it.
    func block() {
        var set = set
        unsafe pthread_sigmask(SIG_BLOCK, &set, nil)
    }

    /// Waits for one of them.
    func wait() -> Int32 {
        var set = set
        var number: Int32 = 0
        unsafe sigwait(&set, &number)
        return number
    }

    private var set: sigset_t {
        var set = sigset_t()
        unsafe sigemptyset(&set)
        for number in numbers { unsafe sigaddset(&set, number) }
        return set
    }
}

/// The thread that takes a service's signals.
enum SignalThread {
    private final class Work: Sendable {
        let signals: SignalSet
        let handle: @Sendable (Int32) -> Void

        init(_ signals: SignalSet, _ handle: @escaping @Sendable (Int32) -> Void) {
            self.signals = signals
            self.handle = handle
        }
    }

    /// Calls `handle` on a thread of its own for each of `signals`, which must be blocked.
    static func start(_ signals: SignalSet, handle: @escaping @Sendable (Int32) -> Void) {
        var thread = pthread_t()
        // Safe: the work is retained for the thread, which takes it over.
        let work = unsafe Unmanaged.passRetained(Work(signals, handle))
        _ = unsafe pthread_create(
            &thread, nil,
            { argument in
                guard let argument = unsafe argument else { return nil }
                let work = unsafe Unmanaged<Work>.fromOpaque(argument).takeRetainedValue()
                while true { work.handle(work.signals.wait()) }
            }, work.toOpaque())
    }
}
