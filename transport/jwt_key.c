#include "transport/jwt_key.h"
#include "base/b64.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <string.h>

#define RSA_BITS_MIN 2048
#define RSA_BITS_MAX 8192
#define EXPONENT_MAX 8 /* bytes: longer ones only make a verification slow */
#define POINT 32       /* bytes of a coordinate of P-256, of r and of s */

#define AUTO_SSL(type) __attribute__((cleanup(free_##type))) type *
#define DEFINE_FREE(type, destroy)    \
    static void free_##type(type **p) \
    {                                 \
        destroy(*p);                  \
    }

DEFINE_FREE(EVP_PKEY, EVP_PKEY_free)
DEFINE_FREE(EVP_PKEY_CTX, EVP_PKEY_CTX_free)
DEFINE_FREE(EVP_MD_CTX, EVP_MD_CTX_free)
DEFINE_FREE(OSSL_PARAM_BLD, OSSL_PARAM_BLD_free)
DEFINE_FREE(OSSL_PARAM, OSSL_PARAM_free)
DEFINE_FREE(BIGNUM, BN_free)
DEFINE_FREE(BIO, BIO_free)
DEFINE_FREE(ECDSA_SIG, ECDSA_SIG_free)

static int make_rsa(yyjson_val *jwk, EVP_PKEY **out, struct err *err);
static int make_ec(yyjson_val *jwk, EVP_PKEY **out, struct err *err);
static int make_okp(yyjson_val *jwk, EVP_PKEY **out, struct err *err);

static const struct {
    const char *name; /* in tokens */
    const char *kty;  /* in JWKs */
    const char *type; /* in libcrypto */
    const char *hash; /* NULL: part of the algorithm */
    int (*make)(yyjson_val *jwk, EVP_PKEY **out, struct err *err);
} algs[JWT_ALG_COUNT] = {
    [JWT_RS256] = { "RS256", "RSA", "RSA", "SHA256", make_rsa },
    [JWT_ES256] = { "ES256", "EC", "EC", "SHA256", make_ec },
    [JWT_EDDSA] = { "EdDSA", "OKP", "ED25519", NULL, make_okp },
};

enum jwt_alg jwt_alg_from_name(const char *name)
{
    int alg = 0;

    while (alg < JWT_ALG_COUNT && strcmp(algs[alg].name, name))
        alg++;
    return (enum jwt_alg)alg;
}

static const char *member(yyjson_val *jwk, const char *name, size_t *len)
{
    yyjson_val *v = yyjson_obj_get(jwk, name);

    *len = yyjson_get_len(v);
    return yyjson_get_str(v);
}

static int bytes(yyjson_val *jwk, const char *name, unsigned char *out, size_t max, size_t *len,
                 struct err *err)
{
    AUTO(buf) struct buf data = BUF_MAX(max + 1);
    size_t text_len;
    const char *text = member(jwk, name, &text_len);

    if (text && text_len && !b64url_decode(&data, text, text_len, NULL) && data.len <= max) {
        memcpy(out, data.data, data.len);
        *len = data.len;
        return 0;
    }
    return err_set(err, ERR_INVALID, "\"%s\" is not base64url of at most %zu bytes", name, max);
}

static int from_data(const char *type, OSSL_PARAM_BLD *bld, EVP_PKEY **out, struct err *err)
{
    AUTO_SSL(OSSL_PARAM) params = OSSL_PARAM_BLD_to_param(bld);
    AUTO_SSL(EVP_PKEY_CTX) ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);

    if (params && ctx && EVP_PKEY_fromdata_init(ctx) == 1 &&
        EVP_PKEY_fromdata(ctx, out, EVP_PKEY_PUBLIC_KEY, params) == 1)
        return 0;
    return err_set(err, ERR_INVALID, "its numbers are no %s key", type);
}

static int make_rsa(yyjson_val *jwk, EVP_PKEY **out, struct err *err)
{
    unsigned char n[RSA_BITS_MAX / 8], e[EXPONENT_MAX];
    size_t n_len, e_len;
    AUTO_SSL(OSSL_PARAM_BLD) bld = OSSL_PARAM_BLD_new();
    AUTO_SSL(BIGNUM) big_n = NULL;
    AUTO_SSL(BIGNUM) big_e = NULL;

    if (bytes(jwk, "n", n, sizeof(n), &n_len, err) || bytes(jwk, "e", e, sizeof(e), &e_len, err))
        return -1;
    big_n = BN_bin2bn(n, (int)n_len, NULL);
    big_e = BN_bin2bn(e, (int)e_len, NULL);
    if (!bld || !big_n || !big_e || !OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_N, big_n) ||
        !OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_E, big_e))
        return err_oom(err);
    return from_data("RSA", bld, out, err);
}

static int make_ec(yyjson_val *jwk, EVP_PKEY **out, struct err *err)
{
    const char *curve = json_str(jwk, "crv");
    unsigned char point[1 + 2 * POINT] = { POINT_CONVERSION_UNCOMPRESSED };
    size_t x_len, y_len;
    AUTO_SSL(OSSL_PARAM_BLD) bld = OSSL_PARAM_BLD_new();

    if (!curve || strcmp(curve, "P-256"))
        return err_set(err, ERR_UNSUPPORTED, "an EC key on another curve than P-256");
    if (bytes(jwk, "x", point + 1, POINT, &x_len, err) ||
        bytes(jwk, "y", point + 1 + POINT, POINT, &y_len, err))
        return -1;
    if (x_len != POINT || y_len != POINT)
        return err_set(err, ERR_INVALID, "a coordinate of P-256 has %d bytes", POINT);
    if (!bld ||
        !OSSL_PARAM_BLD_push_utf8_string(bld, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) ||
        !OSSL_PARAM_BLD_push_octet_string(bld, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point)))
        return err_oom(err);
    return from_data("EC", bld, out, err);
}

static int make_okp(yyjson_val *jwk, EVP_PKEY **out, struct err *err)
{
    const char *curve = json_str(jwk, "crv");
    unsigned char x[32];
    size_t len;

    if (!curve || strcmp(curve, "Ed25519"))
        return err_set(err, ERR_UNSUPPORTED, "an OKP key on another curve than Ed25519");
    if (bytes(jwk, "x", x, sizeof(x), &len, err))
        return -1;
    *out = EVP_PKEY_new_raw_public_key_ex(NULL, "ED25519", NULL, x, len);
    return *out ? 0 : err_set(err, ERR_INVALID, "its numbers are no Ed25519 key");
}

/* Takes pkey on success, whose kind must be one of ours. */
static int key_new(EVP_PKEY *pkey, const char *kid, struct jwt_key **out, struct err *err)
{
    struct jwt_key *key;
    char group[64];
    int alg = 0;

    while (alg < JWT_ALG_COUNT && !EVP_PKEY_is_a(pkey, algs[alg].type))
        alg++;
    if (alg == JWT_ALG_COUNT ||
        (alg == JWT_ES256 && (EVP_PKEY_get_group_name(pkey, group, sizeof(group), NULL) != 1 ||
                              strcmp(group, "prime256v1"))))
        return err_set(err, ERR_UNSUPPORTED, "neither an RSA, a P-256 nor an Ed25519 key");
    if (alg == JWT_RS256 &&
        (EVP_PKEY_get_bits(pkey) < RSA_BITS_MIN || EVP_PKEY_get_bits(pkey) > RSA_BITS_MAX))
        return err_set(err, ERR_INVALID, "an RSA key has %d to %d bits, this one %d", RSA_BITS_MIN,
                       RSA_BITS_MAX, EVP_PKEY_get_bits(pkey));
    key = calloc(1, sizeof(*key));
    if (!key)
        return err_oom(err);
    key->kid = kid ? strdup(kid) : NULL;
    if (kid && !key->kid) {
        free(key);
        return err_oom(err);
    }
    key->alg = (enum jwt_alg)alg;
    key->pkey = pkey;
    *out = key;
    return 0;
}

static bool among(yyjson_val *list, const char *word)
{
    yyjson_val *item;
    size_t i, max;

    yyjson_arr_foreach (list, i, max, item)
        if (yyjson_equals_str(item, word))
            return true;
    return false;
}

/* Only for checking signatures, and nothing in it that is secret. */
static int check_use(yyjson_val *jwk, const char *alg, struct err *err)
{
    static const char *const secret[] = { "d", "p", "q", "dp", "dq", "qi", "oth", "k" };
    yyjson_val *use = yyjson_obj_get(jwk, "use"), *ops = yyjson_obj_get(jwk, "key_ops");
    yyjson_val *named = yyjson_obj_get(jwk, "alg");

    for (size_t i = 0; i < COUNT_OF(secret); i++)
        if (yyjson_obj_get(jwk, secret[i]))
            return err_set(err, ERR_DENIED, "a private or symmetric key, where public ones belong");
    if (use && !yyjson_equals_str(use, "sig"))
        return err_set(err, ERR_UNSUPPORTED, "a key that is not for signatures");
    if (ops && !among(ops, "verify"))
        return err_set(err, ERR_UNSUPPORTED, "a key that is not for verifying");
    if (!alg || (named && !yyjson_equals_str(named, alg)))
        return err_set(err, ERR_UNSUPPORTED,
                       "a key for another algorithm than RS256, ES256, EdDSA");
    return 0;
}

int jwt_key_from_jwk(yyjson_val *jwk, struct jwt_key **out, struct err *err)
{
    const char *kty = json_str(jwk, "kty");
    size_t kid_len;
    const char *kid = member(jwk, "kid", &kid_len);
    AUTO_SSL(EVP_PKEY) pkey = NULL;
    int alg = 0;

    while (alg < JWT_ALG_COUNT && kty && strcmp(algs[alg].kty, kty))
        alg++;
    if (!kty)
        return err_set(err, ERR_INVALID, "a JWK without \"kty\"");
    if (check_use(jwk, alg < JWT_ALG_COUNT ? algs[alg].name : NULL, err))
        return -1;
    if (kid && (kid_len > JWT_KID_MAX || strlen(kid) != kid_len))
        return err_set(err, ERR_INVALID, "\"kid\" has more than %d bytes or a NUL", JWT_KID_MAX);
    if (algs[alg].make(jwk, &pkey, err) || key_new(pkey, kid, out, err))
        return -1;
    pkey = NULL;
    return 0;
}

static int no_password(char *out UNUSED, int size UNUSED, int writing UNUSED, void *context UNUSED)
{
    return -1;
}

int jwt_key_from_pem(const char *text, size_t len, struct jwt_key **out, struct err *err)
{
    AUTO_SSL(EVP_PKEY) pkey = NULL;
    AUTO_SSL(BIO) bio = NULL;

    if (memmem(text, len, "PRIVATE KEY-----", 16))
        return err_set(err, ERR_DENIED, "a private key, where a public one belongs");
    bio = BIO_new_mem_buf(text, (int)len);
    if (!bio)
        return err_oom(err);
    pkey = PEM_read_bio_PUBKEY(bio, NULL, no_password, NULL);
    if (!pkey)
        return err_set(err, ERR_INVALID, "neither JSON nor PEM with a PUBLIC KEY");
    if (key_new(pkey, NULL, out, err))
        return -1;
    pkey = NULL;
    return 0;
}

void jwt_key_free(struct jwt_key *key)
{
    if (!key)
        return;
    EVP_PKEY_free(key->pkey);
    free(key->kid);
    free(key);
}

/* r and s side by side -> DER, as libcrypto wants it. Length, 0 when it fails. */
static size_t to_der(const unsigned char *rs, unsigned char der[2 * POINT + 16])
{
    AUTO_SSL(ECDSA_SIG) sig = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(rs, POINT, NULL), *s = BN_bin2bn(rs + POINT, POINT, NULL);
    int len;

    if (!sig || !r || !s || ECDSA_SIG_set0(sig, r, s) != 1) {
        BN_free(r);
        BN_free(s);
        return 0;
    }
    len = i2d_ECDSA_SIG(sig, &der);
    return len > 0 ? (size_t)len : 0;
}

bool jwt_key_verify(const struct jwt_key *key, const char *text, size_t len,
                    const unsigned char *signature, size_t signature_len)
{
    AUTO_SSL(EVP_MD_CTX) ctx = EVP_MD_CTX_new();
    unsigned char der[2 * POINT + 16];

    if (key->alg == JWT_ES256) {
        signature_len = signature_len == 2 * POINT ? to_der(signature, der) : 0;
        signature = der;
    }
    return signature_len && ctx &&
           EVP_DigestVerifyInit_ex(ctx, NULL, algs[key->alg].hash, NULL, NULL, key->pkey, NULL) ==
               1 &&
           EVP_DigestVerify(ctx, signature, signature_len, (const unsigned char *)text, len) == 1;
}
