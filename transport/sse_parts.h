/*
 * What the files of kept streams share; the contract is sse_stream.h. Everything here is
 * guarded by the lock of the session's streams, and the functions want it held.
 */
#ifndef TRANSPORT_SSE_PARTS_H
#define TRANSPORT_SSE_PARTS_H

#include "base/list.h"
#include "transport/sse_stream.h"

#include <pthread.h>

struct event {
    struct list link;
    uint64_t number; /* rises along the list */
    size_t len;
    bool primes;
    char json[];
};

struct stream {
    struct list link; /* streams.all, oldest first; all below: streams.lock */
    struct streams *streams;
    unsigned refs;               /* the list's, and of the exchanges */
    uint64_t number, last, read; /* last: newest event; read: newest one that was read */
    struct list events;
    size_t bytes, waiting; /* of all events; of those not yet read */
    unsigned count;
    struct exchange *reader; /* owned reference; NULL nobody */
    int64_t left_ms;         /* when it ended, or the reader left after that */
    bool over, listed;
};

struct streams {
    struct reply_sink outlet;
    pthread_mutex_t lock; /* all below */
    unsigned refs;        /* the session, and each stream with a reference from outside */
    struct list all;
    struct stream *standalone;
    uint64_t last;
    size_t bytes;
    unsigned over; /* answered streams that are kept */
    bool primes, closed;
};

/* ---- sse_events.c ---- */

/* NULL: too much is kept already, or no memory. For who reads it there is more room. */
struct event *event_append(struct stream *st, const char *json, size_t len, bool primes);
void event_drop(struct stream *st, struct event *e);

/* All sessions together keep more than what nobody reads may take. */
bool events_too_many(void);

/* The first one of that number or later; NULL none. */
struct event *event_at(struct stream *st, uint64_t number);

/* Forget what was read, where it takes too much room. */
void events_trim(struct stream *st);

/* The same was said and not read yet. */
bool events_wait(struct stream *st, const char *json, size_t len);

/* ---- sse_stream.c ---- */

/* In the list, which has the only reference. */
struct stream *stream_add_to(struct streams *s, uint64_t number);

/* Out of the list. */
void stream_forget(struct stream *st);

#endif
