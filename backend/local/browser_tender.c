#include "backend/local/local.h"
#include "base/clock.h"

#include <time.h>

#define STACK (128 * 1024)
#define LOOKS 30 /* in one idle time */
#define LOOK_LEAST_MS 250
#define LOOK_MOST_MS 20000

static int64_t idle_ms(const struct local_backend *be)
{
    const struct backend_config *c = be->base.config;

    return c->browser_idle_ms ? c->browser_idle_ms : BROWSER_IDLE_MS;
}

static int64_t pause_ms(const struct local_backend *be)
{
    int64_t ms = idle_ms(be) / LOOKS;

    return ms < LOOK_LEAST_MS ? LOOK_LEAST_MS : ms > LOOK_MOST_MS ? LOOK_MOST_MS : ms;
}

/* Backend lock held: all sandboxes that may have one. They are held, without that counting as
 * use. */
static size_t hold_all(struct local_backend *be, struct local_sandbox **out)
{
    size_t n = 0;

    list_each(link, &be->sandboxes)
    {
        struct local_sandbox *sb = list_of(link, struct local_sandbox, link);
        if (!atomic_load(&sb->base.keeper))
            continue;
        pthread_mutex_lock(&sb->lock);
        sb->users++;
        pthread_mutex_unlock(&sb->lock);
        out[n++] = sb;
    }
    return n;
}

static void look(struct local_backend *be)
{
    struct local_sandbox **all;
    size_t n = 0;

    pthread_mutex_lock(&be->lock);
    all = calloc(be->count + 1, sizeof(*all));
    if (all)
        n = hold_all(be, all);
    pthread_mutex_unlock(&be->lock);
    for (size_t i = 0; i < n; i++) {
        sandbox_browser_expire(&all[i]->base, clock_ms(), idle_ms(be));
        pthread_mutex_lock(&all[i]->lock);
        all[i]->users--;
        pthread_mutex_unlock(&all[i]->lock);
    }
    free(all);
}

static void *tend(void *arg)
{
    struct local_backend *be = arg;
    struct browser_tender *t = &be->tender;

    pthread_mutex_lock(&be->lock);
    while (!t->stop) {
        int64_t until = clock_ms() + pause_ms(be);
        struct timespec ts = { .tv_sec = until / 1000, .tv_nsec = until % 1000 * 1000000 };
        pthread_cond_timedwait(&t->changed, &be->lock, &ts);
        if (t->stop)
            break;
        pthread_mutex_unlock(&be->lock);
        look(be);
        pthread_mutex_lock(&be->lock);
    }
    pthread_mutex_unlock(&be->lock);
    return NULL;
}

void browser_tender_init(struct browser_tender *t)
{
    pthread_condattr_t attr;

    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&t->changed, &attr);
    pthread_condattr_destroy(&attr);
}

void browser_tender_start(struct local_backend *be)
{
    struct browser_tender *t = &be->tender;
    pthread_attr_t attr;

    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK);
    pthread_mutex_lock(&be->lock);
    if (!t->runs && !t->stop)
        t->runs = !pthread_create(&t->thread, &attr, tend, be);
    pthread_mutex_unlock(&be->lock);
    pthread_attr_destroy(&attr);
}

void browser_tender_stop(struct local_backend *be)
{
    struct browser_tender *t = &be->tender;
    bool runs;

    pthread_mutex_lock(&be->lock);
    runs = t->runs;
    t->runs = false;
    t->stop = true;
    pthread_cond_broadcast(&t->changed);
    pthread_mutex_unlock(&be->lock);
    if (runs)
        pthread_join(t->thread, NULL);
}
