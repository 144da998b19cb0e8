/*
 * Certificate and key of an endpoint. libmicrohttpd does the work (GnuTLS); here is what it is
 * given.
 */
#ifndef TRANSPORT_HTTP_TLS_H
#define TRANSPORT_HTTP_TLS_H

#include "base/buf.h"

/* TLS 1.2 and 1.3, AEAD ciphers with forward secrecy. */
#define TLS_PRIORITIES                                                                   \
    "NONE:+VERS-TLS1.3:+VERS-TLS1.2:+AES-256-GCM:+CHACHA20-POLY1305:+AES-128-GCM:+AEAD:" \
    "+ECDHE-ECDSA:+ECDHE-RSA:+GROUP-X25519:+GROUP-SECP256R1:+GROUP-SECP384R1:+SIGN-ALL:" \
    "-SIGN-RSA-SHA1:-SIGN-ECDSA-SHA1:+COMP-NULL:+CTYPE-X509:%SERVER_PRECEDENCE"
#define TLS_FILE_MAX (256 * 1024)

struct tls_files {
    struct buf cert, key; /* PEM */
};
void tls_done(struct tls_files *t);

/* Read both; ERR_INVALID when one is not PEM of its kind, or the key is not the certificate's. */
int tls_read(const char *cert_path, const char *key_path, struct tls_files *out,
             struct err *err) MUST_CHECK;

#endif
