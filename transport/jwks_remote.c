#include "transport/jwks_remote.h"
#include "base/clock.h"
#include "base/log.h"

#include <pthread.h>
#include <time.h>

struct jwks_remote {
    struct jwks_source source;
    struct call call;
    pthread_t thread;
    bool running;
    pthread_cond_t changed;
    pthread_mutex_t lock; /* all below */
    struct jwks *keys;
    uint64_t generation;
    int64_t got_ms, tried_ms; /* 0 never */
    bool missed, fetching, stop;
};

/* Lock held. When the next fetch is due. */
static int64_t due(const struct jwks_remote *r)
{
    int64_t wait =
        r->missed || r->got_ms != r->tried_ms ? r->source.pause_ms : r->source.refresh_ms;

    return r->tried_ms ? r->tried_ms + wait : 0;
}

/* Lock held. */
static void wait_until(struct jwks_remote *r, int64_t ms)
{
    struct timespec at = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

    (void)pthread_cond_timedwait(&r->changed, &r->lock, &at);
}

/* Lock held. */
static void take(struct jwks_remote *r, struct jwks *keys)
{
    jwks_unref(r->keys);
    r->keys = keys;
    r->generation++;
}

/* Lock held but while bytes are got. */
static void fetch(struct jwks_remote *r)
{
    AUTO(buf) struct buf text = BUF_MAX(JWKS_BYTES_MAX);
    struct jwks *keys = NULL;
    struct err err = { 0 };
    bool failed;

    r->fetching = true;
    r->missed = false;
    pthread_mutex_unlock(&r->lock);
    r->call.started_ms = clock_ms();
    r->call.deadline_ms = r->call.started_ms + JWKS_FETCH_MS;
    failed = r->source.fetch(r->source.context, &r->call, &text, &err) ||
             jwks_read(buf_str(&text), text.len, &keys, &err);
    pthread_mutex_lock(&r->lock);
    r->fetching = false;
    r->tried_ms = clock_ms();
    if (!failed) {
        r->got_ms = r->tried_ms;
        take(r, keys);
        log_info("jwks_fetched keys=%zu", jwks_count(keys));
    } else if (!r->stop) {
        log_warn("jwks_not_fetched why=\"%s\"", err.msg);
    }
}

static void *run(void *arg)
{
    struct jwks_remote *r = arg;

    pthread_mutex_lock(&r->lock);
    while (!r->stop) {
        if (r->keys && clock_ms() - r->got_ms >= r->source.stale_ms) {
            log_error("jwks_stale hours=%d", (int)(r->source.stale_ms / 3600000));
            take(r, NULL);
        }
        if (clock_ms() < due(r)) {
            wait_until(r, due(r));
            continue;
        }
        fetch(r);
        pthread_cond_broadcast(&r->changed);
    }
    pthread_mutex_unlock(&r->lock);
    return NULL;
}

static void init(struct jwks_remote *r, const struct jwks_source *source)
{
    pthread_condattr_t monotonic;

    r->source = *source;
    r->source.pause_ms = source->pause_ms ? source->pause_ms : JWKS_PAUSE_MS;
    r->source.refresh_ms = source->refresh_ms ? source->refresh_ms : JWKS_REFRESH_MS;
    r->source.stale_ms = source->stale_ms ? source->stale_ms : JWKS_STALE_MS;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&r->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&r->lock, NULL);
}

int jwks_remote_open(const struct jwks_source *source, struct jwks_remote **out, struct err *err)
{
    struct jwks_remote *r = calloc(1, sizeof(*r));
    int64_t until = clock_ms() + JWKS_START_MS;

    if (!r)
        return err_oom(err);
    if (call_init(&r->call, err)) {
        free(r);
        return -1;
    }
    init(r, source);
    r->running = !pthread_create(&r->thread, NULL, run, r);
    if (!r->running) {
        jwks_remote_free(r);
        return err_set(err, ERR_INTERNAL, "no thread to fetch keys");
    }
    pthread_mutex_lock(&r->lock);
    while (!r->tried_ms && clock_ms() < until)
        wait_until(r, until);
    pthread_mutex_unlock(&r->lock);
    *out = r;
    return 0;
}

void jwks_remote_free(struct jwks_remote *r)
{
    if (!r)
        return;
    pthread_mutex_lock(&r->lock);
    r->stop = true;
    pthread_cond_broadcast(&r->changed);
    pthread_mutex_unlock(&r->lock);
    call_end(&r->call, CALL_SHUTDOWN);
    if (r->running)
        pthread_join(r->thread, NULL);
    jwks_unref(r->keys);
    pthread_cond_destroy(&r->changed);
    pthread_mutex_destroy(&r->lock);
    call_done(&r->call);
    free(r);
}

struct jwks *jwks_remote_get(struct jwks_remote *r, uint64_t *generation)
{
    struct jwks *keys;

    pthread_mutex_lock(&r->lock);
    keys = r->keys ? jwks_ref(r->keys) : NULL;
    *generation = r->generation;
    pthread_mutex_unlock(&r->lock);
    return keys;
}

bool jwks_remote_miss(struct jwks_remote *r)
{
    bool soon;

    pthread_mutex_lock(&r->lock);
    soon = r->fetching || (r->tried_ms && clock_ms() >= r->tried_ms + r->source.pause_ms);
    r->missed |= !r->fetching;
    pthread_cond_broadcast(&r->changed);
    pthread_mutex_unlock(&r->lock);
    return soon;
}
