#include "transport/sse_stream.h"
#include "base/clock.h"
#include "base/list.h"
#include "transport/http_exchange.h"

#include <string.h>

#define READ_EVENTS_MAX 128 /* already read ones that a stream keeps for replay */

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

static _Atomic size_t all_bytes;

/* ---- events; lock held ---- */

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

static void drop_event(struct stream *st, struct event *e)
{
    list_remove(&e->link);
    st->count--;
    account(st, -(ssize_t)event_size(e->len));
    if (e->number > st->read)
        st->waiting -= e->len;
    free(e);
}

static struct event *append(struct stream *st, const char *json, size_t len, bool primes)
{
    struct event *e;

    if (atomic_load(&all_bytes) + len > STREAMS_ALL_BYTES_MAX)
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

static struct event *event_at(struct stream *st, uint64_t number)
{
    list_each(link, &st->events)
    {
        struct event *e = list_of(link, struct event, link);
        if (e->number >= number)
            return e;
    }
    return NULL;
}

/* What was read is worth less than room. */
static void trim(struct stream *st)
{
    while (!list_empty(&st->events)) {
        struct event *e = list_of(st->events.next, struct event, link);
        bool much = st->count > READ_EVENTS_MAX || st->bytes - st->waiting > STREAM_WAITING_MAX;
        if (!much || e->number > st->read)
            return;
        drop_event(st, e);
    }
}

static bool has_waiting(struct stream *st, const char *json, size_t len)
{
    for (struct event *e = event_at(st, st->read + 1); e;) {
        if (e->len == len && !memcmp(e->json, json, len))
            return true;
        e = e->link.next == &st->events ? NULL : list_of(e->link.next, struct event, link);
    }
    return false;
}

/* ---- streams; lock held ---- */

static void free_stream(struct stream *st)
{
    list_each(link, &st->events) drop_event(st, list_of(link, struct event, link));
    free(st);
}

static void put_stream(struct stream *st)
{
    if (!--st->refs)
        free_stream(st);
}

static void forget(struct stream *st)
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
            forget(st);
    }
}

static struct stream *add(struct streams *s, uint64_t number)
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

/* ---- a session's ---- */

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
    s->standalone = add(s, 0);
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
    list_each(link, &s->all) forget(list_of(link, struct stream, link));
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
            forget(st);
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
    trim(st);
    prime = append(st, NULL, 0, true);
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

/* ---- one stream ---- */

struct stream *stream_new(struct streams *s)
{
    struct stream *st;

    pthread_mutex_lock(&s->lock);
    st = add(s, s->last + 1);
    if (st) {
        s->last++;
        s->refs++;
        st->refs++;
        if (s->primes)
            append(st, NULL, 0, true);
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
    forget(st);
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
    if (!once || !has_waiting(st, json, len)) {
        trim(st);
        kept = !st->over && st->waiting + len <= max && append(st, json, len, false);
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
    if (json && !append(st, json, len, false)) {
        for (struct list *at = s->all.next; at != &s->all;) {
            struct stream *other = list_of(at, struct stream, link);
            at = at->next;
            if (other != st && other->over && !other->reader)
                forget(other);
        }
        (void)append(st, json, len, false);
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
