/*
 * Keys made on the spot and tokens signed by them, independent of the code under test.
 */
#ifndef TESTS_UNIT_JWT_FIXTURE_H
#define TESTS_UNIT_JWT_FIXTURE_H

#include "base/b64.h"
#include "base/buf.h"
#include "tests/unit/check.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdlib.h>

/* RSA keys take a second to make: one for all tests. */
static inline EVP_PKEY *key_rsa(void)
{
    static EVP_PKEY *key;

    if (!key)
        key = EVP_RSA_gen(2048);
    CHECK(key);
    return key;
}

static inline EVP_PKEY *key_ec(void)
{
    static EVP_PKEY *key;

    if (!key)
        key = EVP_EC_gen("P-256");
    CHECK(key);
    return key;
}

static inline EVP_PKEY *key_ed(void)
{
    static EVP_PKEY *key;

    if (!key)
        key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    CHECK(key);
    return key;
}

static inline void add_b64url(struct buf *out, const void *data, size_t len)
{
    size_t from = out->len;

    CHECK(!b64_encode(out, data, len, NULL));
    while (out->len > from && out->data[out->len - 1] == '=')
        out->data[--out->len] = '\0';
    for (char *p = out->data + from; *p; p++)
        *p = *p == '+' ? '-' : *p == '/' ? '_' : *p;
}

/* The public half as PEM, space of the next call. */
static inline const char *pem_of(EVP_PKEY *key)
{
    static char space[4096];
    BIO *bio = BIO_new(BIO_s_mem());
    int n;

    CHECK(bio && PEM_write_bio_PUBKEY(bio, key) == 1);
    n = BIO_read(bio, space, sizeof(space) - 1);
    CHECK(n > 0);
    space[n] = '\0';
    BIO_free(bio);
    return space;
}

static inline void add_number(struct buf *out, EVP_PKEY *key, const char *param, const char *name,
                              int width)
{
    BIGNUM *n = NULL;
    unsigned char bytes[1024];
    int len;

    CHECK(EVP_PKEY_get_bn_param(key, param, &n) == 1);
    len = width ? BN_bn2binpad(n, bytes, width) : BN_bn2bin(n, bytes);
    BN_free(n);
    CHECK(len > 0);
    CHECK(!buf_addf(out, NULL, ",\"%s\":\"", name));
    add_b64url(out, bytes, (size_t)len);
    CHECK(!buf_addc(out, '"', NULL));
}

/* A public JWK; more: further members, e.g. ",\"kid\":\"a\"". */
static inline void add_jwk(struct buf *out, EVP_PKEY *key, const char *more)
{
    unsigned char raw[32];
    size_t len = sizeof(raw);

    if (EVP_PKEY_is_a(key, "RSA")) {
        CHECK(!buf_adds(out, "{\"kty\":\"RSA\"", NULL));
        add_number(out, key, "n", "n", 0);
        add_number(out, key, "e", "e", 0);
    } else if (EVP_PKEY_is_a(key, "EC")) {
        CHECK(!buf_adds(out, "{\"kty\":\"EC\",\"crv\":\"P-256\"", NULL));
        add_number(out, key, "qx", "x", 32);
        add_number(out, key, "qy", "y", 32);
    } else {
        CHECK(EVP_PKEY_get_raw_public_key(key, raw, &len) == 1);
        CHECK(!buf_adds(out, "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"", NULL));
        add_b64url(out, raw, len);
        CHECK(!buf_addc(out, '"', NULL));
    }
    CHECK(!buf_adds(out, more, NULL) && !buf_addc(out, '}', NULL));
}

/* DER -> r and s side by side. */
static inline size_t side_by_side(unsigned char *sig, size_t len)
{
    const unsigned char *at = sig;
    ECDSA_SIG *s = d2i_ECDSA_SIG(NULL, &at, (long)len);

    CHECK(s);
    CHECK(BN_bn2binpad(ECDSA_SIG_get0_r(s), sig, 32) == 32);
    CHECK(BN_bn2binpad(ECDSA_SIG_get0_s(s), sig + 32, 32) == 32);
    ECDSA_SIG_free(s);
    return 64;
}

/* Signed as the key can; the header says what it wants. JSON with ' for ". */
static inline void make_token(struct buf *out, EVP_PKEY *key, const char *header,
                              const char *claims)
{
    AUTO(buf) struct buf json = BUF_MAX(1 << 20);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ed = EVP_PKEY_is_a(key, "ED25519");
    unsigned char sig[1024];
    size_t len = sizeof(sig);

    buf_clear(out);
    CHECK(!buf_adds(&json, header, NULL));
    for (char *p = json.data; (p = strchr(p, '\'')); p++)
        *p = '"';
    add_b64url(out, json.data, json.len);
    CHECK(!buf_addc(out, '.', NULL));
    buf_clear(&json);
    CHECK(!buf_adds(&json, claims, NULL));
    for (char *p = json.data; (p = strchr(p, '\'')); p++)
        *p = '"';
    add_b64url(out, buf_str(&json), json.len);
    CHECK(EVP_DigestSignInit(ctx, NULL, ed ? NULL : EVP_sha256(), NULL, key) == 1);
    CHECK(EVP_DigestSign(ctx, sig, &len, (const unsigned char *)out->data, out->len) == 1);
    EVP_MD_CTX_free(ctx);
    if (EVP_PKEY_is_a(key, "EC"))
        len = side_by_side(sig, len);
    CHECK(!buf_addc(out, '.', NULL));
    add_b64url(out, sig, len);
}

#endif
