#include "base/pool.h"
#include "base/clock.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#define KEEP 2

struct job {
    void (*fn)(void *arg);
    void *arg;
};

struct pool {
    pthread_mutex_t lock;
    pthread_cond_t work, gone;
    unsigned max_threads, max_queued;
    /* all below: lock */
    unsigned threads, idle, running;
    unsigned head, queued;
    bool closing, has_ended;
    pthread_t ended; /* the last thread that ended, to be joined by the next one */
    struct job queue[];
};

int pool_new(unsigned max_threads, unsigned max_queued, struct pool **out, struct err *err)
{
    struct pool *p = calloc(1, sizeof(*p) + max_queued * sizeof(struct job));
    pthread_condattr_t attr;

    if (!p)
        return err_oom(err);
    p->max_threads = max_threads;
    p->max_queued = max_queued;
    pthread_mutex_init(&p->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&p->work, &attr);
    pthread_cond_init(&p->gone, &attr);
    pthread_condattr_destroy(&attr);
    *out = p;
    return 0;
}

/* Lock held. False: the thread has been idle for long enough. */
static bool await_work(struct pool *p)
{
    struct timespec until;
    int r = 0;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += POOL_IDLE_S;
    p->idle++;
    while (!p->queued && !p->closing && r != ETIMEDOUT)
        r = pthread_cond_timedwait(&p->work, &p->lock, &until);
    p->idle--;
    if (p->queued)
        return true;
    return !p->closing && p->threads <= KEEP;
}

static void *worker(void *arg)
{
    struct pool *p = arg;
    pthread_t before;
    bool join;

    pthread_mutex_lock(&p->lock);
    while (p->queued || await_work(p)) {
        struct job job;
        if (!p->queued)
            continue;
        job = p->queue[p->head];
        p->head = (p->head + 1) % p->max_queued;
        p->queued--;
        p->running++;
        pthread_mutex_unlock(&p->lock);
        job.fn(job.arg);
        pthread_mutex_lock(&p->lock);
        p->running--;
    }
    before = p->ended;
    join = p->has_ended;
    p->ended = pthread_self();
    p->has_ended = true;
    p->threads--;
    pthread_cond_broadcast(&p->gone);
    pthread_mutex_unlock(&p->lock);
    if (join)
        pthread_join(before, NULL);
    return NULL;
}

/* Lock held. */
static bool add_thread(struct pool *p)
{
    pthread_attr_t attr;
    pthread_t thread;
    int r;

    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, POOL_STACK);
    r = pthread_create(&thread, &attr, worker, p);
    pthread_attr_destroy(&attr);
    if (!r)
        p->threads++;
    return !r;
}

int pool_run(struct pool *p, void (*fn)(void *arg), void *arg, struct err *err)
{
    int r = 0;

    pthread_mutex_lock(&p->lock);
    if (p->closing) {
        r = err_set(err, ERR_UNAVAILABLE, "the server is stopping");
    } else if (p->queued == p->max_queued) {
        r = err_set(err, ERR_BUSY, "%u calls are already waiting", p->queued);
    } else if (p->idle <= p->queued && p->threads < p->max_threads && !add_thread(p) &&
               !p->threads) {
        r = err_set(err, ERR_INTERNAL, "no worker thread could be started");
    } else {
        p->queue[(p->head + p->queued) % p->max_queued] = (struct job){ .fn = fn, .arg = arg };
        p->queued++;
        pthread_cond_signal(&p->work);
    }
    pthread_mutex_unlock(&p->lock);
    return r;
}

unsigned pool_load(struct pool *p)
{
    unsigned n;

    pthread_mutex_lock(&p->lock);
    n = p->running + p->queued;
    pthread_mutex_unlock(&p->lock);
    return n;
}

unsigned pool_queued(struct pool *p)
{
    unsigned n;

    pthread_mutex_lock(&p->lock);
    n = p->queued;
    pthread_mutex_unlock(&p->lock);
    return n;
}

void pool_free(struct pool *p)
{
    if (!p)
        return;
    pthread_mutex_lock(&p->lock);
    p->closing = true;
    pthread_cond_broadcast(&p->work);
    while (p->threads)
        pthread_cond_wait(&p->gone, &p->lock);
    pthread_mutex_unlock(&p->lock);
    if (p->has_ended)
        pthread_join(p->ended, NULL);
    pthread_cond_destroy(&p->work);
    pthread_cond_destroy(&p->gone);
    pthread_mutex_destroy(&p->lock);
    free(p);
}
