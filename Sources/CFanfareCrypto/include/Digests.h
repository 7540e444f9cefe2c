// SHA-1 for the handshake of WebSockets (RFC 6455, section 4.2.2), which asks for nothing else of a library.
#ifndef CFANFARE_DIGESTS_H
#define CFANFARE_DIGESTS_H
#include <stddef.h>
#include <stdint.h>

enum { fanfare_sha1_bytes = 20 };

// Writes the SHA-1 of `message` to the 20 bytes at `digest`.
void fanfare_sha1(const void *message, size_t message_bytes, uint8_t *digest);
#endif
