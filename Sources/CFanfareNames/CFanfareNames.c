#include "CFanfareNames.h"

#include <ares.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

struct fanfare_names {
    ares_channel channel;
};

struct lookup {
    fanfare_names_callback callback;
    void *context;
};

struct fanfare_names *fanfare_names_open(int timeout_milliseconds, int tries) {
    if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS) return NULL;
    struct fanfare_names *names = calloc(1, sizeof *names);
    if (!names) return NULL;
    struct ares_options options = {.timeout = timeout_milliseconds, .tries = tries};
    int result = ares_init_options(&names->channel, &options, ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES);
    if (result == ARES_SUCCESS) return names;
    free(names);
    return NULL;
}

void fanfare_names_close(struct fanfare_names *names) {
    ares_destroy(names->channel);
    free(names);
}

static void take(struct fanfare_names_answer *answer, const struct ares_addrinfo_node *node) {
    struct fanfare_names_address *address = &answer->addresses[answer->count];
    if (node->ai_family == AF_INET) {
        address->count = 4;
        memcpy(address->bytes, &((const struct sockaddr_in *)node->ai_addr)->sin_addr, 4);
    } else if (node->ai_family == AF_INET6) {
        address->count = 16;
        memcpy(address->bytes, &((const struct sockaddr_in6 *)node->ai_addr)->sin6_addr, 16);
    } else {
        return;
    }
    if (answer->count == 0 || node->ai_ttl < answer->ttl_seconds) answer->ttl_seconds = node->ai_ttl;
    answer->count++;
}

static void looked_up(void *argument, int status, int timeouts, struct ares_addrinfo *result) {
    (void)timeouts;
    struct lookup lookup = *(struct lookup *)argument;
    free(argument);
    struct fanfare_names_answer answer = {0};
    if (status == ARES_SUCCESS && result) {
        for (struct ares_addrinfo_node *node = result->nodes; node && answer.count < FANFARE_NAMES_ADDRESSES_MAX;
             node = node->ai_next)
            take(&answer, node);
    }
    if (status != ARES_SUCCESS) answer.error = ares_strerror(status);
    else if (answer.count == 0) answer.error = ares_strerror(ARES_ENODATA);
    if (result) ares_freeaddrinfo(result);
    lookup.callback(lookup.context, &answer);
}

void fanfare_names_lookup(
    struct fanfare_names *names, const char *name, fanfare_names_callback callback, void *context) {
    struct lookup *lookup = malloc(sizeof *lookup);
    if (!lookup) {
        struct fanfare_names_answer answer = {.error = ares_strerror(ARES_ENOMEM)};
        callback(context, &answer);
        return;
    }
    *lookup = (struct lookup){callback, context};
    struct ares_addrinfo_hints hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    ares_getaddrinfo(names->channel, name, NULL, &hints, looked_up, lookup);
}

void fanfare_names_wait(struct fanfare_names *names, int wake_descriptor) {
    ares_socket_t sockets[ARES_GETSOCK_MAXNUM];
    int mask = ares_getsock(names->channel, sockets, ARES_GETSOCK_MAXNUM);
    struct pollfd polled[ARES_GETSOCK_MAXNUM + 1];
    nfds_t count = 0;
    polled[count++] = (struct pollfd){.fd = wake_descriptor, .events = POLLIN};
    for (int index = 0; index < ARES_GETSOCK_MAXNUM; index++) {
        short events = 0;
        if (ARES_GETSOCK_READABLE(mask, index)) events |= POLLIN;
        if (ARES_GETSOCK_WRITABLE(mask, index)) events |= POLLOUT;
        if (events) polled[count++] = (struct pollfd){.fd = sockets[index], .events = events};
    }
    struct timeval limit;
    struct timeval *next = ares_timeout(names->channel, NULL, &limit);
    int milliseconds = next ? (int)(next->tv_sec * 1000 + next->tv_usec / 1000 + 1) : -1;
    int ready = poll(polled, count, milliseconds);
    for (nfds_t index = 1; ready > 0 && index < count; index++) {
        short events = polled[index].revents;
        if (!events) continue;
        ares_process_fd(
            names->channel, events & (POLLIN | POLLERR | POLLHUP) ? polled[index].fd : ARES_SOCKET_BAD,
            events & POLLOUT ? polled[index].fd : ARES_SOCKET_BAD);
    }
    ares_process_fd(names->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}
