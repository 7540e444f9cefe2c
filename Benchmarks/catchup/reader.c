// reader PORT TOPIC COUNT: one subscriber of the stream protocol that reads COUNT events from the beginning on; checks that
// each line's position is one above the one before, and prints how many came in how long.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

// The sequence in `"fanfareposition":"LOGID-NNNNNNNNNNNNNNNN"`, which stands at a line's start; 0 for other messages.
static unsigned long sequence(const char *line, size_t length)
{
    const char *name = memmem(line, length < 200 ? length : 200, "\"fanfareposition\":\"", 19);
    return name ? strtoul(name + 28, NULL, 10) : 0;
}

int main(int argc, char **argv)
{
    if (argc != 4) return fprintf(stderr, "usage: reader PORT TOPIC COUNT\n"), 64;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1])), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    unsigned long wanted = strtoul(argv[3], NULL, 10), count = 0, last = 0;
    int connection = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(connection, (struct sockaddr *)&address, sizeof address)) return perror("connect"), 69;
    char message[512];
    int length = snprintf(message, sizeof message, "{\"op\":\"subscribe\",\"id\":\"a\",\"topics\":[\"%s\"],\"from\":\"earliest\"}\n", argv[2]);
    double start = now();
    if (write(connection, message, length) != length) return perror("write"), 69;
    size_t room = 4 << 20, held = 0;
    char *buffer = malloc(room);
    unsigned long long bytes = 0;
    while (count < wanted) {
        ssize_t got = recv(connection, buffer + held, room - held, 0);
        if (got <= 0) return fprintf(stderr, "ended after %lu events\n", count), 1;
        bytes += got;
        held += got;
        char *line = buffer, *end;
        while ((end = memchr(line, '\n', buffer + held - line))) {
            unsigned long number = sequence(line, end - line);
            if (number) {
                if (last && number <= last) return fprintf(stderr, "%lu after %lu\n", number, last), 1;
                last = number;
                count++;
            }
            line = end + 1;
        }
        held -= line - buffer;
        memmove(buffer, line, held);
    }
    double seconds = now() - start;
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    printf("%lu events %.3f s %.0f events/s %.0f MB/s; the reader used %.2f s of CPU\n", count, seconds, count / seconds,
           bytes / 1e6 / seconds, use.ru_utime.tv_sec + use.ru_stime.tv_sec + (use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6);
    return 0;
}
