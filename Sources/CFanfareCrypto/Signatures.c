#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/x509.h>
#include <string.h>

#include "CFanfareCrypto.h"

// SubjectPublicKeyInfo of an uncompressed P-256 point (RFC 5480), up to the coordinates.
static const uint8_t p256_prefix[] = {
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06,
    0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04,
};

// Null when the point is not on the curve: decoding checks it.
static EVP_PKEY *p256_key(const uint8_t *point) {
    uint8_t der[sizeof p256_prefix + 2 * fanfare_p256_coordinate_bytes];
    memcpy(der, p256_prefix, sizeof p256_prefix);
    memcpy(der + sizeof p256_prefix, point, 2 * fanfare_p256_coordinate_bytes);
    const uint8_t *start = der;
    return d2i_PUBKEY(NULL, &start, sizeof der);
}

bool fanfare_p256_is_key(const uint8_t *point) {
    EVP_PKEY *key = p256_key(point);
    bool good = key != NULL;
    EVP_PKEY_free(key);
    ERR_clear_error();
    return good;
}

// `digest` null: the algorithm hashes by itself.
static bool verify(EVP_PKEY *key, const EVP_MD *digest, const uint8_t *signature, size_t signature_bytes,
                   const void *message, size_t message_bytes) {
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool good = key != NULL && context != NULL && EVP_DigestVerifyInit(context, NULL, digest, NULL, key) == 1
        && EVP_DigestVerify(context, signature, signature_bytes, message, message_bytes) == 1;
    EVP_MD_CTX_free(context);
    ERR_clear_error();
    return good;
}

bool fanfare_p256_verify(const uint8_t *point, const uint8_t *signature, const void *message, size_t message_bytes) {
    ECDSA_SIG *numbers = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(signature, fanfare_p256_coordinate_bytes, NULL);
    BIGNUM *s = BN_bin2bn(signature + fanfare_p256_coordinate_bytes, fanfare_p256_coordinate_bytes, NULL);
    if (numbers == NULL || r == NULL || s == NULL || ECDSA_SIG_set0(numbers, r, s) != 1) {
        ECDSA_SIG_free(numbers);
        BN_free(r);
        BN_free(s);
        return false;
    }
    uint8_t *der = NULL;
    int der_bytes = i2d_ECDSA_SIG(numbers, &der);
    ECDSA_SIG_free(numbers);
    if (der_bytes <= 0) return false;
    EVP_PKEY *key = p256_key(point);
    bool good = verify(key, EVP_sha256(), der, (size_t)der_bytes, message, message_bytes);
    EVP_PKEY_free(key);
    OPENSSL_free(der);
    return good;
}

bool fanfare_ed25519_verify(const uint8_t *key_bytes, const uint8_t *signature, const void *message,
                            size_t message_bytes) {
    EVP_PKEY *key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key_bytes, fanfare_ed25519_key_bytes);
    bool good = verify(key, NULL, signature, fanfare_ed25519_signature_bytes, message, message_bytes);
    EVP_PKEY_free(key);
    return good;
}

bool fanfare_hmac_sha256_verify(const void *key, size_t key_bytes, const uint8_t *mac, const void *message,
                                size_t message_bytes) {
    uint8_t computed[fanfare_sha256_bytes];
    unsigned int computed_bytes = 0;
    if (HMAC(EVP_sha256(), key, (int)key_bytes, message, message_bytes, computed, &computed_bytes) == NULL) return false;
    return computed_bytes == sizeof computed && CRYPTO_memcmp(computed, mac, sizeof computed) == 0;
}
