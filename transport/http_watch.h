/*
 * A thread that notices what the library does not tell: that the client of a suspended
 * connection went away (EPOLLRDHUP), and that a quiet stream needs a comment.
 *
 * Exchanges are known by an id that is never used twice, so that an event which comes after its
 * connection was forgotten finds nothing. A client that only shut down its sending side looks
 * gone too.
 */
#ifndef TRANSPORT_HTTP_WATCH_H
#define TRANSPORT_HTTP_WATCH_H

#include "base/err.h"
#include <stdint.h>

struct exchange;
struct watch;

/* on_tick(context, now_ms) runs on the thread, every ten seconds or more often. */
int watch_start(void (*on_tick)(void *context, int64_t now_ms), void *context, struct watch **out,
                struct err *err) MUST_CHECK;

/* Watch fd for x, keeping a reference; the id, or 0 (without memory, or while closing). */
uint64_t watch_add(struct watch *w, struct exchange *x, int fd);

/* While fd is still open. */
void watch_remove(struct watch *w, uint64_t id, int fd);

/*
 * End what is watched: calls get CALL_SHUTDOWN and up to grace_ms to answer, then everything still
 * open is gone. watch_add() fails from now on.
 */
void watch_close(struct watch *w, int grace_ms);

/* Ends the thread; nothing may be watched any more. NULL is fine. */
void watch_free(struct watch *w);

#endif
