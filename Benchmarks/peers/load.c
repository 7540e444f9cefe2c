// load: N subscribers of one topic and one publisher on one thread, for servers that share no protocol. It knows how each of
// them is spoken to and nothing else: what it counts is a marker in the payload, found by one scanner in whatever arrives.
//
//   load WIRE --port P [--subscribe PATH] [--publish PATH] [--publish-port P] [--subscribers N] [--events K] [--size BYTES]
//        [--in-flight D | --rate EVENTS_A_SECOND] [--servers PID,PID] [--seconds LIMIT]
//
// WIRE is websocket or sse (published over HTTP), stream (Fanfare's, published over HTTP), nats, mqtt or redis. D events are
// under way at a time: one counts as under way until every subscriber has it, whatever the server acknowledged; with --rate they
// leave at planned times instead. Prints one line of JSON. Everything goes over 127.0.0.1.
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    received_max = 256 * 1024, // bytes taken from a connection at once
    kept_max = 1024,           // bytes kept of a read for a greeting that is not whole, or a marker that its end has cut
    connecting_max = 256,      // connections that are not subscribed yet at a time
    request_max = 4096,        // bytes of a request beside its payload
    events_max = 1 << 20,
    // The marker: `"load":"` and ten digits of the event's number (from 1), then a quotation mark.
    name_length = 8,
    digits = 10,
    marker_length = name_length + digits + 1,
};
static const char name[] = "\"load\":\"";

enum wire { websocket, sse, stream, nats, mqtt, redis };
static const char *const wires[] = {"websocket", "sse", "stream", "nats", "mqtt", "redis"};

struct subscriber {
    int socket;
    int is_ready;
    uint32_t last;
    uint32_t kept;
    char tail[kept_max];
};

static enum wire wire;
static int port, publish_port, subscribers = 1000, size = 200, in_flight = 1, servers[16], server_count;
static uint32_t events = 400;
static double rate, seconds = 30;
static const char *subscribe_path = "/", *publish_path = "/";

static struct subscriber *all;
static uint64_t *sent, *done; // nanoseconds, by number
static uint32_t *arrived;     // deliveries, by number
static uint64_t deliveries, lost, disordered, last_delivery;
static uint32_t completed, ready_count, failures;
static char buffer[kept_max + received_max];

static void fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("load: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    exit(1);
}

static uint64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

// Milliseconds of CPU the servers have used, and their resident KiB.
static long server_cpu(void)
{
    long ticks = 0;
    for (int i = 0; i < server_count; i++) {
        char path[64];
        unsigned long user = 0, system = 0;
        snprintf(path, sizeof path, "/proc/%d/stat", servers[i]);
        FILE *file = fopen(path, "r");
        if (!file) fail("the server (%d) has ended", servers[i]);
        if (fscanf(file, "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) != 2) fail("cannot read %s", path);
        fclose(file);
        ticks += (long)(user + system);
    }
    return ticks * 1000 / sysconf(_SC_CLK_TCK);
}

static long server_memory(void)
{
    long pages = 0;
    for (int i = 0; i < server_count; i++) {
        char path[64];
        long resident = 0;
        snprintf(path, sizeof path, "/proc/%d/statm", servers[i]);
        FILE *file = fopen(path, "r");
        if (!file || fscanf(file, "%*d %ld", &resident) != 1) fail("the server (%d) has ended", servers[i]);
        fclose(file);
        pages += resident;
    }
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static int connect_to(int to)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(to), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int one = 1, connection = socket(AF_INET, SOCK_STREAM, 0);
    if (connection < 0) fail("socket: %s", strerror(errno));
    if (connect(connection, (struct sockaddr *)&address, sizeof address)) fail("connect to port %d: %s", to, strerror(errno));
    setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return connection;
}

static void write_all(int connection, const char *bytes, size_t length)
{
    while (length) {
        ssize_t count = send(connection, bytes, length, MSG_NOSIGNAL);
        if (count < 0 && errno == EAGAIN) {
            usleep(50);
            continue;
        }
        if (count <= 0) fail("send: %s", strerror(errno));
        bytes += count;
        length -= (size_t)count;
    }
}

// MQTT 3.1.1: CONNECT with a clean session, no keep-alive and a client identifier of eight characters.
static size_t mqtt_connect(char *to, int number)
{
    static const char head[] = {0x10, 20, 0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 0, 0, 8};
    memcpy(to, head, sizeof head);
    char identifier[16];
    snprintf(identifier, sizeof identifier, "c%07d", number % 10000000);
    memcpy(to + sizeof head, identifier, 8);
    return sizeof head + 8;
}

// What a subscriber says first.
static void greet(int connection, int number)
{
    char request[request_max];
    int length = 0;
    switch (wire) {
    case websocket:
        length = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", subscribe_path, port);
        break;
    case sse:
        length = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAccept: text/event-stream\r\n\r\n", subscribe_path, port);
        break;
    case stream:
        length = snprintf(request, sizeof request, "{\"op\":\"subscribe\",\"id\":\"a\",\"topics\":[\"t\"]}\n");
        break;
    case nats:
        length = snprintf(request, sizeof request, "CONNECT {\"verbose\":false,\"pedantic\":false}\r\nSUB t 1\r\nPING\r\n");
        break;
    case redis:
        length = snprintf(request, sizeof request, "*2\r\n$9\r\nSUBSCRIBE\r\n$1\r\nt\r\n");
        break;
    case mqtt: {
        static const char subscribe[] = {(char)0x82, 6, 0, 1, 0, 1, 't', 0};
        length = (int)mqtt_connect(request, number);
        memcpy(request + length, subscribe, sizeof subscribe);
        length += (int)sizeof subscribe;
    }
    }
    write_all(connection, request, (size_t)length);
}

// Whether what a subscriber was told first means that its subscription is in effect.
static int is_welcome(const char *bytes, size_t length)
{
    switch (wire) {
    case websocket: return length > 12 && !memcmp(bytes, "HTTP/1.1 101", 12) && memmem(bytes, length, "\r\n\r\n", 4);
    case sse: return length > 12 && !memcmp(bytes, "HTTP/1.1 200", 12) && memmem(bytes, length, "\r\n\r\n", 4);
    case stream: return memmem(bytes, length, "\"subscribed\"", 12) != NULL;
    case nats: return memmem(bytes, length, "PONG", 4) != NULL;
    case redis: return memmem(bytes, length, "subscribe\r\n$1\r\nt\r\n:1\r\n", 22) != NULL;
    case mqtt: return length >= 9 && bytes[0] == 0x20 && bytes[3] == 0 && (unsigned char)bytes[4] == 0x90 && bytes[8] == 0;
    }
    return 0;
}

// Counts the markers in `length` bytes at `bytes`; tells how many bytes at the end may be the beginning of another.
static size_t scan(struct subscriber *to, const char *bytes, size_t length, uint64_t at)
{
    const char *end = bytes + length, *place = bytes;
    while ((place = memmem(place, (size_t)(end - place), name, name_length))) {
        if (end - place < marker_length) return (size_t)(end - place);
        uint32_t number = 0;
        for (int i = 0; i < digits; i++) number = number * 10 + (uint32_t)(place[name_length + i] - '0');
        place += marker_length;
        if (number == 0 || number > events) fail("a marker with the number %u: the payload was changed", number);
        if (number <= to->last) {
            disordered++;
            continue;
        }
        lost += number - to->last - 1;
        to->last = number;
        deliveries++;
        last_delivery = at;
        if (++arrived[number] == (uint32_t)subscribers) {
            done[number] = at;
            completed++;
        }
    }
    return length < name_length - 1 ? length : name_length - 1;
}

static void receive(struct subscriber *from, uint64_t at)
{
    memcpy(buffer, from->tail, from->kept);
    ssize_t count = recv(from->socket, buffer + from->kept, received_max, 0);
    if (count < 0 && errno == EAGAIN) return;
    if (count <= 0) fail("the server closed a subscriber after %u events: %s", from->last, count ? strerror(errno) : "end");
    size_t length = from->kept + (size_t)count;
    if (!from->is_ready && !is_welcome(buffer, length)) {
        if (length > kept_max || (wire <= sse && length > 12 && buffer[9] != '1' && buffer[9] != '2'))
            fail("not subscribed: %.*s", (int)(length < 200 ? length : 200), buffer);
        memcpy(from->tail, buffer, length);
        from->kept = (uint32_t)length;
        return;
    }
    if (!from->is_ready) {
        from->is_ready = 1;
        ready_count++;
    }
    size_t keep = scan(from, buffer, length, at);
    memcpy(from->tail, buffer + length - keep, keep);
    from->kept = (uint32_t)keep;
}

static void publish(int connection, uint32_t number)
{
    static char request[request_max + (1 << 16)];
    static char payload[1 << 16];
    static int head;
    if (!head) {
        head = snprintf(payload, sizeof payload, "{\"load\":\"0000000000\",\"pad\":\"");
        memset(payload + head, 'x', (size_t)(size > head + 2 ? size - head - 2 : 0));
        if (size < head + 2) size = head + 2;
        memcpy(payload + size - 2, "\"}", 2);
    }
    char text[digits + 1];
    snprintf(text, sizeof text, "%010u", number);
    memcpy(payload + 1 + name_length, text, digits);
    int length = 0;
    switch (wire) {
    case websocket: case sse: case stream:
        length = snprintf(request, request_max, "POST %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n",
            publish_path, publish_port, size);
        break;
    case nats: length = snprintf(request, request_max, "PUB t %d\r\n", size); break;
    case redis: length = snprintf(request, request_max, "*3\r\n$7\r\nPUBLISH\r\n$1\r\nt\r\n$%d\r\n", size); break;
    case mqtt: {
        int rest = size + 3;
        request[length++] = 0x30;
        for (; rest >= 128; rest /= 128) request[length++] = (char)(rest % 128 + 128);
        request[length++] = (char)rest;
        memcpy(request + length, "\0\1t", 3);
        length += 3;
    }
    }
    memcpy(request + length, payload, (size_t)size);
    length += size;
    if (wire == nats || wire == redis) {
        memcpy(request + length, "\r\n", 2);
        length += 2;
    }
    write_all(connection, request, (size_t)length);
}

// Reads what the publisher was answered, and counts what is no acceptance.
static void read_answers(int connection)
{
    ssize_t count;
    while ((count = recv(connection, buffer, received_max, MSG_DONTWAIT)) > 0) {
        const char *refusal = wire == nats ? "-ERR" : wire == redis ? "-" : "HTTP/1.1 ";
        if (wire == mqtt) continue;
        for (const char *place = buffer; (place = memmem(place, (size_t)(buffer + count - place), refusal, strlen(refusal)));) {
            place += strlen(refusal);
            if (wire <= stream ? place < buffer + count && *place != '2' : 1) failures++;
        }
    }
    if (count == 0) fail("the server closed the publisher");
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static void parse(int count, char **words)
{
    if (count < 2) fail("which wire?");
    for (wire = 0; wire <= redis && strcmp(words[1], wires[wire]); wire++) {}
    if (wire > redis) fail("no wire is called %s", words[1]);
    for (int i = 2; i + 1 < count; i += 2) {
        const char *option = words[i], *value = words[i + 1];
        if (!strcmp(option, "--port")) port = atoi(value);
        else if (!strcmp(option, "--publish-port")) publish_port = atoi(value);
        else if (!strcmp(option, "--subscribe")) subscribe_path = value;
        else if (!strcmp(option, "--publish")) publish_path = value;
        else if (!strcmp(option, "--subscribers")) subscribers = atoi(value);
        else if (!strcmp(option, "--events")) events = (uint32_t)atoi(value);
        else if (!strcmp(option, "--size")) size = atoi(value);
        else if (!strcmp(option, "--in-flight")) in_flight = atoi(value);
        else if (!strcmp(option, "--rate")) rate = atof(value);
        else if (!strcmp(option, "--seconds")) seconds = atof(value);
        else if (!strcmp(option, "--servers"))
            for (const char *rest = value; rest && server_count < 16; rest = strchr(rest, ',') ? strchr(rest, ',') + 1 : NULL)
                servers[server_count++] = atoi(rest);
        else fail("no option is called %s", option);
    }
    if (!publish_port) publish_port = port;
    if (events == 0 || events > events_max || subscribers < 1 || size > 1 << 15 || port == 0) fail("a value is out of range");
}

int main(int count, char **words)
{
    parse(count, words);
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    all = calloc((size_t)subscribers, sizeof *all);
    sent = calloc(events + 1, sizeof *sent);
    done = calloc(events + 1, sizeof *done);
    arrived = calloc(events + 1, sizeof *arrived);
    int poll = epoll_create1(0);
    struct epoll_event found[512];
    long memory = server_memory();
    uint64_t limit = now() + (uint64_t)(seconds * 1e9);

    for (int opened = 0; ready_count < (uint32_t)subscribers;) {
        while (opened < subscribers && opened - (int)ready_count < connecting_max) {
            struct subscriber *next = &all[opened];
            next->socket = connect_to(port);
            greet(next->socket, opened++);
            fcntl(next->socket, F_SETFL, O_NONBLOCK);
            struct epoll_event interest = {.events = EPOLLIN, .data.ptr = next};
            if (epoll_ctl(poll, EPOLL_CTL_ADD, next->socket, &interest)) fail("epoll: %s", strerror(errno));
        }
        int some = epoll_wait(poll, found, 512, 100);
        for (int i = 0; i < some; i++) receive(found[i].data.ptr, 0);
        if (now() > limit) fail("%u of %d subscribed in time", ready_count, subscribers);
    }
    int publisher = connect_to(publish_port);
    struct epoll_event interest = {.events = EPOLLIN, .data.ptr = NULL};
    epoll_ctl(poll, EPOLL_CTL_ADD, publisher, &interest);
    static const char nats_connect[] = "CONNECT {\"verbose\":true,\"pedantic\":false}\r\n";
    if (wire == nats) write_all(publisher, nats_connect, sizeof nats_connect - 1);
    if (wire == mqtt) {
        char request[64];
        write_all(publisher, request, mqtt_connect(request, 9999999));
    }
    // What a server still does for those who have just come is not part of the measurement.
    for (uint64_t quiet = now() + 300000000u; now() < quiet;) {
        int some = epoll_wait(poll, found, 512, 50);
        for (int i = 0; i < some; i++)
            if (found[i].data.ptr) receive(found[i].data.ptr, 0); else read_answers(publisher);
    }
    long connected = server_memory(), cpu = server_cpu();
    struct rusage before, after;
    getrusage(RUSAGE_SELF, &before);
    uint64_t begun = now(), progress = begun, idle_limit = 5000000000u;
    limit = begun + (uint64_t)(seconds * 1e9);
    uint32_t next = 1;
    uint64_t seen = 0;
    int is_cut = 0; // the time was over while events still arrived
    for (;;) {
        uint64_t at = now();
        while (next <= events && (rate > 0 ? at >= begun + (uint64_t)((next - 1) * 1e9 / rate) : next - completed <= (uint32_t)in_flight)) {
            sent[next] = rate > 0 ? begun + (uint64_t)((next - 1) * 1e9 / rate) : at;
            publish(publisher, next++);
        }
        if (completed == events) break;
        if (deliveries != seen) progress = at;
        seen = deliveries;
        if (at - progress > idle_limit) break;
        if (at > limit) {
            is_cut = 1;
            break;
        }
        int wait = 100;
        if (rate > 0 && next <= events) {
            uint64_t due = begun + (uint64_t)((next - 1) * 1e9 / rate);
            wait = due <= at ? 0 : (int)((due - at) / 1000000u);
        }
        int some = epoll_wait(poll, found, 512, wait);
        at = now();
        for (int i = 0; i < some; i++) {
            if (!found[i].data.ptr) read_answers(publisher); else receive(found[i].data.ptr, at);
            if (i % 16 == 15) at = now();
        }
    }
    getrusage(RUSAGE_SELF, &after);
    long used = server_cpu() - cpu, grown = server_memory();
    // What never came at the end is as lost as a gap, unless the time was over while it came.
    for (int i = 0; i < subscribers && !is_cut; i++) lost += events - all[i].last;
    uint64_t *times = calloc(events, sizeof *times);
    uint32_t whole = 0;
    for (uint32_t i = 1; i <= events; i++)
        if (done[i]) times[whole++] = done[i] - sent[i];
    qsort(times, whole, sizeof *times, compare);
    double span = (double)(last_delivery - begun) / 1e9;
    double own = (double)(after.ru_utime.tv_sec - before.ru_utime.tv_sec + after.ru_stime.tv_sec - before.ru_stime.tv_sec)
        + (double)(after.ru_utime.tv_usec - before.ru_utime.tv_usec + after.ru_stime.tv_usec - before.ru_stime.tv_usec) / 1e6;
    printf("{\"deliveries\":%llu,\"seconds\":%.6f,\"deliveries_per_second\":%.0f,\"lost\":%llu,\"disordered\":%llu,\"refused\":%u,\"cut\":%d,"
        "\"last_p50_ms\":%.3f,\"last_p99_ms\":%.3f,\"server_cpu_ms\":%ld,\"load_cpu_share\":%.3f,\"bytes_per_connection\":%.0f,\"server_kib\":%ld}\n",
        (unsigned long long)deliveries, span, deliveries && span > 0 ? (double)deliveries / span : 0, (unsigned long long)lost,
        (unsigned long long)disordered, failures, is_cut, whole ? (double)times[(whole - 1) / 2] / 1e6 : 0,
        whole ? (double)times[(size_t)((whole - 1) * 0.99)] / 1e6 : 0, used, span > 0 ? own / span : 0,
        (double)(connected - memory) * 1024 / subscribers, grown);
    return lost || disordered || failures ? 2 : 0;
}
