import CFanfareKernel
import Glibc

/// How a thread without a ring wakes a shard: an eventfd(2) that the shard watches with `pollReadable`.
///
/// Any thread may signal; the shard drains it when the poll completes, looks at its mailboxes and polls again. Signals
/// before a drain count as one. Closed with the object, which must outlive the poll in flight.
package final class EventDescriptor: Sendable {
    /// For `Operation.pollReadable`.
    package let descriptor: Int32

    /// What can go wrong: the errno of eventfd(2), as a rule EMFILE.
    package struct CreationError: Error, Equatable {
        /// The errno.
        package let number: Int32
    }

    /// A new descriptor, not signalled.
    package init() throws(CreationError) {
        descriptor = fanfare_open_event()
        guard descriptor >= 0 else { throw CreationError(number: -descriptor) }
    }

    deinit { close(descriptor) }

    /// Makes the descriptor readable. Any thread; never blocks.
    package func signal() {
        // EAGAIN would mean 2^64 - 2 undrained signals: it is readable then too.
        fanfare_signal_event(descriptor)
    }

    /// Makes the descriptor unreadable until the next signal; says whether it was signalled. The shard only.
    @discardableResult
    package func drain() -> Bool {
        fanfare_drain_event(descriptor) != 0
    }
}
