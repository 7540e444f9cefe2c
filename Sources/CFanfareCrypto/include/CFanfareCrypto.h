// OpenSSL 3 for Swift: the macros Swift cannot import as static inline functions, and the callbacks it cannot write.
#ifndef CFANFARE_CRYPTO_H
#define CFANFARE_CRYPTO_H
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>

#include "Certificates.h"
#include "Digests.h"
#include "Signatures.h"
#include "TLS.h"
#endif
