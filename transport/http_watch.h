/*
 * A thread that notices what the library does not tell: that the client of a suspended
 * connection went away (EPOLLRDHUP), and that a quiet stream needs a comment.
 *
 * Connections are known by an id that is never used twice, so that an event which comes after its
 * connection was forgotten finds nothing. A client that only shut down its sending side looks
 * gone too: a call of it that has to wait is given up, and after WATCH_LINGER_MS so is the
 * connection (the library may have missed the end of a client that left in the middle of a
 * request).
 */
#ifndef TRANSPORT_HTTP_WATCH_H
#define TRANSPORT_HTTP_WATCH_H

#include "base/err.h"
#include <stdbool.h>
#include <stdint.h>

#define WATCH_LINGER_MS 1000

struct exchange;
struct watch;

/* on_tick(context, now_ms) runs on the thread, every ten seconds or more often. */
int watch_start(void (*on_tick)(void *context, int64_t now_ms), void *context, struct watch **out,
                struct err *err) MUST_CHECK;

/* A connection begins; its id, or 0 (without memory, or when the server stops). */
uint64_t watch_open(struct watch *w, int fd);

/* It ends; fd is still open. 0 is fine. */
void watch_close(struct watch *w, uint64_t id, int fd);

/*
 * x waits on that connection, and a reference is kept; at most one at once. False: the client has
 * left already, the server stops, or the id is 0.
 */
bool watch_set(struct watch *w, uint64_t id, struct exchange *x);

/* It does not any more; harmless without one. */
void watch_clear(struct watch *w, uint64_t id);

/* How many exchanges wait. */
unsigned watch_waiting(struct watch *w);

/* Streams that wait for no work end; calls go on. */
void watch_drain(struct watch *w);

/*
 * End what waits: calls get CALL_SHUTDOWN and up to grace_ms to answer, then everything still
 * open is gone. watch_open() and watch_set() fail from now on.
 */
void watch_stop(struct watch *w, int grace_ms);

/* Ends the thread; nothing may be watched any more. NULL is fine. */
void watch_free(struct watch *w);

#endif
