import CFanfareKernel
import Glibc

/// How a thread without a ring wakes a shard: an eventfd(2) that the shard watches with `pollReadable`.
///
/// Any thread may signal; the shard drains it when the poll completes, looks at its mailboxes and polls again. Signals
/// before a drain count as one. Closed with the object, which must outlive the poll in flight.
public final class EventDescriptor: Sendable {
    /// For `Operation.pollReadable`.
    public let descriptor: Int32

    /// What can go wrong: the errno of eventfd(2), as a rule EMFILE.
    public struct CreationError: Error, Equatable {
        /// The errno.
        public let number: Int32
    }

    /// A new descriptor, not signalled.
    public init() throws(CreationError) {
        descriptor = fanfare_open_event()
        guard descriptor >= 0 else { throw CreationError(number: -descriptor) }
    }

    deinit { close(descriptor) }

    /// Makes the descriptor readable. Any thread; never blocks.
    public func signal() {
        // EAGAIN would mean 2^64 - 2 undrained signals: it is readable then too.
        fanfare_signal_event(descriptor)
    }

    /// Makes the descriptor unreadable until the next signal; says whether it was signalled. The shard only.
    @discardableResult
    public func drain() -> Bool {
        fanfare_drain_event(descriptor) != 0
    }
}
