// By the functions that are deprecated since OpenSSL 3.0: fetching the algorithm through EVP sets up a provider, and reads
// 2 MB of libcrypto into memory that a service without TLS has no other use for.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>

#include "Digests.h"

void fanfare_sha1(const void *message, size_t message_bytes, uint8_t *digest) {
    SHA_CTX context;
    SHA1_Init(&context);
    SHA1_Update(&context, message, message_bytes);
    SHA1_Final(digest, &context);
}
