// What the JSON of events needs from C: simdjson's UTF-8 validation, and looking at sixteen bytes at a time.
#ifndef CFANFARE_JSON_H
#define CFANFARE_JSON_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#if defined(__x86_64__)
#include <emmintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif
#ifdef __cplusplus
extern "C" {
#endif
bool fanfare_utf8_is_valid(const char *bytes, size_t length);
#ifdef __cplusplus
}
#endif

/// Whether `byte` ends a run of plain characters inside a JSON string: a quote, a backslash or a control character.
static inline bool fanfare_ends_plain_text(unsigned char byte) { return byte < 0x20 || byte == '"' || byte == '\\'; }

/// The place of the first quote, backslash or control character of `bytes[start..<end]`; `end` when there is none. Reads nothing
/// outside that range.
static inline size_t fanfare_plain_text_end(const unsigned char *bytes, size_t start, size_t end) {
    size_t place = start;
#if defined(__x86_64__)
    const __m128i quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\'), control = _mm_set1_epi8(0x1F);
    for (; place + 16 <= end; place += 16) {
        __m128i text = _mm_loadu_si128((const __m128i *)(const void *)(bytes + place));
        __m128i hits = _mm_or_si128(
            _mm_or_si128(_mm_cmpeq_epi8(text, quote), _mm_cmpeq_epi8(text, backslash)),
            _mm_cmpeq_epi8(_mm_min_epu8(text, control), text));
        unsigned mask = (unsigned)_mm_movemask_epi8(hits);
        if (mask) return place + (size_t)__builtin_ctz(mask);
    }
#elif defined(__aarch64__)
    const uint8x16_t quote = vdupq_n_u8('"'), backslash = vdupq_n_u8('\\'), control = vdupq_n_u8(0x20);
    for (; place + 16 <= end; place += 16) {
        uint8x16_t text = vld1q_u8(bytes + place);
        uint8x16_t hits = vorrq_u8(vorrq_u8(vceqq_u8(text, quote), vceqq_u8(text, backslash)), vcltq_u8(text, control));
        // Four bits a byte: NEON has no mask of one.
        uint64_t mask = vget_lane_u64(vreinterpret_u64_u8(vshrn_n_u16(vreinterpretq_u16_u8(hits), 4)), 0);
        if (mask) return place + (size_t)(__builtin_ctzll(mask) >> 2);
    }
#endif
    while (place < end && !fanfare_ends_plain_text(bytes[place])) place++;
    return place;
}

/// Whether all of `bytes[start..<end]` are below 0x7F: with what a JSON string may hold unescaped, printable ASCII.
static inline bool fanfare_is_printable(const unsigned char *bytes, size_t start, size_t end) {
    size_t place = start;
    // The high bit of a byte is set when it was 0x7F or more: 0x80 was set already, and 0x7F becomes it.
    for (; place + 8 <= end; place += 8) {
        uint64_t word;
        memcpy(&word, bytes + place, 8);
        if ((word | ((word & 0x7F7F7F7F7F7F7F7Fu) + 0x0101010101010101u)) & 0x8080808080808080u) return false;
    }
    for (; place < end; place++)
        if (bytes[place] >= 0x7F) return false;
    return true;
}

/// The place of the first byte of `bytes[start..<end]` that is no ASCII letter, digit, `-` or `_`; `end` when there is none.
static inline size_t fanfare_token_end(const unsigned char *bytes, size_t start, size_t end) {
    // One bit for each character, from U+0000 and from U+0040 on.
    const uint64_t low = 0x03FF200000000000u, high = 0x07FFFFFE87FFFFFEu;
    size_t place = start;
    while (place < end && bytes[place] < 0x80 && ((bytes[place] < 0x40 ? low : high) >> (bytes[place] & 63) & 1)) place++;
    return place;
}

/// Whether `count` bytes are the same. With a constant count a comparison or two.
static inline bool fanfare_are_equal(const void *left, const void *right, size_t count) {
    return memcmp(left, right, count) == 0;
}
#endif
