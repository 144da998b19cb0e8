/*
 * A signed JSON Web Token (compact form): whether it is good, and for whom.
 *
 * Good is: at most JWT_MAX bytes; a header that says RS256, ES256 or EdDSA, the very algorithm of
 * the key it names, `typ` none, JWT or at+jwt, and nothing that brings keys, encodings or
 * extensions along; a signature of that key; `iss` and `aud` as the rules say; `exp` not passed,
 * `nbf` and `iat`, when given, not to come, each within JWT_SKEW_S; a principal. A member that
 * appears twice, a value of the wrong type, text that is not UTF-8: refused. Sizes are checked
 * before anything is decoded, the header before any cryptography, the claims after it.
 *
 * Pure: any thread.
 */
#ifndef TRANSPORT_JWT_H
#define TRANSPORT_JWT_H

#include "transport/jwks.h"
#include <stdint.h>

#define JWT_MAX 8192         /* bytes of a token, */
#define JWT_HEADER_MAX 1024  /* its decoded header */
#define JWT_AUDIENCES_MAX 32 /* entries of `aud` */
#define JWT_CLAIM_MAX 1024   /* bytes of the claim that names the principal */
#define JWT_SKEW_S 60
#define JWT_PRINCIPAL_SIZE 37 /* "jwt:", 32 hexadecimal digits, NUL */

struct jwt_rules {
    const char *issuer, *audience;
    const char *principal_claim; /* a string */
    unsigned default_scopes;     /* of a token with neither `scope` nor `scp` */
};

struct jwt_claims {
    char principal[JWT_PRINCIPAL_SIZE]; /* from digests of the issuer and the claim: the same for
                                           every token of one person, of nobody else */
    unsigned scopes; /* SCOPE_* of `scope` and `scp`; names that are not ours are skipped */
    int64_t exp_s;
};

enum jwt_outcome {
    JWT_GOOD,
    JWT_BAD,
    JWT_UNKNOWN_KEY, /* names a key that the set does not have: a newer set may */
};

/*
 * *why is set unless JWT_GOOD, a constant for logs. *out is written only when JWT_GOOD.
 */
enum jwt_outcome jwt_check(const struct jwt_rules *rules, const struct jwks *keys,
                           const char *token, size_t len, int64_t now_s, struct jwt_claims *out,
                           const char **why);

/* It has the outer form of one: three parts. */
bool jwt_looks_like(const char *token, size_t len);

#endif
