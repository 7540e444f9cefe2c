// zlib as RFC 7692 needs it: whole messages without context takeover, raw DEFLATE in memory; and whole bodies of HTTP
// messages in the content codings gzip and zstd.
#ifndef CFANFARE_COMPRESSION_H
#define CFANFARE_COMPRESSION_H
#include <stddef.h>
#include <stdint.h>

/// A compressor with the largest window; NULL when there is no memory.
typedef struct fanfare_deflater fanfare_deflater;
fanfare_deflater *fanfare_deflater_new(int level);
void fanfare_deflater_free(fanfare_deflater *deflater);

/// Compresses `count` bytes at `input` as one message (section 7.2.1): the 00 00 FF FF at the end is left out. The same
/// bytes give the same result every time. Returns the length, 0 when it would exceed `capacity`.
size_t fanfare_deflate_message(fanfare_deflater *deflater, const void *input, size_t count, void *output, size_t capacity);

/// A decompressor; NULL when there is no memory.
typedef struct fanfare_inflater fanfare_inflater;
fanfare_inflater *fanfare_inflater_new(void);
void fanfare_inflater_free(fanfare_inflater *inflater);

/// Forgets everything: a new message begins.
void fanfare_inflater_reset(fanfare_inflater *inflater);

/// Where a decompressor stands.
enum fanfare_inflate_state {
    /// What came cannot be DEFLATE.
    FANFARE_INFLATE_INVALID = -1,
    /// Within a block.
    FANFARE_INFLATE_WITHIN = 0,
    /// Between two blocks, at a byte's beginning: a message may end here once its tail has been taken.
    FANFARE_INFLATE_BETWEEN = 1,
    /// Behind a final block (section 7.2.3.4); what follows begins anew.
    FANFARE_INFLATE_FINISHED = 2,
};

/// Takes `*count` bytes at `input` as far as `capacity` bytes of room at `output` allow. Leaves in `*count` how many were
/// not taken, in `*produced` how many were written.
enum fanfare_inflate_state fanfare_inflate(fanfare_inflater *inflater, const void *input, size_t *count, void *output,
                                           size_t capacity, size_t *produced);

/// A content coding of HTTP (RFC 9110, section 8.4.1; RFC 8878).
enum fanfare_coding {
    FANFARE_CODING_GZIP = 1,
    FANFARE_CODING_ZSTD = 2,
};

/// An encoder of whole bodies; NULL when there is no memory.
typedef struct fanfare_encoder fanfare_encoder;
fanfare_encoder *fanfare_encoder_new(enum fanfare_coding coding, int level);
void fanfare_encoder_free(fanfare_encoder *encoder);

/// Encodes `count` bytes at `input`. Returns the length, 0 when it would exceed `capacity`.
size_t fanfare_encode(fanfare_encoder *encoder, const void *input, size_t count, void *output, size_t capacity);

#endif
