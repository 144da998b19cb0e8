/*
 * Who may call over HTTP: static bearer tokens (auth_tokens.h) and signed ones of an
 * issuer (jwt.h), any of both kinds beside each other.
 *
 * A signed token that was good is remembered for a minute (auth_cache.h), so that a request costs
 * the digest of its token.
 *
 * Complete once it was opened: any thread may check.
 */
#ifndef TRANSPORT_AUTH_H
#define TRANSPORT_AUTH_H

#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AUTH_TOKEN_MIN 16
#define AUTH_TOKEN_MAX 1024
#define AUTH_TOKENS 256
#define AUTH_NAME_MAX 64
#define AUTH_PRINCIPAL_SIZE (AUTH_NAME_MAX + 6) /* "name:" and a NUL */

struct auth;
struct jwks_source;
struct jwt_rules;

/* Who a request comes from; a plain value. Principals are printable ASCII, and never "local". */
struct identity {
    char principal[AUTH_PRINCIPAL_SIZE];
    unsigned scopes;  /* SCOPE_*, with all they imply */
    int64_t until_ms; /* monotonic: when its token ends; 0 never */
};

/* Where tokens come from; NULL: not from there. */
struct auth_config {
    const char *token;              /* exactly this one, e.g. from the environment */
    const char *token_file;         /* see auth_tokens.h */
    bool generate;                  /* a fresh random one of 256 bits */
    const struct jwt_rules *jwt;    /* signed ones; strings are borrowed until auth_free() */
    const char *key_file;           /* with jwt, one of these two: public keys, */
    const struct jwks_source *jwks; /* or where to fetch them */
};

int auth_open(const struct auth_config *config, struct auth **out, struct err *err) MUST_CHECK;
void auth_free(struct auth *auth); /* NULL is fine */

/* The token made for `generate`, else NULL; auth tells it to nobody else. */
const char *auth_generated(const struct auth *auth);

enum auth_answer {
    AUTH_YES,
    AUTH_NONE, /* there was no Authorization */
    AUTH_NO,
    AUTH_LATER, /* its key is being fetched: the same token may be good in a moment */
};

/*
 * Judge the value of an Authorization header (NULL: there was none). *who is written only for
 * AUTH_YES. Takes the same time for any wrong static token of one length; never waits.
 */
enum auth_answer auth_check(struct auth *auth, const char *authorization, struct identity *who);

#endif
