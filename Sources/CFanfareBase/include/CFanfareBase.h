// What the base layer needs from C: a hardware checksum, the two clocks without a detour through Foundation, and the heap.
#ifndef CFANFARE_BASE_H
#define CFANFARE_BASE_H
#include <malloc.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

/// CRC-32C (Castagnoli) of `count` bytes at `bytes`, continuing from `seed`, the checksum of the bytes before them
/// (0 at the start). Uses the processor's instruction when it has one.
uint32_t fanfare_crc32c(uint32_t seed, const void *bytes, size_t count);

/// The same without the processor's instruction: the reference the tests compare with.
uint32_t fanfare_crc32c_portable(uint32_t seed, const void *bytes, size_t count);

/// Asks the processor for the cache line at `address`, which will be read soon; any address will do.
static inline void fanfare_prefetch(const void *address) { __builtin_prefetch(address); }

/// Gives the heap's free pages back to the system (malloc_trim(3)).
static inline void fanfare_trim_heap(void) { malloc_trim(0); }

/// CLOCK_MONOTONIC in nanoseconds.
static inline uint64_t fanfare_monotonic_nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/// CLOCK_REALTIME in nanoseconds since 1970.
static inline uint64_t fanfare_wall_nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

#endif
