import FanfareBase
import FanfareRing
import Synchronization

/// How threads that are not shards (names, signals, configuration) give a shard something to do. Never on the data path.
final class ThreadInbox: Sendable {
    private let tasks = Mutex<[ShardTask]>([])
    private let event: EventDescriptor

    /// An inbox with an eventfd of its own.
    init(event: EventDescriptor) { self.event = event }

    /// What the shard polls.
    var descriptor: Int32 { event.descriptor }

    /// Gives the shard something to do and wakes it. Any thread.
    func post(_ task: ShardTask) {
        tasks.withLock { $0.append(task) }
        event.signal()
    }

    /// What was posted. The shard's thread.
    func take() -> [ShardTask] {
        event.drain()
        return tasks.withLock { tasks in
            defer { tasks = [] }
            return tasks
        }
    }
}
