// The client's side of HTTP/2 (RFC 9113) by libnghttp2, as bytes in and bytes out: requests are given as HTTP/1.1 text,
// answers are taken as events. It never sees a descriptor. The library's own header is kept out of here.
#ifndef CFANFARE_HTTP2_H
#define CFANFARE_HTTP2_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// Bytes of a field's value that are kept; a longer one is not looked at.
#define FANFARE_HTTP2_VALUE_MAX 253
/// Fields of one request, pseudo-fields included: an event's members (at most 256) in binary mode, ours, and 200 and more
/// that are configured. A request with more is not sent.
#define FANFARE_HTTP2_FIELDS_MAX 512

/// Opaque: one connection.
struct fanfare_http2;

/// The bounds of one connection.
struct fanfare_http2_limits {
    /// Bytes of one answer's body that are kept and, beyond them, read before the stream is reset.
    uint32_t kept_bytes_max;
    uint32_t read_bytes_max;
    /// Bytes of one answer's header fields. At it the stream is reset.
    uint32_t field_bytes_max;
    /// Frames that bring no answer forward (SETTINGS, PING, WINDOW_UPDATE, empty DATA …) between two answers. At it the
    /// connection ends with ENHANCE_YOUR_CALM.
    uint32_t idle_frames_max;
};

/// What became of a stream.
enum fanfare_http2_outcome {
    /// An answer: `status` decides. Complete, or as much of it as is read.
    FANFARE_HTTP2_ANSWERED = 1,
    /// The peer says that it has not looked at the request (REFUSED_STREAM, or beyond the last stream of its GOAWAY).
    FANFARE_HTTP2_UNPROCESSED = 2,
    /// The stream was reset, or its answer was malformed: `error_code` says how.
    FANFARE_HTTP2_RESET = 3,
};

/// The fields of an answer whose values are kept.
enum fanfare_http2_kept {
    FANFARE_HTTP2_RETRY_AFTER,
    FANFARE_HTTP2_ALLOWED_ORIGIN,
    FANFARE_HTTP2_ALLOWED_RATE,
    FANFARE_HTTP2_KEPT_COUNT,
};

/// The value of one, not terminated.
struct fanfare_http2_value {
    uint8_t bytes;
    uint8_t is_there;
    char text[FANFARE_HTTP2_VALUE_MAX];
};

/// A stream that is over. Its memory is freed by the next call of `fanfare_http2_next`.
struct fanfare_http2_event {
    enum fanfare_http2_outcome outcome;
    /// What the caller gave with the request.
    uint32_t token;
    /// Of the final answer; 0 when none has come.
    int32_t status;
    /// RFC 9113, section 7.
    uint32_t error_code;
    /// By `fanfare_http2_kept`.
    const struct fanfare_http2_value *values;
    /// The first bytes of the answer.
    const uint8_t *body;
    size_t body_bytes;
};

/// A client's connection whose preface waits to be sent; null when there is no memory.
struct fanfare_http2 *fanfare_http2_open(const struct fanfare_http2_limits *limits);
void fanfare_http2_close(struct fanfare_http2 *connection);

/// Takes what has arrived. False: the connection is beyond use (a violation, or a flood); send what there is and close.
bool fanfare_http2_receive(struct fanfare_http2 *connection, const uint8_t *bytes, size_t count);
/// Whether nothing more will be read: ended by either side, and said so.
bool fanfare_http2_is_over(const struct fanfare_http2 *connection);
/// The next bytes to send, valid until the next call; 0: none.
size_t fanfare_http2_send(struct fanfare_http2 *connection, const uint8_t **bytes);
/// The next stream that is over; false: none.
bool fanfare_http2_next(struct fanfare_http2 *connection, struct fanfare_http2_event *event);

/// Begins a stream with a request: an HTTP/1.1 head with names in lowercase and its body, copied. Its number, or 0 when
/// none can be begun on this connection any more.
int32_t fanfare_http2_request(
    struct fanfare_http2 *connection, const uint8_t *text, size_t count, uint32_t token);
/// Whether a text is a request that a stream can be begun with: a head as above with no more fields than are taken.
bool fanfare_http2_is_request(const uint8_t *text, size_t count);
/// Gives the stream of a request up: nothing more is heard of it.
void fanfare_http2_cancel(struct fanfare_http2 *connection, int32_t stream, uint32_t token);
/// Says goodbye (GOAWAY without error).
void fanfare_http2_goodbye(struct fanfare_http2 *connection);

/// What has come of a stream's answer, whose status has: as of one that is over, but it goes on. False: no status yet.
bool fanfare_http2_begun(struct fanfare_http2 *connection, int32_t stream, struct fanfare_http2_event *event);
/// The status of a stream's final answer so far; 0 when none has come.
int32_t fanfare_http2_status(struct fanfare_http2 *connection, int32_t stream);
/// Streams the peer allows at one time (RFC 9113, section 5.1.2); 1 before its SETTINGS, 0 after its GOAWAY.
uint32_t fanfare_http2_streams_max(const struct fanfare_http2 *connection);
/// Bytes of request bodies not sent yet.
size_t fanfare_http2_unsent(const struct fanfare_http2 *connection);

#endif
