#include <openssl/pem.h>
#include <stdlib.h>

#include "CFanfareCrypto.h"

struct fanfare_tls_identity {
    X509 *leaf;
    STACK_OF(X509) *issuers;
    EVP_PKEY *key;
};

// Without it OpenSSL would ask for an encrypted key's passphrase on the terminal.
static int refuse_passphrase(char *into, int bytes_max, int writing, void *unused) {
    (void)into, (void)bytes_max, (void)writing, (void)unused;
    return -1;
}

// Whether reading PEM ended because there was nothing more, not because of a bad entry.
static bool pem_ended(void) {
    unsigned long error = ERR_peek_last_error();
    return ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
}

// Every certificate of `pem`, in order, at least one; null otherwise.
static STACK_OF(X509) *parse_certificates(const void *pem, size_t bytes) {
    STACK_OF(X509) *certificates = sk_X509_new_null();
    BIO *bio = BIO_new_mem_buf(pem, (int)bytes);
    X509 *certificate = NULL;
    bool good = certificates != NULL && bio != NULL;
    ERR_clear_error();
    while (good && (certificate = PEM_read_bio_X509(bio, NULL, refuse_passphrase, NULL)) != NULL) {
        good = sk_X509_push(certificates, certificate) > 0;
        if (!good) X509_free(certificate);
    }
    good = good && pem_ended() && sk_X509_num(certificates) > 0;
    ERR_clear_error();
    BIO_free(bio);
    if (good) return certificates;
    sk_X509_pop_free(certificates, X509_free);
    return NULL;
}

fanfare_tls_identity_result fanfare_tls_identity_parse(const void *chain, size_t chain_bytes, const void *key,
                                                       size_t key_bytes, fanfare_tls_identity **identity) {
    STACK_OF(X509) *issuers = parse_certificates(chain, chain_bytes);
    if (issuers == NULL) return fanfare_tls_identity_bad_certificate;
    X509 *leaf = sk_X509_shift(issuers);
    BIO *bio = BIO_new_mem_buf(key, (int)key_bytes);
    EVP_PKEY *private_key = PEM_read_bio_PrivateKey(bio, NULL, refuse_passphrase, NULL);
    BIO_free(bio);
    fanfare_tls_identity_result result = fanfare_tls_identity_good;
    if (private_key == NULL) {
        result = fanfare_tls_identity_bad_key;
    } else if (X509_check_private_key(leaf, private_key) != 1) {
        result = fanfare_tls_identity_mismatch;
    }
    ERR_clear_error();
    fanfare_tls_identity parsed = {leaf, issuers, private_key};
    fanfare_tls_identity *copy = malloc(sizeof parsed);
    if (copy == NULL) abort();
    *copy = parsed;
    if (result == fanfare_tls_identity_good) {
        *identity = copy;
    } else {
        fanfare_tls_identity_free(copy);
    }
    return result;
}

void fanfare_tls_identity_free(fanfare_tls_identity *identity) {
    X509_free(identity->leaf);
    sk_X509_pop_free(identity->issuers, X509_free);
    EVP_PKEY_free(identity->key);
    free(identity);
}

bool fanfare_tls_identity_use(SSL_CTX *context, const fanfare_tls_identity *identity) {
    return SSL_CTX_use_cert_and_key(context, identity->leaf, identity->key, identity->issuers, 1) == 1;
}

X509_STORE *fanfare_tls_trust_parse(const void *pem, size_t pem_bytes) {
    STACK_OF(X509) *certificates = parse_certificates(pem, pem_bytes);
    if (certificates == NULL) return NULL;
    X509_STORE *trust = X509_STORE_new();
    bool good = trust != NULL && X509_STORE_set_flags(trust, X509_V_FLAG_PARTIAL_CHAIN) == 1;
    for (int index = 0; good && index < sk_X509_num(certificates); index++) {
        good = X509_STORE_add_cert(trust, sk_X509_value(certificates, index)) == 1;
    }
    sk_X509_pop_free(certificates, X509_free);
    if (good) return trust;
    X509_STORE_free(trust);
    return NULL;
}

X509_STORE *fanfare_tls_trust_system(void) {
    X509_STORE *trust = X509_STORE_new();
    if (trust != NULL && X509_STORE_set_default_paths(trust) == 1) return trust;
    X509_STORE_free(trust);
    return NULL;
}

void fanfare_tls_context_trust(SSL_CTX *context, X509_STORE *trust) {
    if (trust == NULL) {
        SSL_CTX_set_verify(context, SSL_VERIFY_NONE, NULL);
    } else {
        SSL_CTX_set1_cert_store(context, trust);
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    }
}
