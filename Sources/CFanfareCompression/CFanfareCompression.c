#include "CFanfareCompression.h"
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <zlib.h>

/// Raw DEFLATE with a window of 32 KiB.
static const int rawWindowBits = -15;
/// zlib's own default.
static const int memoryLevel = 8;
/// What ends a message on both sides and is never sent.
static const size_t tailBytes = 4;

struct fanfare_deflater {
    z_stream stream;
};

struct fanfare_inflater {
    z_stream stream;
    bool finished;
};

fanfare_deflater *fanfare_deflater_new(int level) {
    fanfare_deflater *deflater = calloc(1, sizeof *deflater);
    if (deflater == NULL) return NULL;
    if (deflateInit2(&deflater->stream, level, Z_DEFLATED, rawWindowBits, memoryLevel, Z_DEFAULT_STRATEGY) != Z_OK) {
        free(deflater);
        return NULL;
    }
    return deflater;
}

void fanfare_deflater_free(fanfare_deflater *deflater) {
    if (deflater == NULL) return;
    deflateEnd(&deflater->stream);
    free(deflater);
}

size_t fanfare_deflate_message(fanfare_deflater *deflater, const void *input, size_t count, void *output, size_t capacity) {
    z_stream *stream = &deflater->stream;
    if (count > UINT_MAX || capacity > UINT_MAX || deflateReset(stream) != Z_OK) return 0;
    stream->next_in = (Bytef *)input;
    stream->avail_in = (uInt)count;
    stream->next_out = output;
    stream->avail_out = (uInt)capacity;
    int result = deflate(stream, Z_SYNC_FLUSH);
    // All is out only if room is left: otherwise more may be waiting.
    if (result != Z_OK || stream->avail_in != 0 || stream->avail_out == 0) return 0;
    size_t produced = capacity - stream->avail_out;
    return produced > tailBytes ? produced - tailBytes : 0;
}

fanfare_inflater *fanfare_inflater_new(void) {
    fanfare_inflater *inflater = calloc(1, sizeof *inflater);
    if (inflater == NULL) return NULL;
    if (inflateInit2(&inflater->stream, rawWindowBits) != Z_OK) {
        free(inflater);
        return NULL;
    }
    return inflater;
}

void fanfare_inflater_free(fanfare_inflater *inflater) {
    if (inflater == NULL) return;
    inflateEnd(&inflater->stream);
    free(inflater);
}

void fanfare_inflater_reset(fanfare_inflater *inflater) {
    inflateReset(&inflater->stream);
    inflater->finished = false;
}

enum fanfare_inflate_state fanfare_inflate(fanfare_inflater *inflater, const void *input, size_t *count, void *output,
                                           size_t capacity, size_t *produced) {
    z_stream *stream = &inflater->stream;
    *produced = 0;
    if (*count > UINT_MAX || capacity > UINT_MAX) return FANFARE_INFLATE_INVALID;
    if (inflater->finished) fanfare_inflater_reset(inflater);
    stream->next_in = (Bytef *)input;
    stream->avail_in = (uInt)*count;
    stream->next_out = output;
    stream->avail_out = (uInt)capacity;
    int result = inflate(stream, Z_SYNC_FLUSH);
    *count = stream->avail_in;
    *produced = capacity - stream->avail_out;
    if (result == Z_STREAM_END) {
        inflater->finished = true;
        return FANFARE_INFLATE_FINISHED;
    }
    if (result != Z_OK && result != Z_BUF_ERROR) return FANFARE_INFLATE_INVALID;
    // zlib.h: 128 says between blocks, the low bits how many bits of the last byte are left.
    return (stream->data_type & 128) && (stream->data_type & 7) == 0 ? FANFARE_INFLATE_BETWEEN : FANFARE_INFLATE_WITHIN;
}
