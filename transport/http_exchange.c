#include "transport/http_exchange.h"
#include "base/clock.h"

#include <string.h>

static _Atomic size_t answers;

static size_t frame_size(size_t len)
{
    return sizeof(SSE_HEAD) + sizeof(SSE_TAIL) + len;
}

static void wake(struct exchange *x)
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

static void on_finish(struct reply_sink *sink, int status, const char *json, size_t len)
{
    struct exchange *x = (struct exchange *)sink;

    if (exchange_state(x) == EXCHANGE_OPEN) {
        keep(x, status, json, len);
        if (leave_open(x, EXCHANGE_ANSWERED))
            wake(x);
    }
    exchange_unref(x);
}

static void on_notify(struct reply_sink *sink, const char *json, size_t len)
{
    struct exchange *x = (struct exchange *)sink;

    if (!x->wants_events || exchange_state(x) != EXCHANGE_OPEN)
        return;
    pthread_mutex_lock(&x->lock);
    sse_add(&x->events, json, len);
    pthread_mutex_unlock(&x->lock);
    if (atomic_load(&x->streaming))
        wake(x);
}

struct exchange *exchange_new(const struct exchange_ops *ops, void *connection)
{
    struct exchange *x = calloc(1, sizeof(*x));

    if (!x)
        return NULL;
    x->sink.notify = on_notify;
    x->sink.finish = on_finish;
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
    drop_frame(x);
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

void exchange_park(struct exchange *x)
{
    suspend(x);
    if (exchange_state(x) != EXCHANGE_OPEN)
        wake(x);
}

void exchange_stream(struct exchange *x)
{
    pthread_mutex_lock(&x->lock);
    x->keep_alive_ms = clock_ms() + EXCHANGE_KEEP_ALIVE_MS;
    pthread_mutex_unlock(&x->lock);
    atomic_store(&x->streaming, true);
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

static size_t read_events(struct exchange *x, char *out, size_t max)
{
    size_t n;

    pthread_mutex_lock(&x->lock);
    n = sse_read(&x->events, out, max);
    if (n)
        x->keep_alive_ms = clock_ms() + EXCHANGE_KEEP_ALIVE_MS;
    pthread_mutex_unlock(&x->lock);
    return n;
}

static bool events_wait(struct exchange *x)
{
    bool wait;

    pthread_mutex_lock(&x->lock);
    wait = x->events.at < x->events.queue.len;
    pthread_mutex_unlock(&x->lock);
    return wait;
}

ssize_t exchange_read(struct exchange *x, char *out, size_t max)
{
    enum exchange_state state = exchange_state(x);
    size_t n;

    if (state == EXCHANGE_GONE)
        return EXCHANGE_BROKEN;
    n = read_events(x, out, max);
    if (n)
        return (ssize_t)n;
    if (state == EXCHANGE_ANSWERED)
        return read_frame(x, out, max);
    suspend(x);
    if (exchange_state(x) != EXCHANGE_OPEN || events_wait(x))
        wake(x);
    return 0;
}

bool exchange_gone(struct exchange *x)
{
    if (!leave_open(x, EXCHANGE_GONE))
        return false;
    if (x->call)
        server_call_end(x->call, server_call_modern(x->call) ? CALL_CANCELLED : CALL_GONE);
    wake(x);
    return true;
}

void exchange_close(struct exchange *x)
{
    if (!x->expected && leave_open(x, EXCHANGE_ANSWERED))
        wake(x);
}

void exchange_stop(struct exchange *x)
{
    if (x->call)
        server_call_end(x->call, CALL_SHUTDOWN);
    else
        exchange_close(x);
}

void exchange_keep_alive(struct exchange *x, int64_t now_ms)
{
    bool due;

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
        wake(x);
}
