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
    /// Calls `handle` on a thread of its own for each of `signals`, which must be blocked.
    static func start(_ signals: SignalSet, handle: @escaping @Sendable (Int32) -> Void) {
        WaitingThread.start { while true { handle(signals.wait()) } }
    }
}

/// The thread that waits for the end of standard input.
enum InputThread {
    /// Calls `handle` on a thread of its own when nothing more can come.
    static func start(handle: @escaping @Sendable () -> Void) {
        WaitingThread.start {
            var byte: UInt8 = 0
            while true {
                let count = unsafe read(STDIN_FILENO, &byte, 1)
                if count == 0 || count < 0 && errno != EINTR { return handle() }
            }
        }
    }
}

/// A thread that does nothing but wait.
private enum WaitingThread {
    private final class Work: Sendable {
        let run: @Sendable () -> Void

        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    /// Calls `run` on a thread of its own.
    static func start(_ run: @escaping @Sendable () -> Void) {
        var thread = pthread_t()
        // Safe: the work is retained for the thread, which takes it over.
        let work = unsafe Unmanaged.passRetained(Work(run))
        _ = unsafe pthread_create(
            &thread, nil,
            { argument in
                guard let argument = unsafe argument else { return nil }
                unsafe Unmanaged<Work>.fromOpaque(argument).takeRetainedValue().run()
                return nil
            }, work.toOpaque())
    }
}
