#include "CFanfareHTTP2.h"

#include <nghttp2/nghttp2.h>
#include <stdlib.h>
#include <string.h>

// One request and what has come of it. In the list of those that are over from when its outcome is known.
struct stream {
    struct stream *previous;
    struct stream *next;
    struct stream *next_over;
    uint32_t token;
    uint32_t error_code;
    int32_t status;
    // Of an answer not known to be final yet.
    int32_t coming_status;
    enum fanfare_http2_outcome outcome;
    // The stream is closed: the session points here no more.
    bool is_closed;
    // Its outcome has been given out, or nobody wants it.
    bool is_told;
    // It has been in the list of those that are over, and is not any more.
    bool is_given;
    uint32_t field_bytes;
    uint32_t read_bytes;
    uint32_t kept_bytes;
    struct fanfare_http2_value values[FANFARE_HTTP2_KEPT_COUNT];
    uint8_t *kept;
    size_t sent_bytes;
    size_t body_bytes;
    uint8_t body[];
};

struct fanfare_http2 {
    nghttp2_session *session;
    struct fanfare_http2_limits limits;
    // All there are.
    struct stream *first;
    struct stream *first_over;
    struct stream *last_over;
    // Given out by the last call of `next`.
    struct stream *told;
    size_t unsent_bytes;
    uint32_t idle_frames;
    bool has_settings;
    bool has_goaway;
};

static void stream_free(struct fanfare_http2 *connection, struct stream *stream) {
    if (stream->previous != NULL) stream->previous->next = stream->next;
    else connection->first = stream->next;
    if (stream->next != NULL) stream->next->previous = stream->previous;
    free(stream->kept);
    free(stream);
}

// The stream's outcome is known: the caller will hear of it once.
static void stream_over(struct fanfare_http2 *connection, struct stream *stream, enum fanfare_http2_outcome outcome) {
    if (stream->outcome != 0 || stream->is_told) return;
    stream->outcome = outcome;
    stream->next_over = NULL;
    if (connection->last_over != NULL) connection->last_over->next_over = stream;
    else connection->first_over = stream;
    connection->last_over = stream;
    if (outcome == FANFARE_HTTP2_ANSWERED) connection->idle_frames = 0;
}

static struct stream *stream_of(struct fanfare_http2 *connection, int32_t id) {
    return id == 0 ? NULL : nghttp2_session_get_stream_user_data(connection->session, id);
}

// MARK: Callbacks

static ssize_t on_read_body(nghttp2_session *session, int32_t id, uint8_t *target, size_t room, uint32_t *flags,
                            nghttp2_data_source *source, void *context) {
    (void)session, (void)id;
    struct fanfare_http2 *connection = context;
    struct stream *stream = source->ptr;
    size_t count = stream->body_bytes - stream->sent_bytes;
    if (count > room) count = room;
    memcpy(target, stream->body + stream->sent_bytes, count);
    stream->sent_bytes += count;
    connection->unsent_bytes -= count;
    if (stream->sent_bytes == stream->body_bytes) *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)count;
}

// A promise follows a request, and a request our SETTINGS, which want none (RFC 9113, sections 6.5.2 and 8.4): no peer that
// keeps to the protocol sends one, whether it has acknowledged them or not.
static int on_begin_frame(nghttp2_session *session, const nghttp2_frame_hd *head, void *context) {
    (void)context;
    if (head->type != NGHTTP2_PUSH_PROMISE) return 0;
    nghttp2_session_terminate_session(session, NGHTTP2_PROTOCOL_ERROR);
    return NGHTTP2_ERR_CALLBACK_FAILURE;
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *context) {
    (void)session;
    struct fanfare_http2 *connection = context;
    struct stream *stream = stream_of(connection, frame->hd.stream_id);
    if (stream != NULL) stream->coming_status = 0;
    return 0;
}

// Keeps the value of a field that is looked at.
static void keep(struct stream *stream, const uint8_t *name, size_t name_bytes, const uint8_t *value, size_t value_bytes) {
    static const char *const names[FANFARE_HTTP2_KEPT_COUNT] = {
        [FANFARE_HTTP2_RETRY_AFTER] = "retry-after",
        [FANFARE_HTTP2_ALLOWED_ORIGIN] = "webhook-allowed-origin",
        [FANFARE_HTTP2_ALLOWED_RATE] = "webhook-allowed-rate",
    };
    if (value_bytes > FANFARE_HTTP2_VALUE_MAX) return;
    for (int kind = 0; kind < FANFARE_HTTP2_KEPT_COUNT; kind++) {
        if (strlen(names[kind]) != name_bytes || memcmp(name, names[kind], name_bytes) != 0) continue;
        struct fanfare_http2_value *kept = &stream->values[kind];
        if (kept->is_there) return;
        memcpy(kept->text, value, value_bytes);
        kept->bytes = (uint8_t)value_bytes;
        kept->is_there = true;
    }
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_bytes,
                     const uint8_t *value, size_t value_bytes, uint8_t flags, void *context) {
    (void)session, (void)flags;
    struct fanfare_http2 *connection = context;
    struct stream *stream = stream_of(connection, frame->hd.stream_id);
    if (stream == NULL) return 0;
    stream->field_bytes += (uint32_t)(name_bytes + value_bytes + 32);
    if (stream->field_bytes > connection->limits.field_bytes_max) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    if (name_bytes == 7 && memcmp(name, ":status", 7) == 0 && value_bytes == 3) {
        // The library has checked that it is three digits.
        stream->coming_status = (value[0] - '0') * 100 + (value[1] - '0') * 10 + (value[2] - '0');
        if (stream->coming_status >= 200 && stream->status == 0) stream->status = stream->coming_status;
    } else if (stream->coming_status >= 200) {
        // Neither of an interim answer nor of trailers.
        keep(stream, name, name_bytes, value, value_bytes);
    }
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *bytes, size_t count,
                   void *context) {
    (void)flags;
    struct fanfare_http2 *connection = context;
    struct stream *stream = stream_of(connection, id);
    if (stream == NULL || stream->outcome != 0) return 0;
    stream->read_bytes += (uint32_t)count;
    size_t room = connection->limits.kept_bytes_max - stream->kept_bytes;
    if (room > 0 && count > 0) {
        if (count < room) room = count;
        if (stream->kept == NULL) stream->kept = malloc(connection->limits.kept_bytes_max);
        if (stream->kept == NULL) return NGHTTP2_ERR_CALLBACK_FAILURE;
        memcpy(stream->kept + stream->kept_bytes, bytes, room);
        stream->kept_bytes += (uint32_t)room;
    }
    if (stream->read_bytes > connection->limits.read_bytes_max) {
        // The status line decides; the rest is not read.
        stream_over(connection, stream, FANFARE_HTTP2_ANSWERED);
        return nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, id, NGHTTP2_CANCEL);
    }
    return 0;
}

// Whether a frame brings an answer forward.
static bool is_progress(const nghttp2_frame *frame) {
    switch (frame->hd.type) {
        case NGHTTP2_HEADERS: return true;
        case NGHTTP2_DATA: return frame->hd.length > 0 || (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
        default: return false;
    }
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *context) {
    struct fanfare_http2 *connection = context;
    if (frame->hd.type == NGHTTP2_GOAWAY) connection->has_goaway = true;
    if (frame->hd.type == NGHTTP2_SETTINGS) connection->has_settings = true;
    if (!is_progress(frame) && ++connection->idle_frames > connection->limits.idle_frames_max) {
        nghttp2_session_terminate_session(session, NGHTTP2_ENHANCE_YOUR_CALM);
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    }
    bool ends = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
    if (!ends || (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) return 0;
    struct stream *stream = stream_of(connection, frame->hd.stream_id);
    if (stream == NULL || stream->status == 0) return 0;
    stream_over(connection, stream, FANFARE_HTTP2_ANSWERED);
    // An answer that does not wait for the request: the rest of it is not wanted (RFC 9113, section 8.1).
    if (stream->sent_bytes < stream->body_bytes) {
        return nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_NO_ERROR);
    }
    return 0;
}

static int on_close(nghttp2_session *session, int32_t id, uint32_t error_code, void *context) {
    (void)session;
    struct fanfare_http2 *connection = context;
    struct stream *stream = stream_of(connection, id);
    if (stream == NULL) return 0;
    stream->is_closed = true;
    connection->unsent_bytes -= stream->body_bytes - stream->sent_bytes;
    stream->sent_bytes = stream->body_bytes;
    stream->error_code = error_code;
    if (stream->is_told) {
        // One that is still in the list, or given out, is freed there.
        if (stream->outcome == 0 || (stream->is_given && stream != connection->told)) stream_free(connection, stream);
    } else if (stream->outcome == 0) {
        bool is_refused = error_code == NGHTTP2_REFUSED_STREAM && stream->status == 0;
        stream_over(connection, stream, is_refused ? FANFARE_HTTP2_UNPROCESSED : FANFARE_HTTP2_RESET);
    }
    return 0;
}

// A request that could not be sent (the peer said goodbye before): the library closes the stream.
static int on_not_sent(nghttp2_session *session, const nghttp2_frame *frame, int code, void *context) {
    (void)session, (void)code;
    struct stream *stream = stream_of(context, frame->hd.stream_id);
    if (frame->hd.type == NGHTTP2_HEADERS && stream != NULL) stream_over(context, stream, FANFARE_HTTP2_UNPROCESSED);
    return 0;
}

// MARK: A connection

static bool set_up(struct fanfare_http2 *connection) {
    nghttp2_session_callbacks *callbacks = NULL;
    nghttp2_option *options = NULL;
    bool is_made = nghttp2_session_callbacks_new(&callbacks) == 0 && nghttp2_option_new(&options) == 0;
    if (is_made) {
        nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks, on_begin_frame);
        nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
        nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
        nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
        nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
        nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks, on_not_sent);
        is_made = nghttp2_session_client_new2(&connection->session, callbacks, connection, options) == 0;
    }
    nghttp2_option_del(options);
    nghttp2_session_callbacks_del(callbacks);
    if (!is_made) return false;
    nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, connection->limits.field_bytes_max},
    };
    return nghttp2_submit_settings(connection->session, NGHTTP2_FLAG_NONE, settings, 2) == 0;
}

struct fanfare_http2 *fanfare_http2_open(const struct fanfare_http2_limits *limits) {
    struct fanfare_http2 *connection = calloc(1, sizeof *connection);
    if (connection == NULL) return NULL;
    connection->limits = *limits;
    if (set_up(connection)) return connection;
    fanfare_http2_close(connection);
    return NULL;
}

void fanfare_http2_close(struct fanfare_http2 *connection) {
    // Does not call back, so what streams there are is freed here.
    nghttp2_session_del(connection->session);
    while (connection->first != NULL) stream_free(connection, connection->first);
    free(connection);
}

bool fanfare_http2_receive(struct fanfare_http2 *connection, const uint8_t *bytes, size_t count) {
    ssize_t taken = nghttp2_session_mem_recv(connection->session, bytes, count);
    return taken == (ssize_t)count;
}

bool fanfare_http2_is_over(const struct fanfare_http2 *connection) {
    return nghttp2_session_want_read(connection->session) == 0 && nghttp2_session_want_write(connection->session) == 0;
}

size_t fanfare_http2_send(struct fanfare_http2 *connection, const uint8_t **bytes) {
    ssize_t count = nghttp2_session_mem_send(connection->session, bytes);
    return count > 0 ? (size_t)count : 0;
}

// Frees the stream given out last, if the session has no use for it either.
static void forget_told(struct fanfare_http2 *connection) {
    struct stream *told = connection->told;
    connection->told = NULL;
    if (told != NULL && told->is_closed) stream_free(connection, told);
}

static void tell(const struct stream *stream, struct fanfare_http2_event *event) {
    event->outcome = stream->outcome;
    event->token = stream->token;
    event->status = stream->status;
    event->error_code = stream->error_code;
    event->values = stream->values;
    event->body = stream->kept;
    event->body_bytes = stream->kept_bytes;
}

bool fanfare_http2_next(struct fanfare_http2 *connection, struct fanfare_http2_event *event) {
    forget_told(connection);
    struct stream *stream = connection->first_over;
    if (stream == NULL) return false;
    connection->first_over = stream->next_over;
    if (connection->first_over == NULL) connection->last_over = NULL;
    connection->told = stream;
    bool is_wanted = !stream->is_told;
    stream->is_told = true;
    stream->is_given = true;
    if (!is_wanted) return fanfare_http2_next(connection, event);
    tell(stream, event);
    return true;
}

bool fanfare_http2_begun(struct fanfare_http2 *connection, int32_t id, struct fanfare_http2_event *event) {
    struct stream *stream = stream_of(connection, id);
    if (stream == NULL || stream->status == 0) return false;
    tell(stream, event);
    return true;
}

// MARK: Requests

static nghttp2_nv field(const char *name, size_t name_bytes, const uint8_t *value, size_t value_bytes) {
    // Never in the table of the compression: no two requests share these.
    bool is_unique = (name_bytes == 10 && memcmp(name, "webhook-id", 10) == 0) ||
                     (name_bytes == 17 && memcmp(name, "webhook-signature", 17) == 0);
    return (nghttp2_nv){(uint8_t *)name, (uint8_t *)value, name_bytes, value_bytes,
                        is_unique ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE};
}

static bool is_blank(uint8_t byte) { return byte == ' ' || byte == '\t'; }

// The field's line, without the blanks around its value, with which HTTP/2 would be malformed (RFC 9113, section 8.2.1).
static nghttp2_nv trimmed(const uint8_t *line, const uint8_t *colon, const uint8_t *line_end) {
    const uint8_t *value = colon + 1;
    while (value < line_end && is_blank(*value)) value++;
    while (line_end > value && is_blank(line_end[-1])) line_end--;
    return field((const char *)line, (size_t)(colon - line), value, (size_t)(line_end - value));
}

// Splits an HTTP/1.1 head into fields; how many, 0 when it is none or has too many. `head_bytes`: its end.
static size_t split(const uint8_t *text, size_t count, nghttp2_nv *fields, size_t *head_bytes) {
    const uint8_t *end = text + count;
    const uint8_t *space = memchr(text, ' ', count);
    if (space == NULL) return 0;
    const uint8_t *path = space + 1;
    const uint8_t *path_end = memchr(path, ' ', (size_t)(end - path));
    const uint8_t *line = path_end == NULL ? NULL : memchr(path_end, '\n', (size_t)(end - path_end));
    if (line == NULL) return 0;
    static const uint8_t scheme[] = "https";
    fields[0] = field(":method", 7, text, (size_t)(space - text));
    fields[1] = field(":scheme", 7, scheme, sizeof scheme - 1);
    fields[2] = field(":authority", 10, path, 0);
    fields[3] = field(":path", 5, path, (size_t)(path_end - path));
    size_t used = 4;
    for (line += 1; line < end && *line != '\r'; ) {
        const uint8_t *line_end = memchr(line, '\r', (size_t)(end - line));
        const uint8_t *colon = line_end == NULL ? NULL : memchr(line, ':', (size_t)(line_end - line));
        if (colon == NULL || line_end - colon < 2) return 0;
        nghttp2_nv one = trimmed(line, colon, line_end);
        if (one.namelen == 4 && memcmp(one.name, "host", 4) == 0) {
            fields[2].value = one.value;
            fields[2].valuelen = one.valuelen;
        } else if (used == FANFARE_HTTP2_FIELDS_MAX) {
            return 0;
        } else {
            fields[used++] = one;
        }
        line = line_end + 2;
    }
    if (end - line < 2) return 0;
    *head_bytes = (size_t)(line + 2 - text);
    return used;
}

bool fanfare_http2_is_request(const uint8_t *text, size_t count) {
    nghttp2_nv fields[FANFARE_HTTP2_FIELDS_MAX];
    size_t head_bytes = 0;
    return split(text, count, fields, &head_bytes) > 0;
}

int32_t fanfare_http2_request(
    struct fanfare_http2 *connection, const uint8_t *text, size_t count, uint32_t token) {
    nghttp2_nv fields[FANFARE_HTTP2_FIELDS_MAX];
    size_t head_bytes = 0;
    size_t used = split(text, count, fields, &head_bytes);
    if (used == 0 || connection->has_goaway) return 0;
    size_t body_bytes = count - head_bytes;
    struct stream *stream = malloc(sizeof *stream + body_bytes);
    if (stream == NULL) return 0;
    memset(stream, 0, sizeof *stream);
    stream->token = token;
    stream->body_bytes = body_bytes;
    memcpy(stream->body, text + head_bytes, body_bytes);
    nghttp2_data_provider body = {.source = {.ptr = stream}, .read_callback = on_read_body};
    int32_t id = nghttp2_submit_request(
        connection->session, NULL, fields, used, body_bytes > 0 ? &body : NULL, stream);
    if (id <= 0) {
        free(stream);
        return 0;
    }
    stream->next = connection->first;
    if (stream->next != NULL) stream->next->previous = stream;
    connection->first = stream;
    connection->unsent_bytes += body_bytes;
    return id;
}

// A stream that may still wait to be sent, when the session does not know it yet.
static struct stream *find(struct fanfare_http2 *connection, int32_t id, uint32_t token) {
    struct stream *stream = stream_of(connection, id);
    if (stream != NULL) return stream;
    for (stream = connection->first; stream != NULL; stream = stream->next) {
        if (stream->token == token && !stream->is_told && !stream->is_closed) return stream;
    }
    return NULL;
}

void fanfare_http2_cancel(struct fanfare_http2 *connection, int32_t id, uint32_t token) {
    struct stream *stream = find(connection, id, token);
    if (stream == NULL) return;
    stream->is_told = true;
    // Closes a stream that has not begun too.
    nghttp2_submit_rst_stream(connection->session, NGHTTP2_FLAG_NONE, id, NGHTTP2_CANCEL);
}

void fanfare_http2_goodbye(struct fanfare_http2 *connection) {
    nghttp2_session_terminate_session(connection->session, NGHTTP2_NO_ERROR);
}

int32_t fanfare_http2_status(struct fanfare_http2 *connection, int32_t id) {
    struct stream *stream = stream_of(connection, id);
    return stream == NULL ? 0 : stream->status;
}

uint32_t fanfare_http2_streams_max(const struct fanfare_http2 *connection) {
    if (connection->has_goaway) return 0;
    // Its SETTINGS come first of all: who waits for them is refused nothing.
    if (!connection->has_settings) return 1;
    return nghttp2_session_get_remote_settings(connection->session, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
}

size_t fanfare_http2_unsent(const struct fanfare_http2 *connection) { return connection->unsent_bytes; }
