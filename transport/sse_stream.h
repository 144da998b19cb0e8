/*
 * The event streams of one legacy session, which outlive their connections: what was
 * sent is kept for a while, so that a client whose connection broke, or was closed early, comes
 * back with Last-Event-ID and gets the rest, of that stream and no other.
 *
 * Stream 0 is the standalone one: what is said to a session without a connection waits in it, in
 * the order in which it came, until a client opens it. Every other one belongs to one POST, ends
 * with its answer, and is kept for STREAM_KEEP_MS after that.
 *
 * Any thread; one lock for all streams of a session, under which exchanges are only woken.
 */
#ifndef TRANSPORT_SSE_STREAM_H
#define TRANSPORT_SSE_STREAM_H

#include "mcp/server.h"
#include "transport/sse.h"

#define STREAM_WAITING_MAX SSE_QUEUE_MAX      /* bytes of notifications not yet read, each */
#define STREAM_REQUESTS_MAX (1024 * 1024)     /* same, where requests to the client are held */
#define STREAM_KEEP_MS (5 * 60 * 1000)        /* an answered stream, for replay */
#define STREAMS_KEPT_MAX 64                   /* answered streams of one session */
#define STREAMS_BYTES_MAX (10u * 1024 * 1024) /* kept by one session, beside its newest answer */
#define STREAMS_ALL_BYTES_MAX (256u * 1024 * 1024) /* kept by all, beside what is being read */

struct exchange;
struct streams; /* of one session */
struct stream;

/* Where a reader is. */
struct stream_at {
    uint64_t event; /* the next one */
    size_t sent;    /* bytes of it that were read */
};

/* One reference. primes: the client wants to know an id from the start. NULL without memory. */
struct streams *streams_new(bool primes);
struct streams *streams_ref(struct streams *s);
void streams_unref(struct streams *s); /* NULL is fine */

bool streams_prime(const struct streams *s);

/* The session is over: what only replays ends, nothing can be opened any more. */
void streams_close(struct streams *s);

/* Forget what was kept for too long. */
void streams_expire(struct streams *s, int64_t now_ms);

/* For server_conn_outlet(): stream 0. As long as the reference. */
struct reply_sink *streams_outlet(struct streams *s);

enum stream_opened {
    STREAM_OPENED,
    STREAM_TAKEN,   /* stream 0 is being read */
    STREAM_UNKNOWN, /* not an id of ours, or of a stream that is not kept any more */
};

/*
 * For a GET: stream 0, or with a last id what came after it in its stream; whoever still reads
 * that one is cut off. *out has a reference, which stream_detach() of x has to come before.
 */
enum stream_opened streams_open(struct streams *s, const char *last_event_id, struct exchange *x,
                                struct stream **out, struct stream_at *at);

/* ---- one stream ---- */

/* For a POST; a reference. NULL without memory. */
struct stream *stream_new(struct streams *s);
void stream_unref(struct stream *st); /* NULL is fine */

/* No client knows of it: forget it. */
void stream_drop(struct stream *st);

/* x reads it from its beginning, until stream_detach(). */
void stream_attach(struct stream *st, struct exchange *x, struct stream_at *at);
void stream_detach(struct stream *st, struct exchange *x);

/* False: no room. once: what waits already in the same words is not kept twice. */
bool stream_add(struct stream *st, const char *json, size_t len, bool once);

/* Its last message; json NULL: it ends without. */
void stream_finish(struct stream *st, const char *json, size_t len);

/* Up to max bytes from *at on; 0 when nothing waits. */
size_t stream_read(struct stream *st, struct stream_at *at, char *out, size_t max);
bool stream_waits(struct stream *st, const struct stream_at *at);

#endif
