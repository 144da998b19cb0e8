/*
 * Event streams. Input: a line that is a Last-Event-ID, then bytes that are taken for what is said
 * to a client, read, broken off and fetched again. What a client reads must be whole events without
 * a line end in their data, and what it fetches again the same as before.
 *
 * covers: transport/sse.c transport/sse_events.c transport/sse_stream.c transport/sse_session.c
 * seeds: tests/fuzz/seeds/sse
 */
#include "base/clock.h"
#include "transport/http_exchange.h"

#include <stdio.h>
#include <string.h>

#define INPUT_MAX 8192
#define SEEN_MAX (1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds)
        abort();
}

static void nothing(void *connection)
{
    (void)connection;
}

static const struct exchange_ops ops = { nothing, nothing };

/* ---- ids ---- */

static void check_id(const char *text)
{
    char back[SSE_ID_SIZE];
    struct sse_id id;

    if (!sse_id_read(text, &id))
        return;
    must(!strcmp(sse_id_write(id, back), text));
    must(strlen(text) < SSE_ID_SIZE);
}

/* ---- a queue without ids ---- */

static void check_queue(const uint8_t *data, size_t size)
{
    AUTO(sse) struct sse s = SSE_INIT;
    static char out[SEEN_MAX];
    size_t n = 0, got;

    for (size_t at = 0; at < size;) {
        size_t len = data[at] & 0x3f, left = size - at - 1;
        bool once = data[at] & 0x40, reads = data[at] & 0x80;
        if (len > left)
            len = left;
        if (once)
            (void)sse_offer(&s, (const char *)data + at + 1, len);
        else
            (void)sse_add(&s, (const char *)data + at + 1, len);
        if (reads) {
            sse_keep_alive(&s);
            n += sse_read(&s, out + n, len + 1);
        }
        at += 1 + len;
    }
    while ((got = sse_read(&s, out + n, 1000)))
        n += got;
    out[n] = '\0';
    must(s.queue.cap <= SSE_QUEUE_MAX + 1);
    must(!n || (n >= 2 && !memcmp(out + n - 2, "\n\n", 2)));
}

/* ---- streams of a session ---- */

struct client {
    struct streams *streams;
    struct exchange *call; /* who speaks; NULL when it has answered */
    struct exchange *x;    /* who reads */
    char seen[SEEN_MAX];   /* of the call's stream */
    size_t len;
    char last[SSE_ID_SIZE];
};

/* Only whole events were seen by a client: the rest comes again. */
static void keep_whole(struct client *c)
{
    char *end;

    c->seen[c->len] = '\0';
    while (c->len >= 2 && memcmp(c->seen + c->len - 2, "\n\n", 2))
        c->len--;
    if (c->len < 2)
        c->len = 0;
    c->seen[c->len] = '\0';
    for (char *at = c->seen; (end = strstr(at, "\n\n")); at = end + 2) {
        char id[SSE_ID_SIZE] = "";
        struct sse_id parsed;
        if (*at == ':')
            continue;
        must(sscanf(at, "id: %39[0-9a-f-]", id) == 1 && sse_id_read(id, &parsed));
        must(parsed.stream == 1);
        memcpy(c->last, id, sizeof(id));
    }
}

static void read_some(struct client *c, size_t max)
{
    ssize_t n;

    if (!c->x || c->len + max > SEEN_MAX - 1)
        return;
    n = exchange_read(c->x, c->seen + c->len, max);
    if (n > 0)
        c->len += (size_t)n;
}

static void leave(struct client *c)
{
    if (!c->x)
        return;
    exchange_over(c->x);
    exchange_unref(c->x);
    c->x = NULL;
    keep_whole(c);
}

static struct exchange *get(struct client *c, const char *last)
{
    struct exchange *x = exchange_new(&ops, NULL);

    x->wants_events = true;
    if (streams_open(c->streams, last, x, &x->stream, &x->at) == STREAM_OPENED) {
        exchange_stream(x);
        return x;
    }
    exchange_unref(x);
    return NULL;
}

static void come_back(struct client *c)
{
    leave(c);
    if (*c->last)
        c->x = get(c, c->last);
}

static void finish(struct client *c, const char *json, size_t len)
{
    struct exchange *call = TAKE(c->call);

    if (!call)
        return;
    call->sink.finish(&call->sink, 200, json, len);
    exchange_unref(call);
}

static void step(struct client *c, unsigned what, const char *json, size_t len)
{
    struct reply_sink *outlet = streams_outlet(c->streams);
    struct exchange *x;

    switch (what) {
    case 0:
    case 1:
        if (c->call)
            c->call->sink.notify(&c->call->sink, json, len);
        break;
    case 2:
        read_some(c, len + 1);
        break;
    case 3:
        come_back(c);
        break;
    case 4:
        (void)outlet->offer(outlet, json, len);
        outlet->notify(outlet, json, len);
        break;
    case 5:
        if (c->x)
            exchange_keep_alive(c->x, clock_ms() + 2 * EXCHANGE_KEEP_ALIVE_MS);
        if (c->call && len & 1)
            c->call->sink.detach(&c->call->sink);
        break;
    case 6:
        x = get(c, len ? NULL : "0-1");
        if (x) {
            char out[64];
            (void)exchange_read(x, out, sizeof(out));
            exchange_over(x);
        }
        exchange_unref(x);
        break;
    default:
        streams_expire(c->streams, clock_ms());
        if (len == 0x1f)
            finish(c, json, len);
    }
}

/* All that the call said, from its beginning; comments are not part of it. */
static void check_replay(struct client *c)
{
    static char all[SEEN_MAX];
    struct exchange *x = get(c, "1-0");
    size_t n = 0, from = 0;
    ssize_t got;

    if (!x)
        return;
    while (n < SEEN_MAX - 5000 && (got = exchange_read(x, all + n, 4096)) > 0)
        n += (size_t)got;
    all[n] = '\0';
    exchange_over(x);
    exchange_unref(x);
    for (char *at = c->seen, *end; (end = strstr(at, "\n\n")); at = end + 2) {
        size_t len = (size_t)(end + 2 - at);
        char *found;
        if (*at == ':')
            continue;
        found = memmem(all + from, n - from, at, len);
        if (!found && !from) /* trimmed: it was read long ago */
            continue;
        must(found);
        from = (size_t)(found - all) + len;
    }
}

static void check_streams(const uint8_t *data, size_t size, const char *last)
{
    static struct client client;
    struct client *c = &client;
    struct exchange *stray;

    *c = (struct client){ .streams = streams_new(size & 1) };
    c->call = exchange_new(&ops, NULL);
    c->call->wants_events = true;
    c->call->streams = streams_ref(c->streams);
    exchange_expect(c->call);
    exchange_ref(c->call);
    c->x = c->call;
    exchange_stream(c->x);
    for (size_t at = 0; at < size;) {
        size_t len = data[at] & 0x1f, left = size - at - 1;
        unsigned what = data[at] >> 5;
        if (len > left)
            len = left;
        step(c, what, (const char *)data + at + 1, len);
        at += 1 + len;
    }
    stray = get(c, last);
    if (stray)
        exchange_over(stray);
    exchange_unref(stray);
    finish(c, "{}", 2);
    leave(c);
    check_replay(c);
    streams_close(c->streams);
    must(!get(c, NULL));
    streams_unref(c->streams);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = size && size <= INPUT_MAX ? memchr(data, '\n', size) : NULL;
    static uint8_t text[INPUT_MAX];
    char last[256];
    size_t line, len;

    if (!end)
        return 0;
    line = (size_t)(end - data);
    len = line < sizeof(last) ? line : sizeof(last) - 1;
    memcpy(last, data, len);
    last[len] = '\0';
    memcpy(text, end + 1, size - line - 1);
    for (size_t i = 0; i < size - line - 1; i++)
        text[i] = text[i] ? text[i] : ' ';
    check_id(last);
    check_queue(end + 1, size - line - 1);
    check_streams(text, size - line - 1, last);
    return 0;
}
