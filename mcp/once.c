#include "mcp/once.h"
#include "base/clock.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct once {
    pthread_mutex_t lock;
    struct {
        unsigned char number[ONCE_SIZE];
        int64_t until_ms; /* 0: free */
    } used[ONCE_MAX];
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

/* Lock held. */
static int use(struct once *once, const unsigned char *number, int64_t until_ms, struct err *err)
{
    size_t room = ONCE_MAX;
    int64_t now = clock_ms();

    for (size_t i = 0; i < ONCE_MAX; i++) {
        if (once->used[i].until_ms <= now)
            room = i;
        else if (!memcmp(once->used[i].number, number, ONCE_SIZE))
            return err_set(err, ERR_CONFLICT, "it was used already");
    }
    if (room == ONCE_MAX)
        return err_set(err, ERR_RATE_LIMITED, "too many answers at once");
    memcpy(once->used[room].number, number, ONCE_SIZE);
    once->used[room].until_ms = until_ms;
    return 0;
}

int once_use(struct once *once, const unsigned char number[ONCE_SIZE], int64_t until_ms,
             struct err *err)
{
    int failed;

    pthread_mutex_lock(&once->lock);
    failed = use(once, number, until_ms, err);
    pthread_mutex_unlock(&once->lock);
    return failed;
}
