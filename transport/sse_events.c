#include "transport/http_exchange.h"
#include "transport/sse_parts.h"

#include <stdlib.h>
#include <string.h>

#define READ_EVENTS_MAX 128 /* already read ones that a stream keeps for replay */

static _Atomic size_t all_bytes;

static void account(struct stream *st, ssize_t n)
{
    st->bytes += (size_t)n;
    st->streams->bytes += (size_t)n;
    atomic_fetch_add(&all_bytes, (size_t)n);
}

static size_t event_size(size_t len)
{
    return sizeof(struct event) + len;
}

void event_drop(struct stream *st, struct event *e)
{
    list_remove(&e->link);
    st->count--;
    account(st, -(ssize_t)event_size(e->len));
    if (e->number > st->read)
        st->waiting -= e->len;
    free(e);
}

bool events_too_many(void)
{
    return atomic_load(&all_bytes) > STREAMS_ALL_BYTES_MAX;
}

struct event *event_append(struct stream *st, const char *json, size_t len, bool primes)
{
    size_t max = STREAMS_ALL_BYTES_MAX + (st->reader ? EXCHANGE_ANSWERS_MAX : 0);
    struct event *e;

    if (atomic_load(&all_bytes) + len > max)
        return NULL;
    e = malloc(sizeof(*e) + len);
    if (!e)
        return NULL;
    *e = (struct event){ .number = ++st->last, .len = len, .primes = primes };
    if (len)
        memcpy(e->json, json, len);
    sse_one_line(e->json, len);
    list_append(&st->events, &e->link);
    st->count++;
    st->waiting += len;
    account(st, (ssize_t)event_size(len));
    return e;
}

struct event *event_at(struct stream *st, uint64_t number)
{
    list_each(link, &st->events)
    {
        struct event *e = list_of(link, struct event, link);
        if (e->number >= number)
            return e;
    }
    return NULL;
}

void events_trim(struct stream *st)
{
    while (!list_empty(&st->events)) {
        struct event *e = list_of(st->events.next, struct event, link);
        bool much = st->count > READ_EVENTS_MAX || st->bytes - st->waiting > STREAM_WAITING_MAX;
        if (!much || e->number > st->read)
            return;
        event_drop(st, e);
    }
}

bool events_wait(struct stream *st, const char *json, size_t len)
{
    for (struct event *e = event_at(st, st->read + 1); e;) {
        if (e->len == len && !memcmp(e->json, json, len))
            return true;
        e = e->link.next == &st->events ? NULL : list_of(e->link.next, struct event, link);
    }
    return false;
}

/* ---- reading ---- */

static size_t copy_part(const char *part, size_t len, size_t *skip, char *out, size_t room)
{
    size_t n;

    if (*skip >= len) {
        *skip -= len;
        return 0;
    }
    n = len - *skip < room ? len - *skip : room;
    memcpy(out, part + *skip, n);
    *skip = 0;
    return n;
}

/* Some of the event, framed, from `sent` on. */
static size_t copy_event(const struct stream *st, const struct event *e, size_t sent, char *out,
                         size_t max, bool *whole)
{
    char head[SSE_HEAD_SIZE];
    size_t head_len = sse_head((struct sse_id){ st->number, e->number }, e->primes, head);
    size_t tail_len = sizeof(SSE_TAIL) - 1, total = head_len + e->len + tail_len, skip = sent, n;

    n = copy_part(head, head_len, &skip, out, max);
    n += copy_part(e->json, e->len, &skip, out + n, max - n);
    n += copy_part(SSE_TAIL, tail_len, &skip, out + n, max - n);
    *whole = sent + n == total;
    return n;
}

/* Lock held. */
static void was_read(struct stream *st, struct event *e)
{
    if (e->number <= st->read)
        return;
    st->read = e->number;
    st->waiting -= e->len;
}

size_t stream_read(struct stream *st, struct stream_at *at, char *out, size_t max)
{
    struct event *e;
    size_t n = 0;

    pthread_mutex_lock(&st->streams->lock);
    while (n < max && (e = event_at(st, at->event))) {
        bool whole;
        size_t got;
        if (e->number != at->event)
            *at = (struct stream_at){ .event = e->number };
        got = copy_event(st, e, at->sent, out + n, max - n, &whole);
        n += got;
        at->sent += got;
        if (!whole)
            break;
        was_read(st, e);
        *at = (struct stream_at){ .event = e->number + 1 };
    }
    pthread_mutex_unlock(&st->streams->lock);
    return n;
}

bool stream_waits(struct stream *st, const struct stream_at *at)
{
    bool waits;

    pthread_mutex_lock(&st->streams->lock);
    waits = event_at(st, at->event);
    pthread_mutex_unlock(&st->streams->lock);
    return waits;
}
