// A few calls around c-ares, the asynchronous resolver, for the one thread that resolves names. The library's own header is
// kept out of here: it brings system headers that disagree with those of other modules.
#ifndef CFANFARE_NAMES_H
#define CFANFARE_NAMES_H

#include <stdbool.h>
#include <stdint.h>

/// Addresses one answer holds at most; further ones are dropped.
#define FANFARE_NAMES_ADDRESSES_MAX 16

/// An address: `count` is 4 or 16, the bytes in network order.
struct fanfare_names_address {
    uint8_t count;
    uint8_t bytes[16];
};

/// What became of a lookup. `error` is nil on success, else c-ares' words, valid forever.
struct fanfare_names_answer {
    const char *error;
    int count;
    /// Seconds for which all addresses may be kept.
    int ttl_seconds;
    struct fanfare_names_address addresses[FANFARE_NAMES_ADDRESSES_MAX];
};

/// Opaque: a resolver with its sockets.
struct fanfare_names;

typedef void (*fanfare_names_callback)(void *context, const struct fanfare_names_answer *answer);

/// A resolver configured by the system's files; nil when it could not be made. `timeout_milliseconds` is for the first of
/// `tries` rounds over the servers.
struct fanfare_names *fanfare_names_open(int timeout_milliseconds, int tries);

/// Ends all lookups (their callbacks are called) and frees the resolver.
void fanfare_names_close(struct fanfare_names *names);

/// Looks `name` up, A and AAAA; calls back from here or from `fanfare_names_wait`.
void fanfare_names_lookup(
    struct fanfare_names *names, const char *name, fanfare_names_callback callback, void *context);

/// Waits until `wake_descriptor` can be read or a lookup goes on, and carries lookups on.
void fanfare_names_wait(struct fanfare_names *names, int wake_descriptor);

#endif
