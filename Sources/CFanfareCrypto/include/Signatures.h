// Signatures of JSON Web Tokens (RFC 7515): three algorithms, each with the one kind of key it takes.
#ifndef CFANFARE_SIGNATURES_H
#define CFANFARE_SIGNATURES_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    fanfare_p256_coordinate_bytes = 32,
    fanfare_p256_signature_bytes = 64,
    fanfare_ed25519_key_bytes = 32,
    fanfare_ed25519_signature_bytes = 64,
    fanfare_sha256_bytes = 32,
};

// Whether (x, y), 64 bytes big-endian, is a point of P-256.
bool fanfare_p256_is_key(const uint8_t *point);

// Whether `signature` (r and s, 64 bytes big-endian, RFC 7518 section 3.4) is that of `message` by the key at `point`.
bool fanfare_p256_verify(const uint8_t *point, const uint8_t *signature, const void *message, size_t message_bytes);

// Whether `signature` (64 bytes, RFC 8037) is that of `message` by the Ed25519 key of 32 bytes at `key`.
bool fanfare_ed25519_verify(const uint8_t *key, const uint8_t *signature, const void *message, size_t message_bytes);

// Whether `mac` (32 bytes) is the HMAC-SHA256 of `message`; compared in constant time.
bool fanfare_hmac_sha256_verify(const void *key, size_t key_bytes, const uint8_t *mac, const void *message,
                                size_t message_bytes);
#endif
