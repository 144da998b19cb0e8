/*
 * Who may call over HTTP: static bearer tokens.
 *
 * A token is AUTH_TOKEN_MIN..AUTH_TOKEN_MAX characters of A-Z a-z 0-9 - . _ ~ + / =
 * (RFC 6750). Only its SHA-256 is kept. The principal of a caller is the first 16
 * hexadecimal digits of that digest, so two tokens are two callers.
 *
 * A token file has one entry per line, `TOKEN` or `NAME:TOKEN`; blank lines and lines that start
 * with # are skipped, at most AUTH_TOKENS entries. NAME is for the reader of the file only.
 *
 * Read-only after it was opened: any thread may check.
 */
#ifndef TRANSPORT_AUTH_H
#define TRANSPORT_AUTH_H

#include "base/err.h"
#include <stdbool.h>

#define AUTH_TOKEN_MIN 16
#define AUTH_TOKEN_MAX 1024
#define AUTH_TOKENS 256

struct auth;

/* Exactly one token, e.g. from the environment. */
int auth_from_token(const char *token, struct auth **out, struct err *err) MUST_CHECK;

int auth_from_file(const char *path, struct auth **out, struct err *err) MUST_CHECK;

/* A fresh random token of 256 bits; auth_generated() tells it, once more to nobody else. */
int auth_generate(struct auth **out, struct err *err) MUST_CHECK;

/* The token made by auth_generate(); NULL for the others. */
const char *auth_generated(const struct auth *auth);

void auth_free(struct auth *auth); /* NULL is fine */

/*
 * The principal for the value of an Authorization header (NULL: there was none), valid as long
 * as `auth`; NULL when it is refused. Takes the same time for any wrong token of one length.
 */
const char *auth_principal(const struct auth *auth, const char *authorization);

#endif
