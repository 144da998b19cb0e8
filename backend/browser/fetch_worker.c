#include "backend/browser/fetch_worker.h"
#include "base/clock.h"

#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>

struct worker {
    struct browser *browser;
    pthread_t thread;
    pthread_cond_t changed; /* of browser->lock */
    struct list jobs;       /* by due_ms */
    size_t count;
    bool stopping;
    int stop_fd;
};

static struct worker_job *first(struct worker *w)
{
    return list_empty(&w->jobs) ? NULL : list_of(w->jobs.next, struct worker_job, link);
}

/* Locked. Until a job is due, or the end. */
static void wait_for_job(struct worker *w)
{
    struct worker_job *job;
    struct timespec until;

    while (!w->stopping && (!(job = first(w)) || job->due_ms > clock_ms())) {
        if (!job) {
            pthread_cond_wait(&w->changed, &w->browser->lock);
            continue;
        }
        until.tv_sec = job->due_ms / 1000;
        until.tv_nsec = job->due_ms % 1000 * 1000000;
        pthread_cond_timedwait(&w->changed, &w->browser->lock, &until);
    }
}

static void *work(void *arg)
{
    struct worker *w = arg;
    struct browser *b = w->browser;
    struct worker_job *job;

    pthread_mutex_lock(&b->lock);
    for (;;) {
        wait_for_job(w);
        job = first(w);
        if (!job)
            break;
        list_remove(&job->link);
        bool over = w->stopping;
        pthread_mutex_unlock(&b->lock);
        job->run(job, b, w->stop_fd, over);
        pthread_mutex_lock(&b->lock);
        w->count--;
        watch_poke(b);
    }
    pthread_mutex_unlock(&b->lock);
    return NULL;
}

struct worker *worker_new(struct browser *b)
{
    struct worker *w = calloc(1, sizeof(*w));
    pthread_condattr_t attr;

    if (!w)
        return NULL;
    w->browser = b;
    w->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    list_init(&w->jobs);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&w->changed, &attr);
    pthread_condattr_destroy(&attr);
    if (w->stop_fd < 0 || pthread_create(&w->thread, NULL, work, w)) {
        fd_close(&w->stop_fd);
        pthread_cond_destroy(&w->changed);
        free(w);
        return NULL;
    }
    return w;
}

void worker_free(struct worker *w)
{
    if (!w)
        return;
    pthread_mutex_lock(&w->browser->lock);
    w->stopping = true;
    (void)eventfd_write(w->stop_fd, 1);
    pthread_cond_broadcast(&w->changed);
    pthread_mutex_unlock(&w->browser->lock);
    pthread_join(w->thread, NULL);
    pthread_cond_destroy(&w->changed);
    fd_close(&w->stop_fd);
    free(w);
}

/* Behind those that are due no later. */
static void insert(struct worker *w, struct worker_job *job)
{
    struct list *at = w->jobs.prev;

    while (at != &w->jobs && list_of(at, struct worker_job, link)->due_ms > job->due_ms)
        at = at->prev;
    list_append(at->next, &job->link);
}

bool worker_add(struct worker *w, struct worker_job *job)
{
    if (!w || w->stopping || w->count >= WORKER_JOBS_MAX)
        return false;
    insert(w, job);
    w->count++;
    pthread_cond_signal(&w->changed);
    return true;
}

void worker_hurry(struct worker *w, bool (*now)(const struct worker_job *job))
{
    if (!w)
        return;
    list_each(link, &w->jobs)
    {
        struct worker_job *job = list_of(link, struct worker_job, link);
        if (!job->due_ms || !now(job))
            continue;
        list_remove(link);
        job->due_ms = 0;
        insert(w, job);
    }
    pthread_cond_signal(&w->changed);
}

size_t worker_waiting(const struct worker *w)
{
    return w ? w->count : 0;
}
