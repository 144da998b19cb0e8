#include "backend/agent/search_pool.h"
#include "backend/agent/search_worker.h"

#include <sched.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define THREAD_STACK (256 * 1024)

struct search_pool {
    const struct search *s;
    unsigned emptied; /* main thread */
    _Atomic bool stop;
    pthread_mutex_t lock; /* what follows, and done of the chunks */
    pthread_cond_t work, finished;
    unsigned published, taken;
    unsigned alive;
    pthread_t threads[SEARCH_WORKERS_MAX];
    unsigned started, wanted;
    struct search_chunk ring[CHUNK_RING];
};

static struct timespec timespec_of(int64_t ms)
{
    return (struct timespec){ .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };
}

struct search_pool *search_pool_new(const struct search *s)
{
    struct search_pool *p = calloc(1, sizeof(*p));
    pthread_condattr_t attr;
    cpu_set_t cpus;

    if (!p)
        return NULL;
    p->s = s;
    pthread_mutex_init(&p->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&p->work, NULL);
    pthread_cond_init(&p->finished, &attr);
    pthread_condattr_destroy(&attr);
    for (unsigned i = 0; i < CHUNK_RING; i++)
        pthread_mutex_init(&p->ring[i].lock, NULL);
    CPU_ZERO(&cpus);
    p->wanted = sched_getaffinity(0, sizeof(cpus), &cpus) ? 1 : (unsigned)CPU_COUNT(&cpus);
    if (p->wanted > SEARCH_WORKERS_MAX)
        p->wanted = SEARCH_WORKERS_MAX;
    return p;
}

/* With the lock: wait for a chunk; NULL when there is no more. */
static struct search_chunk *take(struct search_pool *p)
{
    while (p->taken == p->published && !p->stop)
        pthread_cond_wait(&p->work, &p->lock);
    return p->stop ? NULL : &p->ring[p->taken++ % CHUNK_RING];
}

static void *work(void *arg)
{
    struct search_pool *p = arg;
    struct search_worker w;
    bool able = search_worker_init(&w, p->s);
    struct search_chunk *chunk;

    pthread_mutex_lock(&p->lock);
    while ((chunk = take(p))) {
        pthread_mutex_unlock(&p->lock);
        if (able)
            search_worker_chunk(&w, chunk, &p->stop);
        else
            search_worker_none(chunk);
        pthread_mutex_lock(&p->lock);
        chunk->done = true;
        pthread_cond_signal(&p->finished);
    }
    p->alive--;
    pthread_cond_signal(&p->finished);
    pthread_mutex_unlock(&p->lock);
    search_worker_done(&w);
    return NULL;
}

static void start_one(struct search_pool *p)
{
    pthread_attr_t attr;

    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, THREAD_STACK);
    if (!pthread_create(&p->threads[p->started], &attr, work, p)) {
        p->started++;
        p->alive++;
    } else {
        p->wanted = p->started;
    }
    pthread_attr_destroy(&attr);
}

struct search_chunk *search_pool_slot(struct search_pool *p)
{
    struct search_chunk *chunk = &p->ring[p->published % CHUNK_RING];

    if (p->published - p->emptied == CHUNK_RING)
        return NULL;
    chunk->count = 0;
    chunk->paths.len = chunk->records.len = 0;
    chunk->paths.max = CHUNK_FILES * WALK_PATH_MAX;
    chunk->ready = 0;
    chunk->done = false;
    return chunk;
}

/* No thread is to be had: here and now, and the kernel ends a match that never does. */
static void alone(struct search_pool *p, struct search_chunk *chunk)
{
    struct search_worker w;

    alarm(SEARCH_MS / 1000 + 5);
    if (search_worker_init(&w, p->s))
        search_worker_chunk(&w, chunk, &p->stop);
    else
        search_worker_none(chunk);
    search_worker_done(&w);
    chunk->done = true;
    p->taken++;
}

void search_pool_publish(struct search_pool *p)
{
    struct search_chunk *chunk = &p->ring[p->published % CHUNK_RING];

    pthread_mutex_lock(&p->lock);
    p->published++;
    if (p->started < p->wanted && p->started < p->published)
        start_one(p);
    if (!p->started)
        alone(p, chunk);
    pthread_cond_signal(&p->work);
    pthread_mutex_unlock(&p->lock);
}

struct search_chunk *search_pool_oldest(struct search_pool *p, int64_t until_ms)
{
    struct search_chunk *chunk = &p->ring[p->emptied % CHUNK_RING];
    struct timespec until = timespec_of(until_ms);
    bool done;

    if (search_pool_empty(p))
        return NULL;
    pthread_mutex_lock(&p->lock);
    while (!chunk->done && until_ms && !pthread_cond_timedwait(&p->finished, &p->lock, &until))
        ;
    done = chunk->done;
    pthread_mutex_unlock(&p->lock);
    return done ? chunk : NULL;
}

struct search_chunk *search_pool_unfinished(struct search_pool *p)
{
    struct search_chunk *chunk = &p->ring[p->emptied % CHUNK_RING];

    if (search_pool_empty(p))
        return NULL;
    pthread_mutex_lock(&chunk->lock);
    return chunk;
}

void search_pool_release(struct search_pool *p)
{
    p->emptied++;
}

bool search_pool_empty(const struct search_pool *p)
{
    return p->emptied == p->published;
}

bool search_pool_free(struct search_pool *p, int64_t until_ms)
{
    struct timespec until = timespec_of(until_ms);
    unsigned alive;

    pthread_mutex_lock(&p->lock);
    p->stop = true;
    pthread_cond_broadcast(&p->work);
    while (p->alive && !pthread_cond_timedwait(&p->finished, &p->lock, &until))
        ;
    alive = p->alive;
    pthread_mutex_unlock(&p->lock);
    if (alive)
        return false;
    for (unsigned i = 0; i < p->started; i++)
        pthread_join(p->threads[i], NULL);
    for (unsigned i = 0; i < CHUNK_RING; i++) {
        file_buf_done(&p->ring[i].paths);
        file_buf_done(&p->ring[i].records);
        pthread_mutex_destroy(&p->ring[i].lock);
    }
    pthread_cond_destroy(&p->work);
    pthread_cond_destroy(&p->finished);
    pthread_mutex_destroy(&p->lock);
    free(p);
    return true;
}
