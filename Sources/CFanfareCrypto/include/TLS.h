// TLS as bytes in, bytes out: the memory an SSL object reads from and writes to, and how contexts are set up.
#ifndef CFANFARE_TLS_H
#define CFANFARE_TLS_H
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

// The most plaintext in one record (RFC 8446, section 5.1).
enum { fanfare_tls_record_bytes_max = 16384 };
// One that encrypts and those before it.
enum { fanfare_tls_ticket_keys_max = 3 };

// What encrypts session tickets: a name sent in the clear, an AES-256-CBC key and an HMAC-SHA256 key (RFC 5077).
typedef struct fanfare_tls_ticket_key {
    uint8_t name[16];
    uint8_t encryption[32];
    uint8_t authentication[32];
} fanfare_tls_ticket_key;

// What the sessions of one context share, since only one of them is inside OpenSSL at a time: the ciphertext not read
// yet, where the next ciphertext goes, and the scratch for one record each way. A session so owns nothing but its SSL.
typedef struct fanfare_tls_shared {
    // Ciphertext given by the caller, not yet read; empty between calls.
    const uint8_t *input;
    size_t input_bytes;
    // While sealing: the caller's memory and how much of it is written. Null otherwise.
    uint8_t *target;
    size_t target_bytes_max;
    size_t target_bytes;
    // When not sealing: handshake messages and alerts to be sent; grows, emptied after each call.
    uint8_t *flight;
    size_t flight_bytes_max;
    size_t flight_bytes;
    // The newest session a server gave the client that is inside OpenSSL; taken after each call.
    SSL_SESSION *fresh_session;
    // Newest first: the first encrypts, all decrypt.
    size_t ticket_key_count;
    fanfare_tls_ticket_key ticket_keys[fanfare_tls_ticket_keys_max];
    // Plaintext of the record just received.
    uint8_t received[fanfare_tls_record_bytes_max];
    // Slices gathered to be sealed as one record.
    uint8_t gathered[fanfare_tls_record_bytes_max];
} fanfare_tls_shared;

// A context for servers or clients whose sessions read and write through `shared`, which outlives it. Null: no memory.
SSL_CTX *fanfare_tls_context_new(bool server, fanfare_tls_shared *shared);
// Sessions of this server's context agree on HTTP/1.1 with whoever offers protocols (ALPN), and refuse who does not offer it.
void fanfare_tls_context_agree_on_http(SSL_CTX *context);

// A session of `context`, in the role the context has. Null: no memory.
SSL *fanfare_tls_session_new(SSL_CTX *context, bool server, fanfare_tls_shared *shared);

// From now on sessions of this client's context offer HTTP/2 before HTTP/1.1. False: no memory.
bool fanfare_tls_context_offer_http2(SSL_CTX *context);

// What a client expects its server to be called: a host name (sent as SNI) or an address literal. False: not usable.
bool fanfare_tls_session_expect(SSL *session, const char *name);

// A certificate, its chain and its key, checked against each other; immutable and shared by contexts of any thread.
typedef struct fanfare_tls_identity fanfare_tls_identity;

typedef enum fanfare_tls_identity_result {
    fanfare_tls_identity_good,
    fanfare_tls_identity_bad_certificate,
    fanfare_tls_identity_bad_key,
    fanfare_tls_identity_mismatch,
} fanfare_tls_identity_result;

// Parses PEM: the leaf first, then its issuers; and an unencrypted key. `identity` is set on success only.
fanfare_tls_identity_result fanfare_tls_identity_parse(const void *chain, size_t chain_bytes, const void *key,
                                                       size_t key_bytes, fanfare_tls_identity **identity);
void fanfare_tls_identity_free(fanfare_tls_identity *identity);
bool fanfare_tls_identity_use(SSL_CTX *context, const fanfare_tls_identity *identity);

// The issuers in `pem`, trusted as they are (also a leaf or an intermediate). Null: none, or one that is not valid.
X509_STORE *fanfare_tls_trust_parse(const void *pem, size_t pem_bytes);
// The issuers the system trusts, looked up in its directories when needed. Null: no memory.
X509_STORE *fanfare_tls_trust_system(void);
// Peers of `context` must show a certificate issued by `trust`, or any (null).
void fanfare_tls_context_trust(SSL_CTX *context, X509_STORE *trust);

// Makes `context` know nothing newer than TLS 1.2.
static inline void fanfare_tls_context_limit_to_tls12(SSL_CTX *context) {
    SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION);
}

// The reason codes Swift cannot import from their macros.
enum {
    fanfare_tls_reason_http_request = SSL_R_HTTP_REQUEST,
    fanfare_tls_reason_verify_failed = SSL_R_CERTIFICATE_VERIFY_FAILED,
    fanfare_tls_reason_alert = SSL_AD_REASON_OFFSET,
};

// Seals `bytes` of plaintext (at least 1, at most a record's) into `target`. Returns the ciphertext's bytes; 0: failed.
static inline size_t fanfare_tls_seal(SSL *session, fanfare_tls_shared *shared, const void *plaintext, size_t bytes,
                                      void *target, size_t target_bytes_max) {
    size_t taken = 0;
    shared->target = (uint8_t *)target;
    shared->target_bytes_max = target_bytes_max;
    shared->target_bytes = 0;
    int result = SSL_write_ex(session, plaintext, bytes, &taken);
    shared->target = NULL;
    return result == 1 && taken == bytes ? shared->target_bytes : 0;
}

// Goes on with the handshake or reads from the next record, into `received`. Returns bytes, or 0 or less: see `error`.
static inline int fanfare_tls_read(SSL *session, fanfare_tls_shared *shared, const void *input, size_t input_bytes,
                                   int *error) {
    shared->input = (const uint8_t *)input;
    shared->input_bytes = input_bytes;
    if (ERR_peek_error() != 0) ERR_clear_error();
    int result = SSL_read(session, shared->received, sizeof shared->received);
    if (result <= 0) *error = SSL_get_error(session, result);
    return result;
}

// Before a call that reads nothing.
static inline void fanfare_tls_no_input(fanfare_tls_shared *shared) {
    shared->input_bytes = 0;
    ERR_clear_error();
}

// The scratch memory, which Swift would import as tuples.
static inline uint8_t *fanfare_tls_received(fanfare_tls_shared *shared) { return shared->received; }
static inline uint8_t *fanfare_tls_gathered(fanfare_tls_shared *shared) { return shared->gathered; }

// Frees the memory flights were gathered in.
static inline void fanfare_tls_flight_release(fanfare_tls_shared *shared) {
    free(shared->flight);
    shared->flight = NULL;
    shared->flight_bytes_max = 0;
}

// The name the peer agreed to with ALPN and its length; null when there was none.
static inline const uint8_t *fanfare_tls_protocol(const SSL *session, unsigned int *bytes) {
    const uint8_t *name = NULL;
    SSL_get0_alpn_selected(session, &name, bytes);
    return name;
}
#endif
