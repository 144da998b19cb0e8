#include "transport/auth_cache.h"
#include "base/clock.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define WAYS 4 /* places that one digest may be in */

struct entry {
    unsigned char digest[AUTH_DIGEST];
    int64_t until_ms; /* 0 empty */
    uint64_t generation;
    struct identity who;
};

struct auth_cache {
    pthread_mutex_t lock;
    struct entry entries[AUTH_CACHE / WAYS][WAYS];
};

int auth_cache_new(struct auth_cache **out, struct err *err)
{
    struct auth_cache *c = calloc(1, sizeof(*c));

    if (!c)
        return err_oom(err);
    pthread_mutex_init(&c->lock, NULL);
    *out = c;
    return 0;
}

void auth_cache_free(struct auth_cache *c)
{
    if (!c)
        return;
    pthread_mutex_destroy(&c->lock);
    free(c);
}

static struct entry *ways(struct auth_cache *c, const unsigned char *digest)
{
    return c->entries[(digest[0] | (unsigned)digest[1] << 8) % COUNT_OF(c->entries)];
}

bool auth_cache_find(struct auth_cache *c, const unsigned char digest[AUTH_DIGEST],
                     uint64_t generation, struct identity *who)
{
    struct entry *e = ways(c, digest);
    int64_t now = clock_ms();
    bool found = false;

    pthread_mutex_lock(&c->lock);
    for (size_t i = 0; i < WAYS && !found; i++) {
        found = e[i].until_ms > now && e[i].generation == generation &&
                !memcmp(e[i].digest, digest, AUTH_DIGEST);
        if (found)
            *who = e[i].who;
    }
    pthread_mutex_unlock(&c->lock);
    return found;
}

void auth_cache_add(struct auth_cache *c, const unsigned char digest[AUTH_DIGEST],
                    uint64_t generation, const struct identity *who, int64_t for_ms)
{
    struct entry *e = ways(c, digest), *oldest = e;

    if (for_ms <= 0)
        return;
    pthread_mutex_lock(&c->lock);
    for (size_t i = 1; i < WAYS; i++)
        if (e[i].until_ms < oldest->until_ms)
            oldest = &e[i];
    memcpy(oldest->digest, digest, AUTH_DIGEST);
    oldest->until_ms = clock_ms() + (for_ms < AUTH_CACHE_MS ? for_ms : AUTH_CACHE_MS);
    oldest->generation = generation;
    oldest->who = *who;
    pthread_mutex_unlock(&c->lock);
}
