// Apart from CFanfareKernel.c: <linux/tcp.h> has all of tcp_info, and cannot be included beside <netinet/tcp.h>.
#include "CFanfareKernel.h"
#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>

int fanfare_acknowledged(int descriptor, uint64_t *bytes, uint32_t *milliseconds_ago) {
    struct tcp_info info = {0};
    socklen_t length = sizeof info;
    if (getsockopt(descriptor, IPPROTO_TCP, TCP_INFO, &info, &length) < 0) return -errno;
    *bytes = info.tcpi_bytes_acked;
    *milliseconds_ago = info.tcpi_last_ack_recv;
    return 0;
}
