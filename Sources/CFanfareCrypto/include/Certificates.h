// Certificates made on the spot, for development and tests.
#ifndef CFANFARE_CERTIFICATES_H
#define CFANFARE_CERTIFICATES_H
#include <openssl/x509.h>
#include <stdbool.h>

// What a new certificate says.
typedef struct fanfare_certificate_request {
    // Host names and address literals; the first is also the subject's common name.
    const char *const *hosts;
    size_t host_count;
    // May issue others.
    bool authority;
    // Seconds from now, may be negative.
    long valid_from;
    long valid_to;
    // PEM of who signs it; null: it signs itself.
    const char *issuer_certificate;
    const char *issuer_key;
} fanfare_certificate_request;

// A P-256 certificate and its key as PEM in memory BIOs that the caller frees. False: see OpenSSL's error queue.
bool fanfare_certificate_make(const fanfare_certificate_request *request, BIO **certificate, BIO **key);

// The bytes a memory BIO holds.
static inline const char *fanfare_bio_bytes(BIO *bio, long *bytes) {
    char *start = NULL;
    *bytes = BIO_get_mem_data(bio, &start);
    return start;
}
#endif
