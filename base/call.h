/*
 * One call in flight, as everything below the router sees it: until when it may
 * take, whether somebody gave up on it, and where to report progress.
 *
 * Owned by the router; passed down as a borrowed pointer. call_end() may come from
 * any thread; everything else is used by the one worker that does the work. State moves once,
 * RUNNING -> something, by compare-and-swap; the first reason wins.
 */
#ifndef BASE_CALL_H
#define BASE_CALL_H

#include "base/err.h"
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

enum call_state {
    CALL_RUNNING = 0,
    CALL_CANCELLED, /* asked for explicitly: what this very call started is killed */
    CALL_GONE,      /* the client went away (legacy HTTP): stop waiting, leave processes under their
                       handle */
    CALL_SHUTDOWN,  /* the server stops */
};

struct call {
    _Atomic int state;
    int event_fd; /* readable once state left RUNNING; poll it beside whatever is waited for */
    int64_t deadline_ms; /* absolute monotonic, of the whole call; 0 = none */
    int64_t started_ms;
    uint64_t id; /* for logs */

    /* Tell the client it is still running; message is UTF-8 text (the last line of
     * output), may be NULL. Cheap to call: the router spaces them out. NULL when the
     * client asked for no progress. */
    void (*progress)(struct call *call, double elapsed_s, const char *message, size_t len);
};

/* event_fd is made; 0 or -1. */
int call_init(struct call *call, struct err *err) MUST_CHECK;
void call_done(struct call *call);

/* Back to RUNNING for reuse by another call (keeps the descriptor). */
void call_reset(struct call *call);

/* True when this caller was the one that ended it. Async-signal-safe. */
int call_end(struct call *call, enum call_state why);

static inline enum call_state call_state(struct call *call)
{
    return (enum call_state)atomic_load_explicit(&call->state, memory_order_acquire);
}

/* 0 while running; otherwise fills err (cancelled, timeout) and returns -1. Checks the deadline
 * too. */
int call_check(struct call *call, struct err *err) MUST_CHECK;

#endif
