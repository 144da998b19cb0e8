/*
 * Signed tokens and sets of keys. The first byte chooses: a token as it came (0), a token whose
 * header and claims are the input's two lines, signed so that what lies behind the signature is
 * reached (1), or a text of keys (2). What passes must be what the promise says.
 *
 * covers: transport/jwt.c transport/jwt_key.c transport/jwks.c
 * seeds: tests/fuzz/seeds/jwt
 */
#include "base/b64.h"
#include "transport/jwt.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#define INPUT_MAX 16384
#define NOW INT64_C(1800000000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct jwt_rules rules = {
    .issuer = "https://i.example",
    .audience = "a",
    .principal_claim = "sub",
    .default_scopes = 1,
};

static EVP_PKEY *signer;
static struct jwks *keys;

static void must(bool holds)
{
    if (!holds)
        abort();
}

static void add_url(struct buf *out, const void *data, size_t len)
{
    size_t from = out->len;

    must(!b64_encode(out, data, len, NULL) && !buf_addc(out, '=', NULL));
    while (out->len > from && out->data[out->len - 1] == '=')
        out->data[--out->len] = '\0';
    for (char *p = out->data + from; *p; p++)
        *p = *p == '+' ? '-' : *p == '/' ? '_' : *p;
}

/* One Ed25519 key, of which the tests know the private half. */
static void start(void)
{
    static const unsigned char seed[32] = "not a secret";
    AUTO(buf) struct buf text = BUF_MAX(1024);
    unsigned char raw[32];
    size_t len = sizeof(raw);

    signer = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, sizeof(seed));
    must(signer && EVP_PKEY_get_raw_public_key(signer, raw, &len) == 1);
    must(!buf_adds(&text, "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"k\",\"x\":\"", NULL));
    add_url(&text, raw, len);
    must(!buf_adds(&text, "\"}", NULL));
    must(!jwks_read(text.data, text.len, &keys, NULL));
}

static void check(const char *token, size_t len, bool was_signed)
{
    struct jwt_claims claims;
    const char *why = NULL;
    enum jwt_outcome outcome = jwt_check(&rules, keys, token, len, NOW, &claims, &why);

    must(outcome == JWT_GOOD || (why && *why));
    if (outcome != JWT_GOOD)
        return;
    must(was_signed && len <= JWT_MAX && jwt_looks_like(token, len));
    must(claims.exp_s + JWT_SKEW_S > NOW && !(claims.scopes & ~7u));
    must(!strncmp(claims.principal, "jwt:", 4) && strlen(claims.principal) == 36);
}

static void check_signed(const char *text, size_t len)
{
    AUTO(buf) struct buf token = BUF_MAX(4 * INPUT_MAX);
    const char *line = memchr(text, '\n', len), *end = text + len;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    unsigned char sig[64];
    size_t n = sizeof(sig);

    if (!line)
        line = end;
    add_url(&token, text, (size_t)(line - text));
    must(!buf_addc(&token, '.', NULL));
    if (line < end)
        add_url(&token, line + 1, (size_t)(end - line - 1));
    must(EVP_DigestSignInit(ctx, NULL, NULL, NULL, signer) == 1);
    must(EVP_DigestSign(ctx, sig, &n, (const unsigned char *)token.data, token.len) == 1);
    EVP_MD_CTX_free(ctx);
    must(!buf_addc(&token, '.', NULL));
    add_url(&token, sig, n);
    check(token.data, token.len, true);
}

static void check_keys(const char *text, size_t len)
{
    AUTO_PTR(jwks) struct jwks *set = NULL;
    struct err err = { 0 };
    bool unknown;

    if (jwks_read(text, len, &set, &err)) {
        must(err.code && *err.msg);
        return;
    }
    must(jwks_count(set) >= 1 && jwks_count(set) <= JWKS_KEYS_MAX);
    for (int alg = 0; alg < JWT_ALG_COUNT; alg++) {
        const struct jwt_key *key = jwks_find(set, (enum jwt_alg)alg, "k", &unknown);
        must(!key || ((int)key->alg == alg && (!key->kid || !strcmp(key->kid, "k"))));
        must(!key || !jwt_key_verify(key, "x", 1, (const unsigned char *)text, 64));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[INPUT_MAX + 65] = { 0 };

    if (!signer)
        start();
    if (!size || size - 1 > INPUT_MAX)
        return -1;
    memcpy(text, data + 1, size - 1);
    switch (data[0] % 3) {
    case 0:
        check(text, size - 1, false);
        break;
    case 1:
        check_signed(text, size - 1);
        break;
    default:
        check_keys(text, size - 1);
    }
    return 0;
}
