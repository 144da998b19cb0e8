#include "transport/http_exchange.h"
#include "base/clock.h"

#include <string.h>

static _Atomic size_t answers;

static size_t frame_size(size_t len)
{
    return sizeof(SSE_HEAD) + sizeof(SSE_TAIL) + len;
}

void exchange_wake(struct exchange *x)
{
    if (atomic_exchange(&x->parked, false))
        x->ops->resume(x->connection);
}

static bool leave_open(struct exchange *x, enum exchange_state to)
{
    int expected = EXCHANGE_OPEN;

    return atomic_compare_exchange_strong(&x->state, &expected, (int)to);
}

static void drop_frame(struct exchange *x)
{
    if (!x->frame)
        return;
    free(x->frame);
    x->frame = NULL;
    atomic_fetch_sub(&answers, frame_size(x->len));
}

static void keep(struct exchange *x, int status, const char *json, size_t len)
{
    size_t size = frame_size(len);

    x->status = status;
    x->len = len;
    if (!json)
        return;
    if (atomic_fetch_add(&answers, size) + size <= EXCHANGE_ANSWERS_MAX)
        x->frame = sse_frame(json, len);
    if (x->frame)
        return;
    atomic_fetch_sub(&answers, size);
    x->status = 503;
}

void exchange_answered(struct exchange *x)
{
    if (leave_open(x, EXCHANGE_ANSWERED))
        exchange_wake(x);
}

void exchange_replaced(struct exchange *x)
{
    if (leave_open(x, EXCHANGE_GONE))
        exchange_wake(x);
}

/* Lock held. The stream that is kept, made when it is needed; NULL: there is none. */
static struct stream *stream_of(struct exchange *x)
{
    if (!x->stream && x->streams && !atomic_load(&x->streaming))
        x->stream = stream_new(x->streams);
    return x->stream;
}

static void on_finish(struct reply_sink *sink, int status, const char *json, size_t len)
{
    struct exchange *x = (struct exchange *)sink;
    struct stream *stream;

    pthread_mutex_lock(&x->lock);
    stream = atomic_load(&x->streaming) ? x->stream : NULL;
    if (!stream && exchange_state(x) == EXCHANGE_OPEN) {
        keep(x, status, json, len);
        (void)leave_open(x, EXCHANGE_ANSWERED);
    }
    pthread_mutex_unlock(&x->lock);
    if (stream)
        stream_finish(stream, json, len);
    exchange_wake(x);
    exchange_unref(x);
}

/* Lock held. Large ones, tasks with their results, count against what all answers may take. */
static bool offer(struct exchange *x, const char *json, size_t len)
{
    bool kept;

    if (len < SSE_QUEUE_MAX / 2)
        return sse_offer(&x->events, json, len);
    kept = atomic_fetch_add(&answers, len) + len <= EXCHANGE_ANSWERS_MAX &&
           sse_offer(&x->events, json, len);
    if (kept)
        x->large += len;
    else
        atomic_fetch_sub(&answers, len);
    return kept;
}

/* False: no room. */
static bool put(struct exchange *x, const char *json, size_t len, bool once)
{
    struct stream *stream = NULL;
    bool kept = true;

    if (!x->wants_events)
        return true;
    pthread_mutex_lock(&x->lock);
    if (atomic_load(&x->streaming) || exchange_state(x) == EXCHANGE_OPEN)
        stream = stream_of(x);
    if (!stream && exchange_state(x) == EXCHANGE_OPEN)
        kept = once ? offer(x, json, len) : sse_add(&x->events, json, len);
    pthread_mutex_unlock(&x->lock);
    if (stream)
        kept = stream_add(stream, json, len, once);
    exchange_wake(x);
    return kept;
}

static void on_notify(struct reply_sink *sink, const char *json, size_t len)
{
    (void)put((struct exchange *)sink, json, len, false);
}

static bool on_offer(struct reply_sink *sink, const char *json, size_t len)
{
    return put((struct exchange *)sink, json, len, true);
}

static void on_detach(struct reply_sink *sink)
{
    struct exchange *x = (struct exchange *)sink;
    bool can;

    pthread_mutex_lock(&x->lock);
    can = x->wants_events && x->streams && streams_prime(x->streams) && stream_of(x);
    pthread_mutex_unlock(&x->lock);
    atomic_store(&x->leaving, can);
    exchange_wake(x);
}

static void on_listens(struct reply_sink *sink, struct server_sub *sub)
{
    ((struct exchange *)sink)->sub = sub;
}

struct exchange *exchange_new(const struct exchange_ops *ops, void *connection)
{
    struct exchange *x = calloc(1, sizeof(*x));

    if (!x)
        return NULL;
    x->sink.notify = on_notify;
    x->sink.finish = on_finish;
    x->sink.offer = on_offer;
    x->sink.detach = on_detach;
    x->sink.listens = on_listens;
    x->ops = ops;
    x->connection = connection;
    x->events = SSE_INIT;
    pthread_mutex_init(&x->lock, NULL);
    atomic_init(&x->refs, 1);
    return x;
}

void exchange_ref(struct exchange *x)
{
    atomic_fetch_add(&x->refs, 1);
}

void exchange_unref(struct exchange *x)
{
    if (!x || atomic_fetch_sub(&x->refs, 1) != 1)
        return;
    server_call_unref(x->call);
    server_sub_unref(x->sub);
    if (x->streams && x->stream && !atomic_load(&x->streaming))
        stream_drop(x->stream);
    stream_unref(x->stream);
    streams_unref(x->streams);
    drop_frame(x);
    atomic_fetch_sub(&answers, x->large);
    sse_done(&x->events);
    pthread_mutex_destroy(&x->lock);
    free(x);
}

void exchange_expect(struct exchange *x)
{
    x->expected = true;
    exchange_ref(x);
}

/* Suspended first and published second, so that a resume can never come before its suspend. */
static void suspend(struct exchange *x)
{
    x->ops->suspend(x->connection);
    atomic_store(&x->parked, true);
}

bool exchange_streams(struct exchange *x)
{
    bool streams;

    pthread_mutex_lock(&x->lock);
    streams = x->stream || x->events.queue.len || atomic_load(&x->streaming);
    pthread_mutex_unlock(&x->lock);
    return streams && x->wants_events;
}

void exchange_park(struct exchange *x)
{
    suspend(x);
    if (exchange_state(x) != EXCHANGE_OPEN || exchange_streams(x))
        exchange_wake(x);
}

/* Lock held. What was said so far, and perhaps the answer, go on in the stream. */
static void begin_stream(struct exchange *x)
{
    if (!x->streams || !stream_of(x))
        return;
    stream_attach(x->stream, x, &x->at);
    if (exchange_state(x) != EXCHANGE_ANSWERED)
        return;
    stream_finish(x->stream, exchange_json(x), x->len);
    drop_frame(x);
}

void exchange_stream(struct exchange *x)
{
    pthread_mutex_lock(&x->lock);
    if (!atomic_load(&x->streaming))
        begin_stream(x);
    x->keep_alive_ms = clock_ms() + EXCHANGE_KEEP_ALIVE_MS;
    atomic_store(&x->streaming, true);
    pthread_mutex_unlock(&x->lock);
}

static ssize_t read_frame(struct exchange *x, char *out, size_t max)
{
    size_t left = x->frame ? frame_size(x->len) - 2 - x->sent : 0;

    if (!left)
        return EXCHANGE_END;
    if (left > max)
        left = max;
    memcpy(out, x->frame + x->sent, left);
    x->sent += left;
    return (ssize_t)left;
}

/* Lock held. */
static void forget_large(struct exchange *x)
{
    atomic_fetch_sub(&answers, x->large);
    x->large = 0;
}

/* Comments come between the events of a stream. */
static size_t read_some(struct exchange *x, char *out, size_t max)
{
    size_t n = 0;

    pthread_mutex_lock(&x->lock);
    if (!x->at.sent)
        n = sse_read(&x->events, out, max);
    if (!x->events.queue.len)
        forget_large(x);
    pthread_mutex_unlock(&x->lock);
    if (!n && x->stream) {
        n = stream_read(x->stream, &x->at, out, max);
        if (n)
            atomic_store(&x->known, true);
    }
    if (!n)
        return 0;
    pthread_mutex_lock(&x->lock);
    x->keep_alive_ms = clock_ms() + EXCHANGE_KEEP_ALIVE_MS;
    pthread_mutex_unlock(&x->lock);
    return n;
}

static bool something_waits(struct exchange *x)
{
    bool waits;

    pthread_mutex_lock(&x->lock);
    waits = x->events.at < x->events.queue.len;
    pthread_mutex_unlock(&x->lock);
    return waits || (x->stream && stream_waits(x->stream, &x->at)) || atomic_load(&x->leaving);
}

ssize_t exchange_read(struct exchange *x, char *out, size_t max)
{
    enum exchange_state state = exchange_state(x);
    bool leaving = atomic_load(&x->leaving);
    size_t n;

    if (state == EXCHANGE_GONE)
        return EXCHANGE_BROKEN;
    n = read_some(x, out, max);
    if (n)
        return (ssize_t)n;
    if (state == EXCHANGE_ANSWERED)
        return read_frame(x, out, max);
    if (leaving)
        return EXCHANGE_END;
    suspend(x);
    if (exchange_state(x) != EXCHANGE_OPEN || something_waits(x))
        exchange_wake(x);
    return 0;
}

bool exchange_gone(struct exchange *x)
{
    if (!leave_open(x, EXCHANGE_GONE))
        return false;
    if (x->sub)
        server_sub_end(x->sub, CALL_GONE);
    if (x->call && !atomic_load(&x->known))
        server_call_end(x->call, server_call_modern(x->call) ? CALL_CANCELLED : CALL_GONE);
    exchange_wake(x);
    return true;
}

void exchange_over(struct exchange *x)
{
    struct stream *stream;

    (void)exchange_gone(x);
    pthread_mutex_lock(&x->lock);
    stream = x->stream;
    pthread_mutex_unlock(&x->lock);
    if (stream)
        stream_detach(stream, x);
}

void exchange_close(struct exchange *x)
{
    if (!x->expected && leave_open(x, EXCHANGE_ANSWERED))
        exchange_wake(x);
}

void exchange_stop(struct exchange *x)
{
    if (x->sub)
        server_sub_end(x->sub, CALL_SHUTDOWN);
    else if (x->call)
        server_call_end(x->call, CALL_SHUTDOWN);
    else
        exchange_close(x);
}

void exchange_drain(struct exchange *x)
{
    if (x->sub || !x->call)
        exchange_stop(x);
}

void exchange_keep_alive(struct exchange *x, int64_t now_ms)
{
    bool due;

    if (x->until_ms && now_ms >= x->until_ms)
        exchange_drain(x);
    if (!atomic_load(&x->streaming) || exchange_state(x) != EXCHANGE_OPEN)
        return;
    pthread_mutex_lock(&x->lock);
    due = now_ms >= x->keep_alive_ms;
    if (due) {
        sse_keep_alive(&x->events);
        x->keep_alive_ms = now_ms + EXCHANGE_KEEP_ALIVE_MS;
    }
    pthread_mutex_unlock(&x->lock);
    if (due)
        exchange_wake(x);
}
