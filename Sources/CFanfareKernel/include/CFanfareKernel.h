// C shims over liburing and the few kernel constants newer than Debian's header. What runs per operation is static
// inline, so that Swift compiles it into its own loops; the rest is in CFanfareKernel.c.
//
// Only the kernel's interface is included here, not <liburing.h>: that defines _XOPEN_SOURCE, by which fd_set becomes
// another type than the one Swift's Glibc has, and a release build of a module that imports both fails.
#ifndef CFANFARE_KERNEL_H
#define CFANFARE_KERNEL_H
#include <fcntl.h>
#include <linux/fs.h> // RWF_DSYNC
#include <liburing/compat.h> // first: the next one needs its __kernel_timespec
#include <liburing/io_uring.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

struct io_uring;

/// A ring, its receive buffers and this side's copies of the queue indices.
struct fanfare_ring {
    /// liburing's part, which only CFanfareKernel.c looks into.
    struct io_uring *uring;
    int descriptor;
    /// Entries filled so far; the kernel has seen them up to the shared tail.
    unsigned tail;
    unsigned submission_mask;
    unsigned submission_entries;
    unsigned completion_mask;
    unsigned enter_flags;
    /// Entries the kernel has consumed; written by it, inside an enter only.
    const unsigned *submission_head;
    const unsigned *submission_flags;
    struct io_uring_sqe *entries;
    struct io_uring_cqe *completions;
    unsigned *completion_head;
    unsigned *completion_tail;
    struct io_uring_buf_ring *buffer_ring;
    unsigned char *buffer_memory;
    size_t buffer_ring_bytes;
    size_t buffer_bytes;
    unsigned buffer_count;
    /// Buffers given so far; the kernel has seen them up to the shared tail.
    uint16_t buffer_tail;
};

/// Makes the ring and its buffers. Returns 0, or a negative errno when nothing was made; `*failed_at_buffers` tells which
/// part was refused.
int fanfare_ring_open(
    struct fanfare_ring *ring, unsigned submission_entries, unsigned completion_entries, unsigned buffer_count,
    unsigned buffer_bytes, int *failed_at_buffers);

/// Closes the ring, which cancels what is in flight, and frees the buffers.
void fanfare_ring_close(struct fanfare_ring *ring);

/// Submits every filled entry, waits for `minimum` completions, at most `timeout_nanoseconds` (UINT64_MAX: for ever).
/// Returns how many were submitted, or a negative errno.
int fanfare_ring_enter(struct fanfare_ring *ring, unsigned minimum, uint64_t timeout_nanoseconds);

/// Marks in `supported` (256 of them) which operations this kernel knows. Returns 0 or a negative errno.
int fanfare_probe(uint8_t *supported, uint32_t *features);

/// A non-blocking stream socket with what every outgoing connection wants. Returns it, or a negative errno.
int fanfare_open_stream_socket(int family, int unsent_low_bytes);

/// Sets TCP_NODELAY and TCP_NOTSENT_LOWAT. Returns 0 or a negative errno.
int fanfare_set_stream_options(int descriptor, int unsent_low_bytes);

/// How many bytes the peer of a TCP connection has acknowledged, and how long ago it last acknowledged anything. Returns 0 or a
/// negative errno.
int fanfare_acknowledged(int descriptor, uint64_t *bytes, uint32_t *milliseconds_ago);

/// A non-blocking eventfd(2), not signalled. Returns it, or a negative errno.
int fanfare_open_event(void);

/// Adds 1 to the event's count. Never blocks.
void fanfare_signal_event(int descriptor);

/// Sets the event's count to 0; returns whether it was anything else.
int fanfare_drain_event(int descriptor);

// The submission queue

/// Entries that can be filled before the next enter.
static inline unsigned fanfare_unused_entries(const struct fanfare_ring *ring) {
    return ring->submission_entries - (ring->tail - *ring->submission_head);
}

/// Filled entries the kernel has not consumed.
static inline unsigned fanfare_unsubmitted_entries(const struct fanfare_ring *ring) {
    return ring->tail - *ring->submission_head;
}

/// The next entry to fill; one must be unused.
static inline struct io_uring_sqe *fanfare_next_entry(struct fanfare_ring *ring) {
    return &ring->entries[ring->tail++ & ring->submission_mask];
}

static inline void fanfare_fill(
    struct io_uring_sqe *entry, uint8_t opcode, int descriptor, const void *address, uint32_t length, uint64_t offset,
    uint32_t flags, uint64_t token) {
    *entry = (struct io_uring_sqe){
        .opcode = opcode, .fd = descriptor, .off = offset, .addr = (uintptr_t)address, .len = length,
        .msg_flags = flags, .user_data = token};
}

static inline void fanfare_fill_accept(struct io_uring_sqe *entry, int descriptor, uint64_t token) {
    fanfare_fill(entry, IORING_OP_ACCEPT, descriptor, 0, 0, 0, SOCK_NONBLOCK | SOCK_CLOEXEC, token);
    entry->ioprio = IORING_ACCEPT_MULTISHOT;
}

static inline void fanfare_fill_connect(
    struct io_uring_sqe *entry, int descriptor, const void *address, uint32_t length, uint64_t token) {
    fanfare_fill(entry, IORING_OP_CONNECT, descriptor, address, 0, length, 0, token);
}

static inline void fanfare_fill_receive(struct io_uring_sqe *entry, int descriptor, uint64_t token) {
    fanfare_fill(entry, IORING_OP_RECV, descriptor, 0, 0, 0, 0, token);
    entry->ioprio = IORING_RECV_MULTISHOT;
    entry->flags = IOSQE_BUFFER_SELECT;
    entry->buf_group = 0;
}

static inline void fanfare_fill_send(
    struct io_uring_sqe *entry, int descriptor, const void *address, uint32_t length, uint64_t token) {
    fanfare_fill(entry, IORING_OP_SEND, descriptor, address, length, 0, MSG_DONTWAIT | MSG_NOSIGNAL, token);
}

static inline void fanfare_fill_poll(struct io_uring_sqe *entry, int descriptor, uint32_t events, uint64_t token) {
    fanfare_fill(entry, IORING_OP_POLL_ADD, descriptor, 0, 0, 0, 0, token);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    events = events << 16 | events >> 16;
#endif
    entry->poll32_events = events;
}

static inline void fanfare_fill_cancel_descriptor(struct io_uring_sqe *entry, int descriptor, uint64_t token) {
    fanfare_fill(
        entry, IORING_OP_ASYNC_CANCEL, descriptor, 0, 0, 0, IORING_ASYNC_CANCEL_FD | IORING_ASYNC_CANCEL_ALL, token);
}

static inline void fanfare_fill_cancel(struct io_uring_sqe *entry, uint64_t cancelled, uint64_t token) {
    fanfare_fill(entry, IORING_OP_ASYNC_CANCEL, -1, (const void *)(uintptr_t)cancelled, 0, 0, 0, token);
}

static inline void fanfare_fill_close(struct io_uring_sqe *entry, int descriptor, uint64_t token) {
    fanfare_fill(entry, IORING_OP_CLOSE, descriptor, 0, 0, 0, 0, token);
}

static inline void fanfare_fill_wake(struct io_uring_sqe *entry, int ring, uint64_t message, uint64_t token) {
    fanfare_fill(entry, IORING_OP_MSG_RING, ring, 0, 0, message, 0, token);
    entry->flags = IOSQE_CQE_SKIP_SUCCESS;
}

static inline void fanfare_fill_open(struct io_uring_sqe *entry, const void *path, uint32_t flags, uint64_t token) {
    fanfare_fill(entry, IORING_OP_OPENAT, AT_FDCWD, path, 0600, 0, flags, token);
}

static inline void fanfare_fill_read(
    struct io_uring_sqe *entry, int descriptor, const void *address, uint32_t length, uint64_t offset, uint64_t token) {
    fanfare_fill(entry, IORING_OP_READ, descriptor, address, length, offset, 0, token);
}

static inline void fanfare_fill_write(
    struct io_uring_sqe *entry, int descriptor, const void *address, uint32_t length, uint64_t offset, uint64_t token) {
    fanfare_fill(entry, IORING_OP_WRITE, descriptor, address, length, offset, 0, token);
}

/// A write that completes when its bytes are durable (pwritev2(2), RWF_DSYNC). Always a kernel worker's: some file systems (XFS)
/// would begin it within the enter, and sync there.
static inline void fanfare_fill_write_and_sync(
    struct io_uring_sqe *entry, int descriptor, const void *address, uint32_t length, uint64_t offset, uint64_t token) {
    fanfare_fill(entry, IORING_OP_WRITE, descriptor, address, length, offset, RWF_DSYNC, token);
    entry->flags |= IOSQE_ASYNC;
}

static inline void fanfare_fill_sync(struct io_uring_sqe *entry, int descriptor, int data_only, uint64_t token) {
    fanfare_fill(entry, IORING_OP_FSYNC, descriptor, 0, 0, 0, data_only ? IORING_FSYNC_DATASYNC : 0, token);
}

static inline void fanfare_fill_allocate(
    struct io_uring_sqe *entry, int descriptor, uint64_t offset, uint64_t length, uint64_t token) {
    fanfare_fill(entry, IORING_OP_FALLOCATE, descriptor, (const void *)(uintptr_t)length, 0, offset, 0, token);
}

static inline void fanfare_fill_rename(
    struct io_uring_sqe *entry, const void *from, const void *to, uint64_t token) {
    fanfare_fill(
        entry, IORING_OP_RENAMEAT, AT_FDCWD, from, (uint32_t)AT_FDCWD, (uint64_t)(uintptr_t)to, 0, token);
}

static inline void fanfare_fill_unlink(struct io_uring_sqe *entry, const void *path, uint64_t token) {
    fanfare_fill(entry, IORING_OP_UNLINKAT, AT_FDCWD, path, 0, 0, 0, token);
}

// The completion queue

/// Completions that can be read now.
static inline unsigned fanfare_ready_completions(const struct fanfare_ring *ring) {
    return __atomic_load_n(ring->completion_tail, __ATOMIC_ACQUIRE) - *ring->completion_head;
}

/// Whether the kernel has done less of its deferred work than there is: since 6.14 an enter stops after 20 pieces.
static inline int fanfare_has_deferred_work(const struct fanfare_ring *ring) {
    return (__atomic_load_n(ring->submission_flags, __ATOMIC_RELAXED) & IORING_SQ_TASKRUN) != 0;
}

/// The completion `index` places behind the oldest; it must be ready.
static inline const struct io_uring_cqe *fanfare_completion(const struct fanfare_ring *ring, unsigned index) {
    return &ring->completions[(*ring->completion_head + index) & ring->completion_mask];
}

/// Gives the oldest `count` places back to the kernel.
static inline void fanfare_consume_completions(struct fanfare_ring *ring, unsigned count) {
    __atomic_store_n(ring->completion_head, *ring->completion_head + count, __ATOMIC_RELEASE);
}

// The receive buffers

/// Where buffer `identifier` begins.
static inline const void *fanfare_buffer(const struct fanfare_ring *ring, unsigned identifier) {
    return ring->buffer_memory + ring->buffer_bytes * identifier;
}

/// Gives buffer `identifier` to the kernel as of the next `fanfare_publish_buffers`.
static inline void fanfare_return_buffer(struct fanfare_ring *ring, unsigned identifier) {
    struct io_uring_buf *place = &ring->buffer_ring->bufs[ring->buffer_tail++ & (ring->buffer_count - 1)];
    place->addr = (uintptr_t)fanfare_buffer(ring, identifier);
    place->len = (uint32_t)ring->buffer_bytes;
    place->bid = (uint16_t)identifier; // not the last two bytes: in place 0 they are the ring's tail
}

/// Lets the kernel see what was returned.
static inline void fanfare_publish_buffers(struct fanfare_ring *ring) {
    __atomic_store_n(&ring->buffer_ring->tail, ring->buffer_tail, __ATOMIC_RELEASE);
}

#endif
