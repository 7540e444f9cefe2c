#include "CFanfareCrypto.h"

#include <openssl/core_names.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

// --- Bytes in, bytes out -------------------------------------------------------------------------------------------

// More handshake than any honest peer makes us send at once.
enum { flight_bytes_limit = 1 << 20 };

static int window_read(BIO *bio, char *into, size_t bytes_max, size_t *bytes) {
    fanfare_tls_shared *shared = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (shared->input_bytes == 0) {
        BIO_set_retry_read(bio);
        return 0;
    }
    size_t count = shared->input_bytes < bytes_max ? shared->input_bytes : bytes_max;
    memcpy(into, shared->input, count);
    shared->input += count;
    shared->input_bytes -= count;
    *bytes = count;
    return 1;
}

static bool flight_reserve(fanfare_tls_shared *shared, size_t bytes) {
    size_t wanted = shared->flight_bytes + bytes;
    if (wanted <= shared->flight_bytes_max) return true;
    if (wanted > flight_bytes_limit) return false;
    size_t bytes_max = shared->flight_bytes_max > 0 ? shared->flight_bytes_max : 4096;
    while (bytes_max < wanted) bytes_max *= 2;
    uint8_t *flight = realloc(shared->flight, bytes_max);
    if (flight == NULL) return false;
    shared->flight = flight;
    shared->flight_bytes_max = bytes_max;
    return true;
}

static int window_write(BIO *bio, const char *from, size_t bytes, size_t *written) {
    fanfare_tls_shared *shared = BIO_get_data(bio);
    if (shared->target != NULL) {
        if (shared->target_bytes_max - shared->target_bytes < bytes) return 0;
        memcpy(shared->target + shared->target_bytes, from, bytes);
        shared->target_bytes += bytes;
    } else {
        if (!flight_reserve(shared, bytes)) return 0;
        memcpy(shared->flight + shared->flight_bytes, from, bytes);
        shared->flight_bytes += bytes;
    }
    *written = bytes;
    return 1;
}

static long window_control(BIO *bio, int command, long number, void *pointer) {
    (void)bio, (void)number, (void)pointer;
    return command == BIO_CTRL_FLUSH ? 1 : 0;
}

static CRYPTO_ONCE method_once = CRYPTO_ONCE_STATIC_INIT;
static BIO_METHOD *window_method;

static void make_method(void) {
    BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "window");
    if (method == NULL) return;
    BIO_meth_set_read_ex(method, window_read);
    BIO_meth_set_write_ex(method, window_write);
    BIO_meth_set_ctrl(method, window_control);
    window_method = method;
}

// --- Contexts --------------------------------------------------------------------------------------------------------

static int set_ticket_key(SSL *session, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                          EVP_MAC_CTX *mac, int encrypting) {
    fanfare_tls_shared *shared = SSL_CTX_get_app_data(SSL_get_SSL_CTX(session));
    size_t index = 0;
    if (encrypting) {
        if (shared->ticket_key_count == 0) return 0;
        memcpy(name, shared->ticket_keys[0].name, sizeof shared->ticket_keys[0].name);
        if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) != 1) return -1;
    } else {
        while (index < shared->ticket_key_count && memcmp(name, shared->ticket_keys[index].name, 16) != 0) index++;
        if (index == shared->ticket_key_count) return 0;
    }
    fanfare_tls_ticket_key *key = &shared->ticket_keys[index];
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key->authentication, sizeof key->authentication),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, "SHA256", 0),
        OSSL_PARAM_construct_end(),
    };
    if (EVP_MAC_CTX_set_params(mac, parameters) != 1) return -1;
    if (EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), NULL, key->encryption, iv, encrypting) != 1) return -1;
    // 2 also sends a new ticket: with TLS 1.3 always, whose clients use each once (RFC 8446, appendix C.4); with
    // TLS 1.2 when the key is no longer the newest.
    return index > 0 || SSL_version(session) == TLS1_3_VERSION ? 2 : 1;
}

static const unsigned char http11[] = "\x08http/1.1";

// Who offers protocols and HTTP/1.1 is not among them is refused, with no_application_protocol (RFC 7301, section 3.2).
static int select_protocol(SSL *session, const unsigned char **name, unsigned char *bytes, const unsigned char *offered,
                           unsigned int offered_bytes, void *unused) {
    (void)session, (void)unused;
    int result =
        SSL_select_next_proto((unsigned char **)name, bytes, http11, sizeof http11 - 1, offered, offered_bytes);
    return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

static int take_session(SSL *session, SSL_SESSION *fresh) {
    fanfare_tls_shared *shared = SSL_CTX_get_app_data(SSL_get_SSL_CTX(session));
    SSL_SESSION_free(shared->fresh_session);
    shared->fresh_session = fresh;
    return 1;  // its reference is ours now
}

static bool set_up_server(SSL_CTX *context) {
    static const unsigned char session_scope[] = "fanfare";
    SSL_CTX_set_options(context, SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    return SSL_CTX_set_num_tickets(context, 1) == 1 &&
           SSL_CTX_set_session_id_context(context, session_scope, sizeof session_scope - 1) == 1 &&
           SSL_CTX_set_tlsext_ticket_key_evp_cb(context, set_ticket_key) == 1;
}

static bool set_up_client(SSL_CTX *context) {
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context, take_session);
    return SSL_CTX_set_alpn_protos(context, http11, sizeof http11 - 1) == 0;  // 0 is success here
}

bool fanfare_tls_context_offer_http2(SSL_CTX *context) {
    static const unsigned char both[] = "\x02h2\x08http/1.1";
    return SSL_CTX_set_alpn_protos(context, both, sizeof both - 1) == 0;  // 0 is success here
}

SSL_CTX *fanfare_tls_context_new(bool server, fanfare_tls_shared *shared) {
    // Shards' threads never end: OpenSSL must not take itself down under them when the process exits.
    OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, NULL);
    if (CRYPTO_THREAD_run_once(&method_once, make_method) != 1 || window_method == NULL) return NULL;
    SSL_CTX *context = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
    if (context == NULL) return NULL;
    SSL_CTX_set_app_data(context, shared);
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    // AES-128-GCM first: the cheapest per record where the processor has AES. TLS 1.2: forward secrecy and AEAD only.
    bool good = SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 &&
                SSL_CTX_set_ciphersuites(
                    context, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256") == 1 &&
                SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM") == 1 &&
                (server ? set_up_server(context) : set_up_client(context));
    if (good) return context;
    SSL_CTX_free(context);
    return NULL;
}

void fanfare_tls_context_agree_on_http(SSL_CTX *context) { SSL_CTX_set_alpn_select_cb(context, select_protocol, NULL); }

SSL *fanfare_tls_session_new(SSL_CTX *context, bool server, fanfare_tls_shared *shared) {
    SSL *session = SSL_new(context);
    BIO *window = BIO_new(window_method);
    if (session == NULL || window == NULL) {
        SSL_free(session);
        BIO_free(window);
        return NULL;
    }
    BIO_set_data(window, shared);
    BIO_set_init(window, 1);
    SSL_set_bio(session, window, window);
    if (server) {
        SSL_set_accept_state(session);
    } else {
        SSL_set_connect_state(session);
    }
    return session;
}

bool fanfare_tls_session_expect(SSL *session, const char *name) {
    X509_VERIFY_PARAM *parameters = SSL_get0_param(session);
    if (X509_VERIFY_PARAM_set1_ip_asc(parameters, name) == 1) return true;
    X509_VERIFY_PARAM_set_hostflags(parameters, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return X509_VERIFY_PARAM_set1_host(parameters, name, 0) == 1 && SSL_set_tlsext_host_name(session, name) == 1;
}
