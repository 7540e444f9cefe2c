// plain FILE KIB SECONDS: the least that makes data durable. Fills a file of 64 MiB with zeros and syncs it, then writes
// blocks of KIB one after the other, each followed by fdatasync(2), round and round; prints MB/s and the time of one.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    if (argc != 4) return fprintf(stderr, "usage: plain FILE KIB SECONDS\n"), 64;
    size_t block = strtoul(argv[2], NULL, 10) << 10, size = 64u << 20;
    double seconds = atof(argv[3]);
    int file = open(argv[1], O_RDWR | O_CREAT | O_TRUNC, 0600);
    char *bytes = aligned_alloc(4096, block);
    double *spent = malloc(sizeof(double) * 10000000);
    if (file < 0 || !bytes || !spent || block > size) return perror(argv[1]), 74;
    memset(bytes, 0, block);
    for (size_t done = 0; done < size; done += block)
        if (write(file, bytes, block) != (ssize_t)block) return perror("write"), 74;
    if (fsync(file)) return perror("fsync"), 74;
    for (size_t i = 0; i < block; i++) bytes[i] = rand();
    long count = 0;
    off_t place = 0;
    double start = now(), last = start;
    while (last - start < seconds && count < 10000000) {
        if (place + block > size) place = 0;
        if (pwrite(file, bytes, block, place) != (ssize_t)block) return perror("pwrite"), 74;
        if (fdatasync(file)) return perror("fdatasync"), 74;
        place += block;
        double end = now();
        spent[count++] = end - last;
        last = end;
    }
    qsort(spent, count, sizeof(double), compare);
    printf("%.1f MB/s %ld blocks p50 %.0f us p99 %.0f us\n", count * block / 1e6 / (last - start), count,
           spent[count / 2] * 1e6, spent[count * 99 / 100] * 1e6);
    return 0;
}
