#include "mcp/once.h"
#include "base/clock.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct used {
    unsigned char number[ONCE_SIZE];
    uint64_t owner;
    int64_t until_ms; /* 0: free */
};

struct once {
    pthread_mutex_t lock;
    size_t count; /* slots that were ever taken */
    struct used used[ONCE_MAX];
};

int once_new(struct once **out, struct err *err)
{
    struct once *once = calloc(1, sizeof(*once));

    if (!once)
        return err_oom(err);
    pthread_mutex_init(&once->lock, NULL);
    *out = once;
    return 0;
}

void once_free(struct once *once)
{
    if (!once)
        return;
    pthread_mutex_destroy(&once->lock);
    free(once);
}

/* FNV-1a: two principals that share a value share their room, no more. */
static uint64_t hash(const char *s)
{
    uint64_t h = 14695981039346656037u;

    while (*s)
        h = (h ^ (unsigned char)*s++) * 1099511628211u;
    return h;
}

/* Lock held. */
static int use(struct once *once, const struct used *new, struct err *err)
{
    size_t room = once->count, mine = 0;
    int64_t now = clock_ms();

    for (size_t i = 0; i < once->count; i++) {
        const struct used *u = &once->used[i];
        if (u->until_ms <= now)
            room = i;
        else if (!memcmp(u->number, new->number, ONCE_SIZE))
            return err_set(err, ERR_CONFLICT, "it was used already");
        else
            mine += u->owner == new->owner;
    }
    if (room == ONCE_MAX || mine >= ONCE_PER_PRINCIPAL)
        return err_set(err, ERR_RATE_LIMITED, "too many answers in a short time");
    if (room == once->count)
        once->count++;
    once->used[room] = *new;
    return 0;
}

int once_use(struct once *once, const char *principal, const unsigned char number[ONCE_SIZE],
             int64_t until_ms, struct err *err)
{
    struct used new = { .owner = hash(principal), .until_ms = until_ms };
    int failed;

    memcpy(new.number, number, ONCE_SIZE);
    pthread_mutex_lock(&once->lock);
    failed = use(once, &new, err);
    pthread_mutex_unlock(&once->lock);
    return failed;
}
