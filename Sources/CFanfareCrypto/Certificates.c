#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include "CFanfareCrypto.h"

static bool add_extension(X509 *certificate, X509 *issuer, int kind, const char *value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, kind, value);
    bool good = extension != NULL && X509_add_ext(certificate, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return good;
}

// A host name or, when it reads as one, an address (RFC 5280, section 4.2.1.6).
static GENERAL_NAME *make_name(const char *host) {
    GENERAL_NAME *name = GENERAL_NAME_new();
    ASN1_OCTET_STRING *address = a2i_IPADDRESS(host);
    if (name != NULL && address != NULL) {
        GENERAL_NAME_set0_value(name, GEN_IPADD, address);
        return name;
    }
    ASN1_IA5STRING *text = ASN1_IA5STRING_new();
    if (name != NULL && text != NULL && ASN1_STRING_set(text, host, -1) == 1) {
        GENERAL_NAME_set0_value(name, GEN_DNS, text);
        return name;
    }
    ASN1_OCTET_STRING_free(address);
    ASN1_IA5STRING_free(text);
    GENERAL_NAME_free(name);
    return NULL;
}

static bool add_hosts(X509 *certificate, const fanfare_certificate_request *request) {
    GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();
    bool good = names != NULL;
    for (size_t index = 0; good && index < request->host_count; index++) {
        GENERAL_NAME *name = make_name(request->hosts[index]);
        good = name != NULL && sk_GENERAL_NAME_push(names, name) > 0;
        if (!good) GENERAL_NAME_free(name);
    }
    good = good && X509_add1_ext_i2d(certificate, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT) == 1;
    GENERAL_NAMES_free(names);
    return good;
}

static bool set_serial(X509 *certificate) {
    uint64_t serial = 0;
    return RAND_bytes((unsigned char *)&serial, sizeof serial) == 1 &&
           ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), serial >> 1) == 1;
}

// One that signs itself without being an authority says nothing: verifiers would not take it for self-signed otherwise.
static bool add_key_usage(X509 *certificate, X509 *issuer, const fanfare_certificate_request *request) {
    if (request->authority) {
        return add_extension(certificate, issuer, NID_key_usage, "critical,keyCertSign,cRLSign,digitalSignature");
    }
    return issuer == certificate || add_extension(certificate, issuer, NID_key_usage, "critical,digitalSignature");
}

static bool fill(X509 *certificate, X509 *issuer, const fanfare_certificate_request *request, EVP_PKEY *key) {
    X509_NAME *subject = X509_get_subject_name(certificate);
    const unsigned char *name = (const unsigned char *)request->hosts[0];
    return X509_set_version(certificate, X509_VERSION_3) == 1 && set_serial(certificate) &&
           X509_gmtime_adj(X509_getm_notBefore(certificate), request->valid_from) != NULL &&
           X509_gmtime_adj(X509_getm_notAfter(certificate), request->valid_to) != NULL &&
           X509_set_pubkey(certificate, key) == 1 &&
           X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, name, -1, -1, 0) == 1 &&
           X509_set_issuer_name(certificate, X509_get_subject_name(issuer)) == 1 &&
           add_extension(certificate, issuer, NID_subject_key_identifier, "hash") &&
           (issuer == certificate ||
            add_extension(certificate, issuer, NID_authority_key_identifier, "keyid:always")) &&
           add_extension(certificate, issuer, NID_basic_constraints,
                         request->authority ? "critical,CA:TRUE" : "critical,CA:FALSE") &&
           add_key_usage(certificate, issuer, request) &&
           add_hosts(certificate, request);
}

// The certificate or key that a PEM text holds.
static X509 *read_certificate(const char *pem) {
    BIO *bio = BIO_new_mem_buf(pem, -1);
    X509 *certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    BIO_free(bio);
    return certificate;
}

static EVP_PKEY *read_key(const char *pem) {
    BIO *bio = BIO_new_mem_buf(pem, -1);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    BIO_free(bio);
    return key;
}

bool fanfare_certificate_make(const fanfare_certificate_request *request, BIO **certificate, BIO **key) {
    bool own = request->issuer_certificate == NULL;
    EVP_PKEY *pair = EVP_EC_gen("P-256");
    X509 *made = X509_new();
    X509 *issuer = own ? made : read_certificate(request->issuer_certificate);
    EVP_PKEY *issuer_key = own ? pair : read_key(request->issuer_key);
    *certificate = BIO_new(BIO_s_mem());
    *key = BIO_new(BIO_s_mem());
    bool good = pair != NULL && made != NULL && issuer != NULL && issuer_key != NULL && *certificate != NULL &&
                *key != NULL && fill(made, issuer, request, pair) && X509_sign(made, issuer_key, EVP_sha256()) > 0 &&
                PEM_write_bio_X509(*certificate, made) == 1 &&
                PEM_write_bio_PrivateKey(*key, pair, NULL, NULL, 0, NULL, NULL) == 1;
    if (!own) {
        X509_free(issuer);
        EVP_PKEY_free(issuer_key);
    }
    X509_free(made);
    EVP_PKEY_free(pair);
    if (good) return true;
    BIO_free(*certificate);
    BIO_free(*key);
    return false;
}
