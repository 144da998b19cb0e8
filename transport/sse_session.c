#include "transport/http_exchange.h"
#include "transport/sse_parts.h"

static bool on_offer(struct reply_sink *sink, const char *json, size_t len)
{
    return stream_add(((struct streams *)sink)->standalone, json, len, true);
}

static void on_notify(struct reply_sink *sink, const char *json, size_t len)
{
    (void)stream_add(((struct streams *)sink)->standalone, json, len, false);
}

struct streams *streams_new(bool primes)
{
    struct streams *s = calloc(1, sizeof(*s));

    if (!s)
        return NULL;
    s->outlet.notify = on_notify;
    s->outlet.offer = on_offer;
    s->refs = 1;
    s->primes = primes;
    list_init(&s->all);
    s->standalone = stream_add_to(s, 0);
    if (!s->standalone) {
        free(s);
        return NULL;
    }
    pthread_mutex_init(&s->lock, NULL);
    return s;
}

struct streams *streams_ref(struct streams *s)
{
    pthread_mutex_lock(&s->lock);
    s->refs++;
    pthread_mutex_unlock(&s->lock);
    return s;
}

void streams_unref(struct streams *s)
{
    bool last;

    if (!s)
        return;
    pthread_mutex_lock(&s->lock);
    last = --s->refs == 0;
    pthread_mutex_unlock(&s->lock);
    if (!last)
        return;
    list_each(link, &s->all) stream_forget(list_of(link, struct stream, link));
    pthread_mutex_destroy(&s->lock);
    free(s);
}

bool streams_prime(const struct streams *s)
{
    return s->primes;
}

struct reply_sink *streams_outlet(struct streams *s)
{
    return &s->outlet;
}

/* A reference to who reads the first stream behind *after; NULL at the end. */
static struct exchange *next_reader(struct streams *s, uint64_t *after)
{
    struct exchange *x = NULL;

    pthread_mutex_lock(&s->lock);
    s->closed = true;
    list_each(link, &s->all)
    {
        struct stream *st = list_of(link, struct stream, link);
        if (st->number + 1 <= *after || !st->reader)
            continue;
        *after = st->number + 1;
        x = st->reader;
        exchange_ref(x);
        break;
    }
    pthread_mutex_unlock(&s->lock);
    return x;
}

void streams_close(struct streams *s)
{
    struct exchange *x;

    for (uint64_t after = 0; (x = next_reader(s, &after)); exchange_unref(x))
        exchange_close(x);
}

void streams_expire(struct streams *s, int64_t now_ms)
{
    pthread_mutex_lock(&s->lock);
    list_each(link, &s->all)
    {
        struct stream *st = list_of(link, struct stream, link);
        if (st->over && !st->reader && now_ms - st->left_ms >= STREAM_KEEP_MS)
            stream_forget(st);
    }
    pthread_mutex_unlock(&s->lock);
}

/* ---- opening ---- */

/* Lock held. The client learns an id first; what waits gets new ones behind it. */
static void prime_standalone(struct stream *st)
{
    struct event *first = event_at(st, st->read + 1), *prime;

    if (first && first->primes)
        return;
    events_trim(st);
    prime = event_append(st, NULL, 0, true);
    if (!prime || !first)
        return;
    list_remove(&prime->link);
    list_append(&first->link, &prime->link);
    for (struct list *at = &first->link; at != &st->events; at = at->next)
        list_of(at, struct event, link)->number = ++st->last;
}

/* Lock held. */
static enum stream_opened find(struct streams *s, const char *last_event_id, struct stream **out,
                               struct stream_at *at)
{
    struct sse_id id;

    if (!last_event_id) {
        if (s->standalone->reader)
            return STREAM_TAKEN;
        if (s->primes)
            prime_standalone(s->standalone);
        *out = s->standalone;
        *at = (struct stream_at){ .event = s->standalone->read + 1 };
        return STREAM_OPENED;
    }
    if (!sse_id_read(last_event_id, &id))
        return STREAM_UNKNOWN;
    list_each(link, &s->all)
    {
        struct stream *st = list_of(link, struct stream, link);
        if (st->number != id.stream || id.event > st->last)
            continue;
        *out = st;
        *at = (struct stream_at){ .event = id.event + 1 };
        return STREAM_OPENED;
    }
    return STREAM_UNKNOWN;
}

enum stream_opened streams_open(struct streams *s, const char *last_event_id, struct exchange *x,
                                struct stream **out, struct stream_at *at)
{
    struct exchange *before = NULL;
    enum stream_opened opened;
    bool over = false;

    pthread_mutex_lock(&s->lock);
    opened = s->closed ? STREAM_UNKNOWN : find(s, last_event_id, out, at);
    if (opened == STREAM_OPENED) {
        struct stream *st = *out;
        before = st->reader;
        exchange_ref(x);
        st->reader = x;
        st->refs++;
        s->refs++;
        over = st->over;
    }
    pthread_mutex_unlock(&s->lock);
    if (before)
        exchange_replaced(before);
    exchange_unref(before);
    if (over)
        exchange_answered(x);
    return opened;
}
