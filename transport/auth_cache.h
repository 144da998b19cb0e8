/*
 * Tokens whose signature was checked a moment ago, by their digest: AUTH_CACHE entries, each for
 * at most AUTH_CACHE_MS and only as long as the keys are the same. A new entry takes the place of
 * an old one.
 *
 * Any thread.
 */
#ifndef TRANSPORT_AUTH_CACHE_H
#define TRANSPORT_AUTH_CACHE_H

#include "transport/auth_tokens.h"

#define AUTH_CACHE 2048
#define AUTH_CACHE_MS (60 * 1000)

struct auth_cache;

int auth_cache_new(struct auth_cache **out, struct err *err) MUST_CHECK;
void auth_cache_free(struct auth_cache *c); /* NULL is fine */

/* generation: of the keys now. */
bool auth_cache_find(struct auth_cache *c, const unsigned char digest[AUTH_DIGEST],
                     uint64_t generation, struct identity *who);

/* for_ms: how long the token itself is still good. */
void auth_cache_add(struct auth_cache *c, const unsigned char digest[AUTH_DIGEST],
                    uint64_t generation, const struct identity *who, int64_t for_ms);

#endif
