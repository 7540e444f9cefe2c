#include "CFanfareKernel.h"
#include <errno.h>
#include <liburing.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

// Flags of setup. TASKRUN_FLAG tells whether an enter has left work undone. Not NO_SQARRAY: liburing 2.3 writes the array that is then not there.
#define SETUP_FLAGS                                                                                                    \
    (IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE           \
     | IORING_SETUP_CLAMP | IORING_SETUP_TASKRUN_FLAG)

static void *map_memory(size_t bytes) {
    void *memory = mmap(0, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? 0 : memory;
}

static int open_buffers(struct fanfare_ring *ring, unsigned count, unsigned bytes) {
    ring->buffer_count = count;
    ring->buffer_bytes = bytes;
    ring->buffer_ring_bytes = count * sizeof(struct io_uring_buf);
    ring->buffer_ring = map_memory(ring->buffer_ring_bytes);
    ring->buffer_memory = map_memory((size_t)count * bytes);
    if (!ring->buffer_ring || !ring->buffer_memory) return -ENOMEM;
    struct io_uring_buf_reg registration = {.ring_addr = (uintptr_t)ring->buffer_ring, .ring_entries = count};
    int result = io_uring_register_buf_ring(ring->uring, &registration, 0);
    if (result < 0) return result;
    for (unsigned identifier = 0; identifier < count; identifier++) fanfare_return_buffer(ring, identifier);
    fanfare_publish_buffers(ring);
    return 0;
}

int fanfare_ring_open(
    struct fanfare_ring *ring, unsigned submission_entries, unsigned completion_entries, unsigned buffer_count,
    unsigned buffer_bytes, int *failed_at_buffers) {
    memset(ring, 0, sizeof *ring);
    *failed_at_buffers = 0;
    struct io_uring_params parameters = {.flags = SETUP_FLAGS, .cq_entries = completion_entries};
    ring->uring = calloc(1, sizeof *ring->uring);
    if (!ring->uring) return -ENOMEM;
    int result = io_uring_queue_init_params(submission_entries, ring->uring, &parameters);
    if (result < 0) {
        free(ring->uring);
        return result;
    }
    ring->descriptor = ring->uring->ring_fd;
    ring->submission_head = ring->uring->sq.khead;
    ring->submission_flags = ring->uring->sq.kflags;
    ring->submission_entries = ring->uring->sq.ring_entries;
    ring->submission_mask = ring->uring->sq.ring_mask;
    ring->entries = ring->uring->sq.sqes;
    ring->completion_mask = ring->uring->cq.ring_mask;
    ring->completions = ring->uring->cq.cqes;
    ring->completion_head = ring->uring->cq.khead;
    ring->completion_tail = ring->uring->cq.ktail;
    // Entry i always lies at place i, so publishing entries is moving the tail.
    for (unsigned index = 0; index < ring->submission_entries; index++) ring->uring->sq.array[index] = index;
    if (io_uring_register_ring_fd(ring->uring) == 1) ring->enter_flags = IORING_ENTER_REGISTERED_RING;
    result = open_buffers(ring, buffer_count, buffer_bytes);
    if (result < 0) {
        *failed_at_buffers = 1;
        fanfare_ring_close(ring);
    }
    return result;
}

void fanfare_ring_close(struct fanfare_ring *ring) {
    io_uring_queue_exit(ring->uring);
    free(ring->uring);
    if (ring->buffer_ring) munmap(ring->buffer_ring, ring->buffer_ring_bytes);
    if (ring->buffer_memory) munmap(ring->buffer_memory, ring->buffer_bytes * ring->buffer_count);
}

int fanfare_ring_enter(struct fanfare_ring *ring, unsigned minimum, uint64_t timeout_nanoseconds) {
    io_uring_smp_store_release(ring->uring->sq.ktail, ring->tail);
    // GETEVENTS always: with DEFER_TASKRUN completions appear only in an enter that asks for them.
    unsigned flags = IORING_ENTER_GETEVENTS | ring->enter_flags;
    unsigned submitted = fanfare_unsubmitted_entries(ring);
    if (!minimum || timeout_nanoseconds == UINT64_MAX)
        return io_uring_enter2((unsigned)ring->uring->enter_ring_fd, submitted, minimum, flags, 0, _NSIG / 8);
    struct __kernel_timespec timeout = {
        .tv_sec = (long long)(timeout_nanoseconds / 1000000000u), .tv_nsec = (long long)(timeout_nanoseconds % 1000000000u)};
    struct io_uring_getevents_arg argument = {.ts = (uintptr_t)&timeout};
    return io_uring_enter2(
        (unsigned)ring->uring->enter_ring_fd, submitted, minimum, flags | IORING_ENTER_EXT_ARG, (sigset_t *)&argument,
        sizeof argument);
}

int fanfare_probe(uint8_t *supported, uint32_t *features) {
    struct io_uring uring;
    struct io_uring_params parameters = {0};
    int result = io_uring_queue_init_params(2, &uring, &parameters);
    if (result < 0) return result;
    *features = parameters.features;
    struct io_uring_probe *probe = io_uring_get_probe_ring(&uring);
    if (probe) {
        for (int operation = 0; operation < 256; operation++)
            supported[operation] = (uint8_t)(operation <= probe->last_op && io_uring_opcode_supported(probe, operation));
        io_uring_free_probe(probe);
    } else {
        result = -ENOMEM;
    }
    io_uring_queue_exit(&uring);
    return result;
}

int fanfare_set_stream_options(int descriptor, int unsent_low_bytes) {
    int on = 1;
    if (setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0) return -errno;
    if (setsockopt(descriptor, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent_low_bytes, sizeof unsent_low_bytes) < 0)
        return -errno;
    return 0;
}

int fanfare_open_stream_socket(int family, int unsent_low_bytes) {
    int descriptor = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (descriptor < 0) return -errno;
    if (family != AF_INET && family != AF_INET6) return descriptor;
    int result = fanfare_set_stream_options(descriptor, unsent_low_bytes);
    if (result == 0) return descriptor;
    close(descriptor);
    return result;
}

int fanfare_open_event(void) {
    int descriptor = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    return descriptor < 0 ? -errno : descriptor;
}

void fanfare_signal_event(int descriptor) { (void)eventfd_write(descriptor, 1); }

int fanfare_drain_event(int descriptor) {
    eventfd_t count;
    return eventfd_read(descriptor, &count) == 0;
}
