// floor [-w] [-s PORT] PORT [FILE]: the least that takes requests in. One io_uring loop, one thread: receives HTTP requests
// with a Content-Length, and answers each with 202. With FILE, the bodies of all requests that came are first written to it and
// synced with one write and one sync, while the next ones are received: group commit without decoding, numbers, duplicates,
// checksums or readers. FILE is filled beforehand and used round and round. With -w they are written and not synced.
// With -s, every body is then sent to whoever is connected to that port, as it is and with SUBSCRIBER_BYTES in all.
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

enum { CONNECTIONS = 4096, ROOM = 64 << 10, BATCH = 8 << 20, FILE_BYTES = 64 << 20 };
enum { SUBSCRIBERS = 16384, SUBSCRIBER_BYTES = 480 };
enum { ACCEPT, RECEIVE, SEND, WRITE, SUBSCRIBE, DELIVER };
static const char ANSWER[] = "HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: 106\r\n\r\n"
    "{\"accepted\":1,\"duplicates\":0,\"position\":\"0123456789abcdef-000000000001\",\"durability\":\"synced\",\"padding\":\"xxx\"}";

struct connection {
    size_t held, whole, body, body_bytes;
    char bytes[ROOM], event[SUBSCRIBER_BYTES];
};

static struct io_uring ring;
static struct connection *connections[CONNECTIONS];
static char *filling, *writing;
static size_t filled;
static int waiting[CONNECTIONS], waits, committing[CONNECTIONS], commits, file = -1, write_flags = RWF_DSYNC;
static off_t place;
static int subscribers[SUBSCRIBERS], subscribed;

static struct io_uring_sqe *next(void)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);
    if (!sqe) { io_uring_submit(&ring); sqe = io_uring_get_sqe(&ring); }
    return sqe;
}

static void mark(struct io_uring_sqe *sqe, int what, int descriptor)
{
    io_uring_sqe_set_data64(sqe, (unsigned long)what << 32 | (unsigned)descriptor);
}

static void receive(int d)
{
    struct connection *c = connections[d];
    struct io_uring_sqe *sqe = next();
    io_uring_prep_recv(sqe, d, c->bytes + c->held, ROOM - c->held, 0);
    mark(sqe, RECEIVE, d);
}

static void answer(int d)
{
    struct io_uring_sqe *sqe = next();
    io_uring_prep_send(sqe, d, ANSWER, sizeof ANSWER - 1, MSG_NOSIGNAL);
    mark(sqe, SEND, d);
    receive(d);
}

// Answers the request and sends its body to the subscribers; an event larger than what they get is cut.
static void committed(int d)
{
    answer(d);
    struct connection *c = connections[d];
    if (!subscribed) return;
    size_t bytes = c->body_bytes < SUBSCRIBER_BYTES ? c->body_bytes : SUBSCRIBER_BYTES;
    memset(c->event, ' ', SUBSCRIBER_BYTES);
    memcpy(c->event, c->bytes + c->body, bytes);
    for (int i = 0; i < subscribed; i++) {
        struct io_uring_sqe *sqe = next();
        io_uring_prep_send(sqe, subscribers[i], c->event, SUBSCRIBER_BYTES, MSG_NOSIGNAL | MSG_DONTWAIT);
        mark(sqe, DELIVER, subscribers[i]);
    }
}

// Writes and syncs what has come, unless that is under way already.
static void commit(void)
{
    if (commits || !waits) return;
    char *swap = writing;
    writing = filling, filling = swap;
    memcpy(committing, waiting, waits * sizeof *waiting);
    commits = waits, waits = 0;
    size_t bytes = (filled + 4095) & ~4095ul;
    filled = 0;
    if (place + (off_t)bytes > FILE_BYTES) place = 0;
    struct io_uring_sqe *sqe = next();
    io_uring_prep_write(sqe, file, writing, bytes, place);
    sqe->rw_flags = write_flags;
    mark(sqe, WRITE, 0);
    place += bytes;
}

static void received(int d, int count)
{
    struct connection *c = connections[d];
    if (count <= 0) { close(d); free(c); connections[d] = NULL; return; }
    c->held += count;
    if (!c->whole) {
        char *end = memmem(c->bytes, c->held, "\r\n\r\n", 4);
        char *length = end ? memmem(c->bytes, c->held, "Content-Length: ", 16) : NULL;
        if (!length) return receive(d);
        c->body = end + 4 - c->bytes;
        c->whole = c->body + strtoul(length + 16, NULL, 10);
        if (c->whole > ROOM) { fprintf(stderr, "a request is too large\n"); exit(64); }
    }
    if (c->held < c->whole) return receive(d);
    if (file >= 0) {
        if (filled + c->whole - c->body > BATCH) { fprintf(stderr, "a batch is too large\n"); exit(64); }
        memcpy(filling + filled, c->bytes + c->body, c->whole - c->body);
        filled += c->whole - c->body;
        waiting[waits++] = d;
    }
    c->body_bytes = c->whole - c->body;
    c->held = c->whole = 0;
    if (file < 0) committed(d);
}

static void listen_on(const char *port, int what)
{
    int listener = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(port)), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 4096)) { perror("listen"); exit(69); }
    struct io_uring_sqe *sqe = next();
    io_uring_prep_multishot_accept(sqe, listener, NULL, NULL, 0);
    mark(sqe, what, 0);
}

int main(int argc, char **argv)
{
    const char *subscribers_port = NULL;
    int option, one = 1;
    while ((option = getopt(argc, argv, "ws:")) != -1) {
        if (option == 'w') write_flags = 0;
        if (option == 's') subscribers_port = optarg;
    }
    argc -= optind, argv += optind;
    if (argc != 1 && argc != 2) return fprintf(stderr, "usage: floor [-w] [-s PORT] PORT [FILE]\n"), 64;
    filling = aligned_alloc(4096, BATCH), writing = aligned_alloc(4096, BATCH);
    memset(filling, 0, BATCH), memset(writing, 0, BATCH);
    if (argc == 2) {
        file = open(argv[1], O_RDWR | O_CREAT | O_TRUNC, 0600);
        for (off_t at = 0; at < FILE_BYTES; at += BATCH)
            if (pwrite(file, filling, BATCH, at) != BATCH) return perror(argv[1]), 74;
        if (fsync(file)) return perror(argv[1]), 74;
    }
    struct io_uring_params parameters = {
        .flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE, .cq_entries = 16384};
    if (io_uring_queue_init_params(4096, &ring, &parameters) < 0) return perror("io_uring"), 69;
    listen_on(argv[0], ACCEPT);
    if (subscribers_port) listen_on(subscribers_port, SUBSCRIBE);
    for (;;) {
        commit();
        if (io_uring_submit_and_wait(&ring, 1) < 0) return perror("enter"), 74;
        struct io_uring_cqe *cqe;
        unsigned head, seen = 0;
        io_uring_for_each_cqe(&ring, head, cqe) {
            seen++;
            int what = cqe->user_data >> 32, d = (int)cqe->user_data;
            if (what == ACCEPT) {
                if (cqe->res < 0 || cqe->res >= CONNECTIONS) return fprintf(stderr, "accept: %d\n", cqe->res), 69;
                setsockopt(cqe->res, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
                connections[cqe->res] = calloc(1, sizeof(struct connection));
                receive(cqe->res);
            }
            if (what == SUBSCRIBE) {
                if (cqe->res < 0 || subscribed == SUBSCRIBERS) return fprintf(stderr, "accept: %d\n", cqe->res), 69;
                setsockopt(cqe->res, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
                subscribers[subscribed++] = cqe->res;
            }
            if (what == DELIVER && cqe->res != SUBSCRIBER_BYTES) return fprintf(stderr, "deliver: %d\n", cqe->res), 69;
            if (what == RECEIVE) received(d, cqe->res);
            if (what == SEND && cqe->res != sizeof ANSWER - 1) return fprintf(stderr, "send: %d\n", cqe->res), 69;
            if (what == WRITE) {
                if (cqe->res < 0) return fprintf(stderr, "write: %d\n", cqe->res), 74;
                for (int i = 0; i < commits; i++) committed(committing[i]);
                commits = 0;
            }
        }
        io_uring_cq_advance(&ring, seen);
    }
}
