import FanfareBase
import Synchronization

/// Memory of large batches that is kept for the next ones: memory fresh from the system costs a page fault every 4 KiB, more
/// than filling it does.
///
/// Batches are let go by whichever shard holds them last, hence the lock; it is taken a few times a large batch.
@safe final class LogMemoryPool: Sendable {
    /// One piece of memory nobody uses.
    @safe private struct Spare: @unchecked Sendable {
        var pointer: UnsafeMutableRawPointer
        var capacity: Int
    }

    private let spares = Mutex<[Spare]>([])

    deinit {
        spares.withLock { spares in
            for spare in spares { unsafe spare.pointer.deallocate() }
        }
    }

    /// Memory for at least `capacity` bytes, a multiple of a block, and at most twice as many; nil when there is none.
    func take(_ capacity: Int) -> (pointer: UnsafeMutableRawPointer, capacity: Int)? {
        guard capacity >= LogLimits.spareBytesMin else { return nil }
        return unsafe spares.withLock { spares in
            guard let index = spares.lastIndex(where: { $0.capacity >= capacity && $0.capacity / 2 <= capacity }) else {
                return nil
            }
            let spare = spares.remove(at: index)
            return unsafe (spare.pointer, spare.capacity)
        }
    }

    /// Keeps memory that nobody uses any more, or frees it; frees the oldest when it keeps too much.
    func give(_ pointer: UnsafeMutableRawPointer, _ capacity: Int) {
        guard capacity >= LogLimits.spareBytesMin, capacity <= LogLimits.spareBytesMax else {
            return unsafe pointer.deallocate()
        }
        let spare = unsafe Spare(pointer: pointer, capacity: capacity)
        let surplus = spares.withLock { spares in
            spares.append(spare)
            var surplus: [Spare] = []
            while spares.reduce(0, { $0 + $1.capacity }) > LogLimits.spareBytesMax {
                surplus.append(spares.removeFirst())
            }
            return surplus
        }
        // Not under the lock: the log waits for it.
        for spare in surplus { unsafe spare.pointer.deallocate() }
    }
}
