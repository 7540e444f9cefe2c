// CRC-32C with the processor's instruction, three streams at a time. The instruction takes three cycles but one can start
// in each, so three independent pieces run at once and are then joined: the checksum of A followed by n zero bytes is a
// linear function of A's, kept as four tables of 256 (the method of Mark Adler's crc32c.c).
#include "CFanfareBase.h"
#include <string.h>

#define POLYNOMIAL 0x82f63b78u // reflected, RFC 3720 appendix B.4
#define LONG_BYTES 4096
#define SHORT_BYTES 256

static uint32_t byte_tables[8][256];
static uint32_t long_shift[4][256];
static uint32_t short_shift[4][256];
static uint32_t (*chosen)(uint32_t, const unsigned char *, size_t);

static inline uint64_t load64(const unsigned char *at) {
    uint64_t word;
    memcpy(&word, at, sizeof word);
    return word;
}

// Eight bytes a step through eight tables; `crc` is already inverted.
static uint32_t portable(uint32_t crc, const unsigned char *at, size_t count) {
    while (count >= 8) {
        uint64_t word = load64(at);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
        word = __builtin_bswap64(word);
#endif
        word ^= crc;
        crc = byte_tables[7][word & 0xff] ^ byte_tables[6][(word >> 8) & 0xff] ^ byte_tables[5][(word >> 16) & 0xff]
            ^ byte_tables[4][(word >> 24) & 0xff] ^ byte_tables[3][(word >> 32) & 0xff]
            ^ byte_tables[2][(word >> 40) & 0xff] ^ byte_tables[1][(word >> 48) & 0xff] ^ byte_tables[0][word >> 56];
        at += 8;
        count -= 8;
    }
    while (count--) crc = (crc >> 8) ^ byte_tables[0][(crc ^ *at++) & 0xff];
    return crc;
}

static inline uint32_t shift(const uint32_t table[4][256], uint32_t crc) {
    return table[0][crc & 0xff] ^ table[1][(crc >> 8) & 0xff] ^ table[2][(crc >> 16) & 0xff] ^ table[3][crc >> 24];
}

#if defined(__x86_64__)
#include <nmmintrin.h>
#define HARDWARE __attribute__((target("sse4.2")))
#define STEP8(crc, word) ((uint32_t)_mm_crc32_u64((crc), (word)))
#define STEP1(crc, byte) _mm_crc32_u8((crc), (byte))
static int has_hardware(void) { __builtin_cpu_init(); return __builtin_cpu_supports("sse4.2"); }
#elif defined(__aarch64__)
#include <arm_acle.h>
#include <sys/auxv.h>
#ifndef HWCAP_CRC32
#define HWCAP_CRC32 (1 << 7)
#endif
#define HARDWARE __attribute__((target("crc")))
#define STEP8(crc, word) __crc32cd((crc), (word))
#define STEP1(crc, byte) __crc32cb((crc), (byte))
static int has_hardware(void) { return (getauxval(AT_HWCAP) & HWCAP_CRC32) != 0; }
#endif

#ifdef HARDWARE
#define THREE_STREAMS(bytes, table)                                                                                    \
    while (count >= 3 * (bytes)) {                                                                                     \
        uint32_t second = 0, third = 0;                                                                                \
        const unsigned char *end = at + (bytes);                                                                       \
        do {                                                                                                           \
            crc = STEP8(crc, load64(at));                                                                              \
            second = STEP8(second, load64(at + (bytes)));                                                              \
            third = STEP8(third, load64(at + 2 * (bytes)));                                                            \
            at += 8;                                                                                                   \
        } while (at < end);                                                                                            \
        crc = shift(table, crc) ^ second;                                                                              \
        crc = shift(table, crc) ^ third;                                                                               \
        at += 2 * (bytes);                                                                                             \
        count -= 3 * (bytes);                                                                                          \
    }

HARDWARE static uint32_t hardware(uint32_t crc, const unsigned char *at, size_t count) {
    THREE_STREAMS(LONG_BYTES, long_shift)
    THREE_STREAMS(SHORT_BYTES, short_shift)
    while (count >= 8) {
        crc = STEP8(crc, load64(at));
        at += 8;
        count -= 8;
    }
    while (count--) crc = STEP1(crc, *at++);
    return crc;
}
#endif

// Fills `table` with the effect of `zeros` zero bytes on each byte of a checksum.
static void fill_shift(uint32_t table[4][256], size_t zeros) {
    uint32_t bits[32];
    for (int bit = 0; bit < 32; bit++) {
        uint32_t crc = 1u << bit;
        for (size_t index = 0; index < zeros; index++) crc = (crc >> 8) ^ byte_tables[0][crc & 0xff];
        bits[bit] = crc;
    }
    for (int place = 0; place < 4; place++)
        for (int byte = 0; byte < 256; byte++) {
            uint32_t crc = 0;
            for (int bit = 0; bit < 8; bit++)
                if (byte >> bit & 1) crc ^= bits[8 * place + bit];
            table[place][byte] = crc;
        }
}

// Before main, so that no call has to ask whether the tables are there (under 1 ms), and before other constructors.
__attribute__((constructor(101))) static void prepare(void) {
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t crc = byte;
        for (int bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >> 1) ^ POLYNOMIAL : crc >> 1;
        byte_tables[0][byte] = crc;
    }
    for (int place = 1; place < 8; place++)
        for (int byte = 0; byte < 256; byte++) {
            uint32_t crc = byte_tables[place - 1][byte];
            byte_tables[place][byte] = (crc >> 8) ^ byte_tables[0][crc & 0xff];
        }
    chosen = portable;
#ifdef HARDWARE
    if (has_hardware()) {
        fill_shift(long_shift, LONG_BYTES);
        fill_shift(short_shift, SHORT_BYTES);
        chosen = hardware;
    }
#endif
}

uint32_t fanfare_crc32c(uint32_t seed, const void *bytes, size_t count) { return ~chosen(~seed, bytes, count); }

uint32_t fanfare_crc32c_portable(uint32_t seed, const void *bytes, size_t count) {
    return ~portable(~seed, bytes, count);
}
