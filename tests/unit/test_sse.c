#include "base/clock.h"
#include "tests/unit/check.h"
#include "transport/http_exchange.h"

#include <sched.h>

/* ---- framing and the queue ---- */

static char out[4096];

static const char *drain(struct sse *s, size_t step)
{
    size_t n = 0, got;

    while ((got = sse_read(s, out + n, step)))
        n += got;
    out[n] = '\0';
    return out;
}

static void messages_are_framed(void)
{
    AUTO(sse) struct sse s = SSE_INIT;

    CHECK(sse_add(&s, "{\"a\":1}", 7));
    CHECK(sse_add(&s, "{}", 2));
    CHECK_STR(drain(&s, 1000), "event: message\ndata: {\"a\":1}\n\nevent: message\ndata: {}\n\n");
    CHECK_STR(drain(&s, 1000), "");
}

static void any_reading_step_gives_the_same_bytes(void)
{
    for (size_t step = 1; step < 40; step++) {
        AUTO(sse) struct sse s = SSE_INIT;
        CHECK(sse_add(&s, "[1]", 3));
        CHECK_INT(sse_read(&s, out, 1), 1);
        CHECK(sse_add(&s, "[2]", 3));
        CHECK_STR(drain(&s, step), "vent: message\ndata: [1]\n\nevent: message\ndata: [2]\n\n");
    }
}

static void newlines_do_not_end_a_message(void)
{
    AUTO(sse) struct sse s = SSE_INIT;
    AUTO_FREE char *framed = sse_frame("[\r\n1]", 5);

    CHECK(sse_add(&s, "{\n\n}\r", 5));
    CHECK_STR(drain(&s, 1000), "event: message\ndata: {  } \n\n");
    CHECK_STR(framed, "event: message\ndata: [  1]\n\n");
}

static void a_slow_reader_loses_messages_and_not_memory(void)
{
    AUTO(sse) struct sse s = SSE_INIT;
    static char big[1000];
    unsigned kept = 0;

    memset(big, ' ', sizeof(big));
    for (int i = 0; i < 1000; i++)
        kept += sse_add(&s, big, sizeof(big));
    CHECK(kept >= 60 && kept <= 64);
    CHECK_INT(s.dropped, 1000 - kept);
    CHECK(s.queue.cap <= SSE_QUEUE_MAX + 1);
    CHECK_INT(sse_read(&s, out, 2000), 2000);
    CHECK(sse_add(&s, big, sizeof(big)));
    CHECK(!sse_add(&s, big, SIZE_MAX - 5));
}

static void an_offer_waits_once_and_may_be_large(void)
{
    AUTO(sse) struct sse s = SSE_INIT;
    AUTO_FREE char *large = malloc(1000 * 1000);
    size_t n = 0;

    CHECK(sse_offer(&s, "{}", 2) && sse_offer(&s, "{}", 2) && sse_offer(&s, "{\"a\":{}}", 8));
    CHECK_INT(sse_read(&s, out, 3), 3);
    CHECK(sse_offer(&s, "{}", 2));
    CHECK_STR(drain(&s, 100), &"event: message\ndata: {}\n\nevent: message\ndata: {\"a\":{}}\n\n"
                               "event: message\ndata: {}\n\n"[3]);
    memset(large, 'x', 1000 * 1000);
    CHECK(sse_offer(&s, "1", 1));
    CHECK(sse_offer(&s, large, 1000 * 1000));
    CHECK(!sse_offer(&s, large, 999 * 1000));
    CHECK(!sse_offer(&s, "2", 1));
    CHECK(!sse_add(&s, "2", 1));
    for (size_t got; (got = sse_read(&s, out, sizeof(out)));)
        n += got;
    CHECK(n > 1000 * 1000 && n < 1000 * 1000 + 100);
    CHECK(s.queue.cap <= SSE_QUEUE_MAX + 1);
    CHECK(sse_offer(&s, "2", 1));
}

static void comments_are_for_quiet_streams(void)
{
    AUTO(sse) struct sse s = SSE_INIT;

    sse_keep_alive(&s);
    sse_keep_alive(&s);
    CHECK_STR(drain(&s, 7), ":\n\n");
    CHECK(sse_add(&s, "1", 1));
    sse_keep_alive(&s);
    CHECK_STR(drain(&s, 7), "event: message\ndata: 1\n\n");
}

/* ---- exchanges ---- */

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

static struct exchange *start(struct connection *c)
{
    struct exchange *x = exchange_new(&ops, c);

    CHECK(x);
    x->wants_events = true;
    exchange_expect(x);
    return x;
}

static void finish(struct exchange *x, const char *json)
{
    x->sink.finish(&x->sink, 200, json, json ? strlen(json) : 0);
}

static void an_answer_before_parking_suspends_nothing_for_long(void)
{
    struct connection c = { 0 };
    AUTO_PTR(exchange) struct exchange *x = start(&c);

    finish(x, "{}");
    CHECK_INT(exchange_state(x), EXCHANGE_ANSWERED);
    CHECK_STR(exchange_json(x), "{}\n\n");
    CHECK_INT(x->len, 2);
    exchange_park(x);
    CHECK_INT(c.suspended, 1);
    CHECK_INT(c.resumed, 1);
}

static void an_answer_resumes_once(void)
{
    struct connection c = { 0 };
    AUTO_PTR(exchange) struct exchange *x = start(&c);

    exchange_park(x);
    CHECK_INT(c.resumed, 0);
    finish(x, "[]");
    CHECK_INT(c.resumed, 1);
    CHECK(!exchange_gone(x));
    CHECK_INT(c.resumed, 1);
    CHECK_INT(x->status, 200);
}

static void an_answer_to_nobody_is_dropped(void)
{
    struct connection c = { 0 };
    AUTO_PTR(exchange) struct exchange *x = start(&c);

    exchange_park(x);
    CHECK(exchange_gone(x));
    CHECK_INT(c.resumed, 1);
    finish(x, "[]");
    CHECK_INT(exchange_state(x), EXCHANGE_GONE);
    CHECK_INT(c.resumed, 1);
    CHECK(!x->frame);
}

static void a_call_may_outlive_its_connection(void)
{
    struct connection c = { 0 };
    struct exchange *x = start(&c);

    CHECK(exchange_gone(x));
    exchange_unref(x);
    x->sink.notify(&x->sink, "1", 1);
    finish(x, "[]");
}

static void a_stream_sends_events_then_the_answer_then_ends(void)
{
    struct connection c = { 0 };
    AUTO_PTR(exchange) struct exchange *x = start(&c);
    size_t n = 0;
    ssize_t got;

    exchange_stream(x);
    CHECK_INT(exchange_read(x, out, 10), 0);
    CHECK_INT(c.suspended - c.resumed, 1);
    x->sink.notify(&x->sink, "1", 1);
    CHECK_INT(c.suspended - c.resumed, 0);
    finish(x, "{\"r\":2}");
    while ((got = exchange_read(x, out + n, 10)) > 0)
        n += (size_t)got;
    out[n] = '\0';
    CHECK_INT(got, EXCHANGE_END);
    CHECK_STR(out, "event: message\ndata: 1\n\nevent: message\ndata: {\"r\":2}\n\n");
}

static void a_broken_stream_says_so(void)
{
    struct connection c = { 0 };
    AUTO_PTR(exchange) struct exchange *x = start(&c);

    exchange_stream(x);
    CHECK_INT(exchange_read(x, out, 10), 0);
    CHECK(exchange_gone(x));
    CHECK_INT(c.suspended - c.resumed, 0);
    CHECK_INT(exchange_read(x, out, 10), EXCHANGE_BROKEN);
    finish(x, NULL);
}

static void a_quiet_stream_gets_a_comment_when_it_is_due(void)
{
    struct connection c = { 0 };
    AUTO_PTR(exchange) struct exchange *x = start(&c);
    int64_t now = 0;

    exchange_keep_alive(x, INT64_MAX);
    exchange_stream(x);
    now = x->keep_alive_ms - EXCHANGE_KEEP_ALIVE_MS;
    CHECK_INT(exchange_read(x, out, 10), 0);
    exchange_keep_alive(x, now + EXCHANGE_KEEP_ALIVE_MS - 1);
    CHECK_INT(c.suspended - c.resumed, 1);
    exchange_keep_alive(x, now + EXCHANGE_KEEP_ALIVE_MS);
    CHECK_INT(c.suspended - c.resumed, 0);
    CHECK_INT(exchange_read(x, out, 10), 3);
    CHECK_MEM(out, ":\n\n", 3);
    finish(x, NULL);
    CHECK_INT(exchange_read(x, out, 10), EXCHANGE_END);
}

/* A suspended connection is not read from. */
static void await_resume(struct connection *c)
{
    while (atomic_load(&c->resumed) < atomic_load(&c->suspended))
        sched_yield();
}

/* A worker that answers, a watcher that gives up, and the connection, all at once. */
struct race {
    struct exchange *x;
    atomic_int ready, gone;
};

static void *race_answer(void *arg)
{
    struct race *race = arg;

    atomic_fetch_add(&race->ready, 1);
    while (atomic_load(&race->ready) < 3)
        sched_yield();
    race->x->sink.notify(&race->x->sink, "1", 1);
    finish(race->x, "{}");
    return NULL;
}

static void *race_leave(void *arg)
{
    struct race *race = arg;

    atomic_fetch_add(&race->ready, 1);
    while (atomic_load(&race->ready) < 3)
        sched_yield();
    atomic_store(&race->gone, exchange_gone(race->x));
    exchange_keep_alive(race->x, clock_ms() + 2 * EXCHANGE_KEEP_ALIVE_MS);
    exchange_unref(race->x);
    return NULL;
}

static void whoever_wins_resumes_exactly_once(void)
{
    for (int i = 0; i < 400; i++) {
        struct connection c = { 0 };
        AUTO_PTR(exchange) struct exchange *x = start(&c);
        struct race race = { .x = x };
        pthread_t answer, leave;

        exchange_ref(x);
        if (i & 1)
            exchange_stream(x);
        CHECK_INT(pthread_create(&answer, NULL, race_answer, &race), 0);
        CHECK_INT(pthread_create(&leave, NULL, race_leave, &race), 0);
        atomic_fetch_add(&race.ready, 1);
        if (i & 1)
            while (exchange_read(x, out, sizeof(out)) >= 0)
                await_resume(&c);
        else
            exchange_park(x);
        pthread_join(answer, NULL);
        pthread_join(leave, NULL);
        CHECK(exchange_state(x) == (race.gone ? EXCHANGE_GONE : EXCHANGE_ANSWERED));
        CHECK_INT(c.suspended, c.resumed);
    }
}

static const struct test tests[] = {
    TEST(messages_are_framed),
    TEST(any_reading_step_gives_the_same_bytes),
    TEST(newlines_do_not_end_a_message),
    TEST(a_slow_reader_loses_messages_and_not_memory),
    TEST(an_offer_waits_once_and_may_be_large),
    TEST(comments_are_for_quiet_streams),
    TEST(an_answer_before_parking_suspends_nothing_for_long),
    TEST(an_answer_resumes_once),
    TEST(an_answer_to_nobody_is_dropped),
    TEST(a_call_may_outlive_its_connection),
    TEST(a_stream_sends_events_then_the_answer_then_ends),
    TEST(a_broken_stream_says_so),
    TEST(a_quiet_stream_gets_a_comment_when_it_is_due),
    TEST(whoever_wins_resumes_exactly_once),
};

TEST_MAIN(tests)
