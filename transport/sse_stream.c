#include "base/clock.h"
#include "transport/http_exchange.h"
#include "transport/sse_parts.h"

#include <string.h>

/* ---- in the list; lock held ---- */

static void free_stream(struct stream *st)
{
    list_each(link, &st->events) event_drop(st, list_of(link, struct event, link));
    free(st);
}

static void put_stream(struct stream *st)
{
    if (!--st->refs)
        free_stream(st);
}

void stream_forget(struct stream *st)
{
    if (!st->listed)
        return;
    st->listed = false;
    st->streams->over -= st->over;
    list_remove(&st->link);
    put_stream(st);
}

/* Makes room for `keep`, which itself stays. */
static void evict(struct streams *s, const struct stream *keep)
{
    list_each(link, &s->all)
    {
        struct stream *st = list_of(link, struct stream, link);
        if (s->over <= STREAMS_KEPT_MAX && s->bytes <= STREAMS_BYTES_MAX)
            return;
        if (st != keep && st->over && !st->reader)
            stream_forget(st);
    }
}

struct stream *stream_add_to(struct streams *s, uint64_t number)
{
    struct stream *st = calloc(1, sizeof(*st));

    if (!st)
        return NULL;
    st->streams = s;
    st->number = number;
    st->refs = 1;
    st->listed = true;
    list_init(&st->events);
    list_append(&s->all, &st->link);
    return st;
}

/* ---- one stream ---- */

struct stream *stream_new(struct streams *s)
{
    struct stream *st;

    pthread_mutex_lock(&s->lock);
    st = stream_add_to(s, s->last + 1);
    if (st) {
        s->last++;
        s->refs++;
        st->refs++;
        if (s->primes)
            event_append(st, NULL, 0, true);
    }
    pthread_mutex_unlock(&s->lock);
    return st;
}

void stream_unref(struct stream *st)
{
    struct streams *s = st ? st->streams : NULL;

    if (!st)
        return;
    pthread_mutex_lock(&s->lock);
    put_stream(st);
    pthread_mutex_unlock(&s->lock);
    streams_unref(s);
}

void stream_drop(struct stream *st)
{
    pthread_mutex_lock(&st->streams->lock);
    stream_forget(st);
    pthread_mutex_unlock(&st->streams->lock);
}

void stream_attach(struct stream *st, struct exchange *x, struct stream_at *at)
{
    struct exchange *before;

    exchange_ref(x);
    pthread_mutex_lock(&st->streams->lock);
    before = st->reader;
    st->reader = x;
    pthread_mutex_unlock(&st->streams->lock);
    if (before)
        exchange_replaced(before);
    exchange_unref(before);
    *at = (struct stream_at){ .event = 1 };
}

void stream_detach(struct stream *st, struct exchange *x)
{
    struct exchange *reader = NULL;

    pthread_mutex_lock(&st->streams->lock);
    if (st->reader == x) {
        reader = TAKE(st->reader);
        st->left_ms = clock_ms();
        if (st->over && events_too_many())
            stream_forget(st);
        if (st->over)
            evict(st->streams, NULL);
    }
    pthread_mutex_unlock(&st->streams->lock);
    exchange_unref(reader);
}

/* Lock held. A reference for waking it outside of the lock. */
static struct exchange *reader_of(struct stream *st)
{
    if (st->reader)
        exchange_ref(st->reader);
    return st->reader;
}

static bool is_request(const char *json, size_t len)
{
    static const char begin[] = "{\"jsonrpc\":\"2.0\",\"id\":";

    return len >= sizeof(begin) && !memcmp(json, begin, sizeof(begin) - 1);
}

bool stream_add(struct stream *st, const char *json, size_t len, bool once)
{
    size_t max = is_request(json, len) ? STREAM_REQUESTS_MAX : STREAM_WAITING_MAX;
    struct exchange *reader;
    bool kept = true;

    pthread_mutex_lock(&st->streams->lock);
    if (!once || !events_wait(st, json, len)) {
        events_trim(st);
        kept = !st->over && st->waiting + len <= max && event_append(st, json, len, false);
    }
    reader = reader_of(st);
    pthread_mutex_unlock(&st->streams->lock);
    if (reader)
        exchange_wake(reader);
    exchange_unref(reader);
    return kept;
}

void stream_finish(struct stream *st, const char *json, size_t len)
{
    struct streams *s = st->streams;
    struct exchange *reader;

    pthread_mutex_lock(&s->lock);
    if (json && !event_append(st, json, len, false)) {
        for (struct list *at = s->all.next; at != &s->all;) {
            struct stream *other = list_of(at, struct stream, link);
            at = at->next;
            if (other != st && other->over && !other->reader)
                stream_forget(other);
        }
        (void)event_append(st, json, len, false);
    }
    st->over = true;
    st->left_ms = clock_ms();
    s->over += st->listed;
    evict(s, st);
    reader = reader_of(st);
    pthread_mutex_unlock(&s->lock);
    if (reader)
        exchange_answered(reader);
    exchange_unref(reader);
}
