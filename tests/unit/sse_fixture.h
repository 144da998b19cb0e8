/*
 * Exchanges without a library: a connection that counts how often it was suspended and resumed,
 * and what a client of a legacy session does with them.
 */
#ifndef TESTS_UNIT_SSE_FIXTURE_H
#define TESTS_UNIT_SSE_FIXTURE_H

#include "base/clock.h"
#include "tests/unit/check.h"
#include "transport/http_exchange.h"

#include <sched.h>

static char out[8192];

struct connection {
    atomic_int suspended, resumed;
};

static void on_suspend(void *connection)
{
    atomic_fetch_add(&((struct connection *)connection)->suspended, 1);
}

static void on_resume(void *connection)
{
    atomic_fetch_add(&((struct connection *)connection)->resumed, 1);
}

static const struct exchange_ops ops = { on_suspend, on_resume };

__attribute__((unused)) static struct exchange *new_exchange(struct connection *c,
                                                             struct streams *s)
{
    struct exchange *x = exchange_new(&ops, c);

    CHECK(x);
    x->wants_events = true;
    if (s) {
        x->streams = streams_ref(s);
        exchange_expect(x);
    }
    return x;
}

/* A GET; NULL: it was refused with *why. */
__attribute__((unused)) static struct exchange *get(struct connection *c, struct streams *s,
                                                    const char *last, enum stream_opened *why)
{
    struct exchange *x = new_exchange(c, NULL);

    *why = streams_open(s, last, x, &x->stream, &x->at);
    if (*why == STREAM_OPENED) {
        exchange_stream(x);
        return x;
    }
    exchange_unref(x);
    return NULL;
}

__attribute__((unused)) static void leave(struct exchange *x)
{
    exchange_over(x);
    exchange_unref(x);
}

__attribute__((unused)) static void say(struct exchange *x, const char *json)
{
    x->sink.notify(&x->sink, json, strlen(json));
}

__attribute__((unused)) static void finish(struct exchange *x, const char *json)
{
    x->sink.finish(&x->sink, 200, json, json ? strlen(json) : 0);
}

__attribute__((unused)) static ssize_t last_read;

/* Everything there is now. */
__attribute__((unused)) static const char *drain(struct exchange *x, size_t step)
{
    size_t n = 0;

    while ((last_read = exchange_read(x, out + n, step)) > 0)
        n += (size_t)last_read;
    out[n] = '\0';
    return out;
}

#define PRIME(id) "id: " id "\nretry: 1000\ndata: \n\n"
#define EVENT(id, json) "id: " id "\nevent: message\ndata: " json "\n\n"

#endif
