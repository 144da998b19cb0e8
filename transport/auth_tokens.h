/*
 * Static bearer tokens. A token is AUTH_TOKEN_MIN..AUTH_TOKEN_MAX characters of
 * A-Z a-z 0-9 - . _ ~ + / = (RFC 6750). Only its SHA-256 is kept.
 *
 * A token file has one entry per line, `TOKEN`, `NAME:TOKEN` or `NAME:SCOPES:TOKEN`; blank lines
 * and lines that start with # are skipped, at most AUTH_TOKENS entries. SCOPES are read, execute
 * and admin, separated by commas; without them, execute.
 *
 * The principal of a token with a NAME of 1 to AUTH_NAME_MAX characters of A-Z a-z 0-9 . _ @ -
 * is "name:NAME": all lines of one NAME are one caller, so a token can be changed and its sandboxes
 * stay. Without a NAME, or with one of other characters, which is for the reader of the file only,
 * it is the first 16 hexadecimal digits of the token's digest: two tokens are two callers.
 *
 * Read-only after they were read: any thread may look.
 */
#ifndef TRANSPORT_AUTH_TOKENS_H
#define TRANSPORT_AUTH_TOKENS_H

#include "transport/auth.h"

#define AUTH_DIGEST 32

struct auth_tokens {
    size_t count;
    struct auth_token {
        unsigned char digest[AUTH_DIGEST];
        struct identity who;
    } known[AUTH_TOKENS];
};

/* One token without a name, with the scope execute. */
int auth_tokens_add(struct auth_tokens *t, const char *token, struct err *err) MUST_CHECK;

/* The errors name the line and never the token. */
int auth_tokens_read(struct auth_tokens *t, const char *path, struct err *err) MUST_CHECK;

/* NULL when it is none of them. Takes the same time for any digest. */
const struct identity *auth_tokens_find(const struct auth_tokens *t,
                                        const unsigned char digest[AUTH_DIGEST]);

#endif
