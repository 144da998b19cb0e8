#include "base/pool.h"
#include "base/clock.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#define KEEP 2
#define FRESH_US 30  /* a job that was taken so long ago may be over in a moment */
#define GUARD_US 100 /* a job that waits for longer gets a thread of its own */

struct job {
    void (*fn)(void *arg);
    void *arg;
    int64_t since_us;
};

/*
 * Waking a thread costs more than many a job. So while a worker has just taken a job, the next one
 * waits for it, and one other worker, the guard, looks every GUARD_US that none waits for longer.
 */

struct pool {
    pthread_mutex_t lock;
    pthread_cond_t work, gone, tick;
    unsigned max_threads, max_queued;
    /* all below: lock */
    unsigned threads, idle, running;
    unsigned woken; /* of the idle ones, on their way */
    unsigned head, queued;
    int64_t taken_us; /* when the last job was taken */
    bool guarded;
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
    pthread_cond_init(&p->tick, &attr);
    pthread_condattr_destroy(&attr);
    *out = p;
    return 0;
}

static struct timespec after_us(int64_t us)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += us / 1000000;
    t.tv_nsec += us % 1000000 * 1000;
    if (t.tv_nsec >= 1000000000) {
        t.tv_sec++;
        t.tv_nsec -= 1000000000;
    }
    return t;
}

/* Lock held. False: the thread has been idle for long enough. */
static bool await_work(struct pool *p)
{
    struct timespec until = after_us(POOL_IDLE_S * INT64_C(1000000));
    int r = 0;

    p->idle++;
    while (!p->woken && !p->closing && r != ETIMEDOUT)
        r = pthread_cond_timedwait(&p->work, &p->lock, &until);
    p->idle--;
    if (p->woken) {
        p->woken--;
        return true;
    }
    return p->queued || (!p->closing && p->threads <= KEEP);
}

/* Lock held. The first job, if there is one, may be taken by a worker that is about to finish. */
static bool may_wait(const struct pool *p, int64_t now_us)
{
    return p->running && now_us - p->taken_us < FRESH_US &&
           (!p->queued || now_us - p->queue[p->head].since_us < GUARD_US);
}

/* Lock held. Until a job waits for too long, or nothing happens any more. */
static void guard(struct pool *p)
{
    int64_t taken_us;

    p->guarded = true;
    do {
        struct timespec until = after_us(GUARD_US);
        taken_us = p->taken_us;
        pthread_cond_timedwait(&p->tick, &p->lock, &until);
    } while (!p->closing && (p->queued ? clock_us() - p->queue[p->head].since_us < GUARD_US
                                       : p->taken_us != taken_us));
    p->guarded = false;
}

static bool add_thread(struct pool *p);

enum helper { NO_HELPER, HELPER_COMES, HELPER_SLEEPS };

/*
 * Lock held. One more worker; HELPER_SLEEPS: the caller signals when it has given up the lock, so
 * that nobody wakes up to wait for it. NO_HELPER: there is no thread at all.
 */
static enum helper find_helper(struct pool *p)
{
    if (p->idle > p->woken) {
        p->woken++;
        return HELPER_SLEEPS;
    }
    return (p->threads < p->max_threads && add_thread(p)) || p->threads ? HELPER_COMES : NO_HELPER;
}

/* Lock held, and again afterwards. */
static void run_one(struct pool *p, int64_t now_us)
{
    struct job job = p->queue[p->head];
    enum helper helper = NO_HELPER;

    p->head = (p->head + 1) % p->max_queued;
    p->queued--;
    p->running++;
    p->taken_us = now_us;
    if (p->queued && !p->guarded && !p->woken)
        helper = find_helper(p);
    pthread_mutex_unlock(&p->lock);
    if (helper == HELPER_SLEEPS)
        pthread_cond_signal(&p->work);
    job.fn(job.arg);
    pthread_mutex_lock(&p->lock);
    p->running--;
}

static void *worker(void *arg)
{
    struct pool *p = arg;
    pthread_t before;
    bool join;

    pthread_mutex_lock(&p->lock);
    while (p->queued || await_work(p)) {
        int64_t now_us = clock_us();
        if (!p->guarded && !p->closing && may_wait(p, now_us))
            guard(p);
        else if (p->queued)
            run_one(p, now_us);
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
    enum helper helper = HELPER_COMES;
    int64_t now_us = clock_us();
    int r = 0;

    pthread_mutex_lock(&p->lock);
    if (p->closing) {
        r = err_set(err, ERR_UNAVAILABLE, "the server is stopping");
    } else if (p->queued == p->max_queued) {
        r = err_set(err, ERR_BUSY, "%u calls are already waiting", p->queued);
    } else {
        unsigned at = (p->head + p->queued) % p->max_queued;
        p->queue[at] = (struct job){ .fn = fn, .arg = arg, .since_us = now_us };
        p->queued++;
        if (!may_wait(p, now_us) || (!p->guarded && !p->woken))
            helper = find_helper(p);
        if (helper == NO_HELPER) {
            p->queued--;
            r = err_set(err, ERR_INTERNAL, "no worker thread could be started");
        }
    }
    pthread_mutex_unlock(&p->lock);
    if (helper == HELPER_SLEEPS)
        pthread_cond_signal(&p->work);
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
    pthread_cond_broadcast(&p->tick);
    while (p->threads)
        pthread_cond_wait(&p->gone, &p->lock);
    pthread_mutex_unlock(&p->lock);
    if (p->has_ended)
        pthread_join(p->ended, NULL);
    pthread_cond_destroy(&p->work);
    pthread_cond_destroy(&p->tick);
    pthread_cond_destroy(&p->gone);
    pthread_mutex_destroy(&p->lock);
    free(p);
}
