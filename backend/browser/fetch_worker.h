/*
 * A thread of a browser for what its connection's thread must not do: wait, and write much. Jobs
 * are done one after the other, the earliest first.
 *
 * All but the making and the end is called with browser.lock held.
 */
#ifndef BACKEND_BROWSER_FETCH_WORKER_H
#define BACKEND_BROWSER_FETCH_WORKER_H

#include "backend/browser/state.h"

#define WORKER_JOBS_MAX 2048

struct worker_job {
    struct list link;
    int64_t due_ms; /* monotonic; 0: now */
    /* Without the lock, on the worker's thread; frees the job. over: the browser ends, nothing can
     * be asked of it any more. stop_fd: readable when waiting has to end. */
    void (*run)(struct worker_job *job, struct browser *b, int stop_fd, bool over);
};

struct worker;

/* NULL: no thread or no memory. */
struct worker *worker_new(struct browser *b);
/* Ends the thread; what is left is run with over set. Without the lock. NULL is fine. */
void worker_free(struct worker *w);

/* False: there are too many already, or it ends; the job stays the caller's. */
bool worker_add(struct worker *w, struct worker_job *job);
/* Those for which `now` says so are due at once. */
void worker_hurry(struct worker *w, bool (*now)(const struct worker_job *job));
size_t worker_waiting(const struct worker *w); /* the one that is run included */

#endif
