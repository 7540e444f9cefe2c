// OpenSSL 3 for Swift: the macros Swift cannot import, as static inline functions.
#ifndef CFANFARE_CRYPTO_H
#define CFANFARE_CRYPTO_H
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#endif
