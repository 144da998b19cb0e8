/*
 * The keys behind an issuer's jwks_uri: fetched when it starts and from time to time by a
 * thread of its own, and when somebody misses a key, at most once per JWKS_PAUSE_MS. When that
 * fails the keys that were there stay, until they are older than JWKS_STALE_MS.
 *
 * Any thread may ask; nobody waits for a fetch.
 */
#ifndef TRANSPORT_JWKS_REMOTE_H
#define TRANSPORT_JWKS_REMOTE_H

#include "base/call.h"
#include "transport/jwks.h"

#define JWKS_PAUSE_MS (30 * 1000)        /* between two fetches, */
#define JWKS_REFRESH_MS (10 * 60 * 1000) /* and when nobody misses anything */
#define JWKS_STALE_MS (12 * 60 * 60 * 1000)
#define JWKS_START_MS 3000        /* for the first one, before the server listens */
#define JWKS_FETCH_MS (10 * 1000) /* one fetch, all tries */

/* How bytes are got; the text's maximum is set. A call that ends ends the fetch at once. */
struct jwks_source {
    int (*fetch)(void *context, struct call *call, struct buf *text, struct err *err);
    void *context;
    int64_t pause_ms, refresh_ms, stale_ms; /* 0: as above */
};

struct jwks_remote;

/* Waits for the first fetch, at most JWKS_START_MS; goes on without keys when it fails. */
int jwks_remote_open(const struct jwks_source *source, struct jwks_remote **out,
                     struct err *err) MUST_CHECK;
void jwks_remote_free(struct jwks_remote *r); /* ends a fetch; NULL is fine */

/*
 * A reference to the keys, NULL when there are none (yet, or any more). *generation is another one
 * whenever the keys may be others.
 */
struct jwks *jwks_remote_get(struct jwks_remote *r, uint64_t *generation);

/* Somebody misses a key. True: newer ones are being fetched, try again soon. */
bool jwks_remote_miss(struct jwks_remote *r);

#endif
