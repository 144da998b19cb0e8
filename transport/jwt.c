#include "transport/jwt.h"
#include "base/b64.h"
#include "base/id.h"
#include "mcp/scope.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

struct parts {
    const char *header, *payload, *signature;
    size_t header_len, payload_len, signature_len;
    size_t signed_len; /* from the header's first byte */
};

static bool split(const char *token, size_t len, struct parts *p)
{
    const char *end = token + len;
    const char *first = memchr(token, '.', len);
    const char *second = first ? memchr(first + 1, '.', (size_t)(end - first - 1)) : NULL;

    if (!second || memchr(second + 1, '.', (size_t)(end - second - 1)))
        return false;
    *p = (struct parts){
        .header = token,
        .header_len = (size_t)(first - token),
        .payload = first + 1,
        .payload_len = (size_t)(second - first - 1),
        .signature = second + 1,
        .signature_len = (size_t)(end - second - 1),
        .signed_len = (size_t)(second - token),
    };
    return true;
}

bool jwt_looks_like(const char *token, size_t len)
{
    struct parts p;

    return split(token, len, &p) && p.header_len && p.payload_len;
}

static yyjson_doc *object(const char *text, size_t len, size_t max)
{
    AUTO(buf) struct buf json = BUF_MAX(max + 1);
    yyjson_doc *doc =
        b64url_decode(&json, text, len, NULL) ? NULL : json_parse(buf_str(&json), json.len, NULL);

    if (doc && yyjson_is_obj(yyjson_doc_get_root(doc)))
        return doc;
    yyjson_doc_free(doc);
    return NULL;
}

/* ---- the header ---- */

static bool good_type(yyjson_val *typ)
{
    static const char *const types[] = { "JWT", "at+jwt", "application/at+jwt" };

    for (size_t i = 0; i < COUNT_OF(types); i++)
        if (yyjson_is_str(typ) && !strcasecmp(yyjson_get_str(typ), types[i]))
            return true;
    return !typ;
}

static const char *check_header(yyjson_val *header, enum jwt_alg *alg, const char **kid)
{
    static const char *const refused[] = { "jwk", "jku", "x5u", "x5c", "crit",
                                           "b64", "zip", "enc", "epk" };
    yyjson_val *name = yyjson_obj_get(header, "kid"), *a = yyjson_obj_get(header, "alg");

    for (size_t i = 0; i < COUNT_OF(refused); i++)
        if (yyjson_obj_get(header, refused[i]))
            return "its header brings a key, an encoding or an extension";
    if (!good_type(yyjson_obj_get(header, "typ")))
        return "its header says another type";
    *alg = yyjson_is_str(a) ? jwt_alg_from_name(yyjson_get_str(a)) : JWT_ALG_COUNT;
    if (*alg == JWT_ALG_COUNT || strlen(yyjson_get_str(a)) != yyjson_get_len(a))
        return "its algorithm is not RS256, ES256 or EdDSA";
    *kid = yyjson_get_str(name);
    if (name &&
        (!*kid || yyjson_get_len(name) > JWT_KID_MAX || strlen(*kid) != yyjson_get_len(name)))
        return "its kid is malformed";
    return NULL;
}

static enum jwt_outcome check_signature(const struct jwks *keys, const struct parts *p,
                                        const char **why)
{
    AUTO_JSON yyjson_doc *doc = object(p->header, p->header_len, JWT_HEADER_MAX);
    AUTO(buf) struct buf signature = BUF_MAX(JWT_SIGNATURE_MAX + 1);
    const char *kid = NULL;
    const struct jwt_key *key;
    enum jwt_alg alg;
    bool unknown;

    *why = doc ? check_header(yyjson_doc_get_root(doc), &alg, &kid) : "its header is malformed";
    if (*why)
        return JWT_BAD;
    *why = "its signature is malformed";
    if (b64url_decode(&signature, p->signature, p->signature_len, NULL))
        return JWT_BAD;
    key = jwks_find(keys, alg, kid, &unknown);
    *why = unknown ? "its key is unknown" : "no key is for it";
    if (!key)
        return unknown ? JWT_UNKNOWN_KEY : JWT_BAD;
    *why = "its signature is wrong";
    return jwt_key_verify(key, p->header, p->signed_len, (const unsigned char *)signature.data,
                          signature.len)
               ? JWT_GOOD
               : JWT_BAD;
}

/* ---- the claims ---- */

static bool same(yyjson_val *v, const char *want)
{
    return yyjson_equals_str(v, want);
}

static bool meant_for(yyjson_val *aud, const char *audience)
{
    yyjson_val *item;
    size_t i, max;
    bool found = false;

    if (!yyjson_is_arr(aud))
        return same(aud, audience);
    if (yyjson_arr_size(aud) > JWT_AUDIENCES_MAX)
        return false;
    yyjson_arr_foreach (aud, i, max, item) {
        if (!yyjson_is_str(item))
            return false;
        found |= same(item, audience);
    }
    return found;
}

/* False: it is there and no time. */
static bool seconds(yyjson_val *v, double otherwise, double *out)
{
    *out = v ? yyjson_get_num(v) : otherwise;
    return !v || (yyjson_is_num(v) && isfinite(*out));
}

static const char *check_times(yyjson_val *claims, int64_t now_s, int64_t *exp_s)
{
    double now = (double)now_s, exp, nbf, iat;

    if (!seconds(yyjson_obj_get(claims, "exp"), -1, &exp) || exp < 0)
        return "it has no exp";
    if (!seconds(yyjson_obj_get(claims, "nbf"), 0, &nbf) ||
        !seconds(yyjson_obj_get(claims, "iat"), 0, &iat))
        return "its nbf or iat is malformed";
    if (now >= exp + JWT_SKEW_S)
        return "it has expired";
    if (now + JWT_SKEW_S < nbf)
        return "it is not valid yet";
    if (now + JWT_SKEW_S < iat)
        return "it was issued in the future";
    *exp_s = exp < 1e15 ? (int64_t)exp : INT64_C(1000000000000000);
    return NULL;
}

static bool add_words(const char *text, size_t len, unsigned *scopes)
{
    if (!text)
        return false;
    for (size_t at = 0, n; at < len; at += n + 1) {
        n = 0;
        while (at + n < len && text[at + n] != ' ')
            n++;
        *scopes |= scope_from_name(text + at, n);
    }
    return true;
}

/* `scope` is one string, `scp` also an array of them, and either is seen in both forms. */
static bool add_scopes(yyjson_val *v, unsigned *scopes)
{
    yyjson_val *item;
    size_t i, max;

    if (!yyjson_is_arr(v))
        return add_words(yyjson_get_str(v), yyjson_get_len(v), scopes);
    yyjson_arr_foreach (v, i, max, item)
        if (!add_words(yyjson_get_str(item), yyjson_get_len(item), scopes))
            return false;
    return true;
}

static const char *read_scopes(yyjson_val *claims, unsigned otherwise, unsigned *out)
{
    yyjson_val *scope = yyjson_obj_get(claims, "scope"), *scp = yyjson_obj_get(claims, "scp");

    *out = scope || scp ? 0 : otherwise;
    if ((scope && !add_scopes(scope, out)) || (scp && !add_scopes(scp, out)))
        return "its scopes are malformed";
    return NULL;
}

/* Both are digested first, so that no pair of texts reads like another. */
static const char *read_principal(yyjson_val *claims, const struct jwt_rules *rules,
                                  char out[JWT_PRINCIPAL_SIZE])
{
    yyjson_val *v = yyjson_obj_get(claims, rules->principal_claim);
    size_t len = yyjson_get_len(v);
    char both[2 * 64 + 1], hex[65];

    if (!yyjson_is_str(v) || !len || len > JWT_CLAIM_MAX)
        return "the claim that names its principal is absent or malformed";
    sha256_hex(rules->issuer, strlen(rules->issuer), both);
    sha256_hex(yyjson_get_str(v), len, both + 64);
    sha256_hex(both, 128, hex);
    snprintf(out, JWT_PRINCIPAL_SIZE, "jwt:%.32s", hex);
    return NULL;
}

static const char *check_claims(const struct jwt_rules *rules, const struct parts *p, int64_t now_s,
                                struct jwt_claims *out)
{
    AUTO_JSON yyjson_doc *doc = object(p->payload, p->payload_len, JWT_MAX);
    yyjson_val *claims = yyjson_doc_get_root(doc);
    const char *why;

    if (!doc)
        return "its claims are malformed";
    if (!same(yyjson_obj_get(claims, "iss"), rules->issuer))
        return "it is of another issuer";
    if (!meant_for(yyjson_obj_get(claims, "aud"), rules->audience))
        return "it is for another audience";
    why = check_times(claims, now_s, &out->exp_s);
    if (!why)
        why = read_scopes(claims, rules->default_scopes, &out->scopes);
    return why ? why : read_principal(claims, rules, out->principal);
}

enum jwt_outcome jwt_check(const struct jwt_rules *rules, const struct jwks *keys,
                           const char *token, size_t len, int64_t now_s, struct jwt_claims *out,
                           const char **why)
{
    struct jwt_claims claims = { 0 };
    enum jwt_outcome outcome;
    struct parts p;

    *why = "it is no JWT of a size that is taken";
    if (len > JWT_MAX || !split(token, len, &p))
        return JWT_BAD;
    outcome = check_signature(keys, &p, why);
    if (outcome != JWT_GOOD)
        return outcome;
    *why = check_claims(rules, &p, now_s, &claims);
    if (*why)
        return JWT_BAD;
    *out = claims;
    return JWT_GOOD;
}
