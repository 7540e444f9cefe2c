// publishers PORT CONNECTIONS EVENTS SECONDS: closed loop; each connection publishes a request of EVENTS events with 200 bytes
// of data (one: structured, more: a batch), waits for its 202, publishes the next. Prints events a second and how long the
// acknowledgement of a request took.
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct client {
    int socket;
    double sent;
    size_t held;
    char answer[4096];
};

static char *body, *request, pad[201];
static unsigned long identity;
static int events;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static void publish(struct client *c)
{
    char *at = body;
    if (events > 1) *at++ = '[';
    for (int i = 0; i < events; i++)
        at += sprintf(at, "%s{\"specversion\":\"1.0\",\"id\":\"%d-%lu\",\"source\":\"/bench\",\"type\":\"bench.topic\",\"data\":\"%s\"}",
                      i ? "," : "", (int)getpid(), identity++, pad);
    if (events > 1) *at++ = ']';
    int head = sprintf(request, "POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/cloudevents%s+json\r\nContent-Length: %zu\r\n\r\n",
                       events > 1 ? "-batch" : "", (size_t)(at - body));
    memcpy(request + head, body, at - body);
    size_t length = head + (at - body), done = 0;
    c->sent = now();
    while (done < length) {
        ssize_t count = send(c->socket, request + done, length - done, MSG_NOSIGNAL);
        if (count < 0) { perror("send"); exit(69); }
        done += count;
    }
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

// Whether a whole answer is there; anything but 202 ends the run.
static int answered(struct client *c)
{
    char *end = memmem(c->answer, c->held, "\r\n\r\n", 4);
    if (!end) return 0;
    c->answer[c->held] = 0;
    char *length = strcasestr(c->answer, "content-length:");
    size_t whole = end + 4 - c->answer + (length ? strtoul(length + 15, NULL, 10) : 0);
    if (c->held < whole) return 0;
    if (strncmp(c->answer + 9, "202", 3)) { fprintf(stderr, "%s\n", c->answer); exit(1); }
    c->held = 0;
    return 1;
}

int main(int argc, char **argv)
{
    if (argc != 5) return fprintf(stderr, "usage: publishers PORT CONNECTIONS EVENTS SECONDS\n"), 64;
    int port = atoi(argv[1]), count = atoi(argv[2]);
    double seconds = atof(argv[4]);
    events = atoi(argv[3]);
    memset(pad, 'x', 198);
    body = malloc(events * 400 + 16);
    request = malloc(events * 400 + 512);
    struct client *clients = calloc(count, sizeof *clients);
    size_t taken = 0, room = 1 << 24;
    double *times = malloc(room * sizeof(double));
    int poll = epoll_create1(0), one = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    for (int i = 0; i < count; i++) {
        struct client *c = &clients[i];
        c->socket = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(c->socket, (struct sockaddr *)&address, sizeof address)) return perror("connect"), 69;
        setsockopt(c->socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
        epoll_ctl(poll, EPOLL_CTL_ADD, c->socket, &e);
    }
    double start = now(), end = start + seconds, last = start;
    for (int i = 0; i < count; i++) publish(&clients[i]);
    struct epoll_event ready[1024];
    while (last < end) {
        int got = epoll_wait(poll, ready, 1024, 1000);
        for (int i = 0; i < got; i++) {
            struct client *c = ready[i].data.ptr;
            ssize_t n = recv(c->socket, c->answer + c->held, sizeof c->answer - 1 - c->held, MSG_DONTWAIT);
            if (n < 0 && errno == EAGAIN) continue;
            if (n <= 0) return fprintf(stderr, "a connection ended\n"), 1;
            c->held += n;
            if (!answered(c)) continue;
            last = now();
            if (taken < room) times[taken++] = last - c->sent;
            publish(c);
        }
    }
    qsort(times, taken, sizeof(double), compare);
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    printf("%d publishers, %d a request: %.0f events/s; acknowledged p50 %.0f us p99 %.0f us; the publishers used %.0f %% of a core\n",
           count, events, taken * events / (last - start), times[taken / 2] * 1e6, times[taken * 99 / 100] * 1e6,
           100 * (use.ru_utime.tv_sec + use.ru_stime.tv_sec + (use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6) / (last - start));
    return 0;
}
