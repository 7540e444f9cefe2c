import Glibc

/// Threads waiting for something to become true; for starting and stopping only.
@safe final class Condition: @unchecked Sendable {
    // Sendable because the pthread objects behind the pointers are made for use from several threads.
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

    /// Nobody waits.
    init() {
        unsafe pthread_mutex_init(mutex, nil)
        unsafe pthread_cond_init(condition, nil)
    }

    deinit {
        unsafe pthread_cond_destroy(condition)
        unsafe pthread_mutex_destroy(mutex)
        unsafe condition.deallocate()
        unsafe mutex.deallocate()
    }

    /// Waits until `predicate` holds; it is looked at again after each broadcast.
    func wait(until predicate: () -> Bool) {
        unsafe pthread_mutex_lock(mutex)
        while !predicate() { unsafe pthread_cond_wait(condition, mutex) }
        unsafe pthread_mutex_unlock(mutex)
    }

    /// Makes everyone look again.
    func broadcast() {
        unsafe pthread_mutex_lock(mutex)
        unsafe pthread_cond_broadcast(condition)
        unsafe pthread_mutex_unlock(mutex)
    }
}
