#include "backend/browser/cdp_taps.h"

void taps_init(struct taps *t)
{
    *t = (struct taps){ 0 };
    pthread_mutex_init(&t->lock, NULL);
}

void taps_done(struct taps *t)
{
    pthread_mutex_destroy(&t->lock);
}

bool taps_take(struct taps *t, int64_t id, const char *session, yyjson_val *message)
{
    bool taken = false;

    pthread_mutex_lock(&t->lock);
    for (unsigned i = 0; i < CDP_TAPS && !taken; i++)
        taken = t->all[i] && t->all[i]->take(t->all[i], id, session, message);
    pthread_mutex_unlock(&t->lock);
    return taken;
}

void taps_over(struct taps *t)
{
    pthread_mutex_lock(&t->lock);
    t->over = true;
    for (unsigned i = 0; i < CDP_TAPS; i++)
        if (t->all[i])
            t->all[i]->over(t->all[i]);
    pthread_mutex_unlock(&t->lock);
}

int taps_add(struct taps *t, struct cdp_tap *tap, struct err *err)
{
    unsigned i = 0;

    pthread_mutex_lock(&t->lock);
    while (i < CDP_TAPS && t->all[i])
        i++;
    bool over = t->over;
    if (!over && i < CDP_TAPS) {
        tap->index = i;
        t->all[i] = tap;
    }
    pthread_mutex_unlock(&t->lock);
    if (over)
        return err_set(err, ERR_UNAVAILABLE, "the browser has ended");
    return i < CDP_TAPS
               ? 0
               : err_set(err, ERR_QUOTA, "%d other programs use the browser already", CDP_TAPS);
}

void taps_remove(struct taps *t, struct cdp_tap *tap)
{
    pthread_mutex_lock(&t->lock);
    if (t->all[tap->index] == tap)
        t->all[tap->index] = NULL;
    pthread_mutex_unlock(&t->lock);
}
