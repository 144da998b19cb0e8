/*
 * One HTTP request that went to the router, and its answer: who may write it, who may
 * wake the connection, and until when it lives.
 *
 * Two references: the connection's, dropped when the library is done with the request, and the
 * call's, dropped by the sink's finish(). The state moves once, OPEN -> ANSWERED (finish) or
 * OPEN -> GONE (the client left, or the server stops), by compare-and-swap; the loser's work is
 * dropped. `parked` says that the connection is suspended; whoever takes it down resumes, once.
 *
 * The answer is one JSON text, or a stream of events from the moment on in which something is to be
 * said before it. In a legacy session such a stream is kept (sse_stream.h) and outlives the
 * connection: once the client knows an id of it, its leaving ends nothing.
 *
 * Threads: "connection" below is the library's thread of that connection, never two at once;
 * finish() and notify() come from any thread, exchange_gone() and exchange_keep_alive() from the
 * watcher.
 */
#ifndef TRANSPORT_HTTP_EXCHANGE_H
#define TRANSPORT_HTTP_EXCHANGE_H

#include "base/cleanup.h"
#include "mcp/server.h"
#include "transport/sse_stream.h"
#include <pthread.h>
#include <stdatomic.h>

#define EXCHANGE_ANSWERS_MAX (512u * 1024 * 1024) /* bytes of all answers not yet sent */
#define EXCHANGE_KEEP_ALIVE_MS 15000

struct exchange;

/* How the library's connection is stopped and started again. */
struct exchange_ops {
    void (*suspend)(void *connection);
    void (*resume)(void *connection); /* any thread */
};

enum exchange_state { EXCHANGE_OPEN, EXCHANGE_ANSWERED, EXCHANGE_GONE };

struct exchange {
    struct reply_sink sink; /* give this to server_handle() after exchange_expect() */
    const struct exchange_ops *ops;
    void *connection;
    struct server_call *call; /* these two owned; set by the connection before it is watched */
    struct server_sub *sub;
    struct streams *streams; /* owned; set before server_handle(): of the legacy session */
    int64_t until_ms;        /* set before it is watched: when the client's token ends; 0 never */

    _Atomic unsigned refs;
    _Atomic int state;
    _Atomic bool parked;

    /* Written before the state becomes ANSWERED, read after. */
    int status;
    char *frame; /* NULL: no body */
    size_t len;  /* of the JSON in it */

    pthread_mutex_t lock;
    struct stream *stream;  /* lock until it streams, then fixed; owned; NULL: not kept */
    struct sse events;      /* lock; comments alone when there is a stream */
    size_t large;           /* lock; bytes of large messages in it, counted as answers */
    int64_t keep_alive_ms;  /* lock; when the next comment is due */
    bool expected;          /* finish() will come: see exchange_expect() */
    bool wants_events;      /* set before server_handle(): the client reads SSE */
    _Atomic bool streaming; /* the answer is SSE: see exchange_stream() */
    _Atomic bool leaving;   /* the stream is to be closed before the answer */
    _Atomic bool known;     /* the client has read something of the stream */
    struct stream_at at;    /* connection's: where it reads the stream */
    size_t sent;            /* connection's: bytes of the frame read so far */
};

/* One reference, the connection's. NULL without memory. */
struct exchange *exchange_new(const struct exchange_ops *ops, void *connection);
void exchange_ref(struct exchange *x);
void exchange_unref(struct exchange *x); /* NULL is fine */
DEFINE_AUTO_PTR(exchange, exchange_unref);

/* Connection, before server_handle(): makes the call's reference; finish() drops it, once. */
void exchange_expect(struct exchange *x);

static inline enum exchange_state exchange_state(const struct exchange *x)
{
    return (enum exchange_state)atomic_load(&((struct exchange *)x)->state);
}

/* Connection: suspend until the state leaves OPEN (also when it just did). */
void exchange_park(struct exchange *x);

/* Connection: something is to be said before the answer, and the client reads SSE. */
bool exchange_streams(struct exchange *x);

/* Connection: from now on the answer is read by exchange_read(). */
void exchange_stream(struct exchange *x);

#define EXCHANGE_END (-1)
#define EXCHANGE_BROKEN (-2)

/*
 * Connection: the next bytes of the stream; 0: nothing now and the connection is suspended;
 * EXCHANGE_END after the answer, EXCHANGE_BROKEN when it is gone.
 */
ssize_t exchange_read(struct exchange *x, char *out, size_t max);

/* The client left: ends the call as its era wants, wakes the connection. False: too late. */
bool exchange_gone(struct exchange *x);

/* Connection: the library is done with the request, however it ended. */
void exchange_over(struct exchange *x);

/* For sse_stream.c. Resume the connection; the answer is in the stream; another one reads it. */
void exchange_wake(struct exchange *x);
void exchange_answered(struct exchange *x);
void exchange_replaced(struct exchange *x);

/* End a stream that expects no answer: of a session that is over. */
void exchange_close(struct exchange *x);

/* The server stops: tells the call, which then answers soon; closes a stream that has none. */
void exchange_stop(struct exchange *x);

/* The same for a stream that waits for no work: of a subscription, or a session. */
void exchange_drain(struct exchange *x);

/*
 * Watcher: queue a comment when one is due on a stream; end one that waits for no work, as
 * exchange_drain() does, when the client's token is over.
 */
void exchange_keep_alive(struct exchange *x, int64_t now_ms);

/* The JSON of the answer, NULL without one. */
static inline const char *exchange_json(const struct exchange *x)
{
    return x->frame ? x->frame + sizeof(SSE_HEAD) - 1 : NULL;
}

#endif
