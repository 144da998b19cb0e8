/*
 * Elastic worker threads: one job = one blocked thread at most, nothing depends on
 * which thread runs a job. Threads have POOL_STACK bytes of stack and leave after
 * being idle for POOL_IDLE_S seconds (two always stay once started).
 */
#ifndef BASE_POOL_H
#define BASE_POOL_H

#include "base/err.h"

#define POOL_STACK (256 * 1024)
#define POOL_IDLE_S 10

struct pool;

/* At most max_threads jobs run at once and max_queued wait; starts no thread yet. */
int pool_new(unsigned max_threads, unsigned max_queued, struct pool **out,
             struct err *err) MUST_CHECK;

/* Run fn(arg) on some worker, soon. ERR_BUSY when the queue is full or the pool is closing. */
int pool_run(struct pool *pool, void (*fn)(void *arg), void *arg, struct err *err) MUST_CHECK;

/* Jobs that run or wait now. */
unsigned pool_load(struct pool *pool);

/* Those of them that wait for a thread. */
unsigned pool_queued(struct pool *pool);

/* Refuse new jobs, wait until all have finished and every thread has gone, free. NULL is fine. */
void pool_free(struct pool *pool);

#endif
