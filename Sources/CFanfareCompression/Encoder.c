#include "CFanfareCompression.h"
#include <limits.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

/// DEFLATE with a window of 32 KiB in gzip's wrapping (RFC 1952).
static const int gzipWindowBits = 15 + 16;
/// zlib's own default.
static const int memoryLevel = 8;

// One of the two, the other null.
struct fanfare_encoder {
    z_stream *gzip;
    ZSTD_CCtx *zstd;
    int level;
};

fanfare_encoder *fanfare_encoder_new(enum fanfare_coding coding, int level) {
    fanfare_encoder *encoder = calloc(1, sizeof *encoder);
    if (encoder == NULL) return NULL;
    encoder->level = level;
    if (coding == FANFARE_CODING_ZSTD) {
        encoder->zstd = ZSTD_createCCtx();
        if (encoder->zstd != NULL) return encoder;
    } else {
        z_stream *stream = calloc(1, sizeof *stream);
        if (stream != NULL &&
            deflateInit2(stream, level, Z_DEFLATED, gzipWindowBits, memoryLevel, Z_DEFAULT_STRATEGY) == Z_OK) {
            encoder->gzip = stream;
            return encoder;
        }
        free(stream);
    }
    free(encoder);
    return NULL;
}

void fanfare_encoder_free(fanfare_encoder *encoder) {
    if (encoder == NULL) return;
    if (encoder->gzip != NULL) deflateEnd(encoder->gzip);
    free(encoder->gzip);
    ZSTD_freeCCtx(encoder->zstd);
    free(encoder);
}

size_t fanfare_encode(fanfare_encoder *encoder, const void *input, size_t count, void *output, size_t capacity) {
    if (encoder->zstd != NULL) {
        size_t result = ZSTD_compressCCtx(encoder->zstd, output, capacity, input, count, encoder->level);
        return ZSTD_isError(result) ? 0 : result;
    }
    z_stream *stream = encoder->gzip;
    if (count > UINT_MAX || capacity > UINT_MAX || deflateReset(stream) != Z_OK) return 0;
    stream->next_in = (Bytef *)input;
    stream->avail_in = (uInt)count;
    stream->next_out = output;
    stream->avail_out = (uInt)capacity;
    return deflate(stream, Z_FINISH) == Z_STREAM_END ? capacity - stream->avail_out : 0;
}
