import FanfareRing
import Synchronization

/// How other threads (signals) ask something of a loop.
package final class ClientInbox: Sendable {
    private let tasks = Mutex<[@Sendable (ClientLoop) -> Void]>([])
    let event: EventDescriptor

    /// An inbox without tasks.
    init() throws(EventDescriptor.CreationError) { event = try EventDescriptor() }

    /// Has `task` called on the loop's thread, in one of its next turns. Any thread.
    package func post(_ task: @escaping @Sendable (ClientLoop) -> Void) {
        tasks.withLock { $0.append(task) }
        event.signal()
    }

    /// Takes what was posted. The loop's thread.
    func take() -> [@Sendable (ClientLoop) -> Void] {
        event.drain()
        return tasks.withLock { tasks in
            defer { tasks.removeAll() }
            return tasks
        }
    }
}
