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

/* ---- ids ---- */

static void ids_are_what_they_were_written_as(void)
{
    static const struct sse_id ids[] = {
        { 0, 0 }, { 1, 2 }, { 255, 4096 }, { UINT64_MAX, UINT64_MAX }
    };
    char text[SSE_ID_SIZE];

    for (size_t i = 0; i < COUNT_OF(ids); i++) {
        struct sse_id back = { 7, 7 };
        CHECK(sse_id_read(sse_id_write(ids[i], text), &back));
        CHECK(back.stream == ids[i].stream && back.event == ids[i].event);
    }
    CHECK_STR(sse_id_write((struct sse_id){ 31, 10 }, text), "1f-a");
}

static void nothing_else_is_an_id(void)
{
    static const char *const bad[] = {
        "",
        "1",
        "-",
        "1-",
        "-1",
        "1-1 ",
        " 1-1",
        "1--1",
        "01-1",
        "1-01",
        "1-1-",
        "+1-1",
        "1-+1",
        "0x1-1",
        "A-1",
        "g-1",
        "1-1\n",
        "fffffffffffffffff-1",
        "1-fffffffffffffffff",
        "1_1",
        "11111111111111111111111111111111111111111111111111111111-1",
    };

    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct sse_id id = { 42, 43 };
        if (sse_id_read(bad[i], &id))
            FAIL("\"%s\" was read", bad[i]);
        CHECK(id.stream == 42 && id.event == 43);
    }
}

/* ---- what a client does ---- */

static struct exchange *new_exchange(struct connection *c, struct streams *s)
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
static struct exchange *get(struct connection *c, struct streams *s, const char *last,
                            enum stream_opened *why)
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

static void leave(struct exchange *x)
{
    exchange_over(x);
    exchange_unref(x);
}

static void say(struct exchange *x, const char *json)
{
    x->sink.notify(&x->sink, json, strlen(json));
}

static void finish(struct exchange *x, const char *json)
{
    x->sink.finish(&x->sink, 200, json, json ? strlen(json) : 0);
}

static ssize_t last_read;

/* Everything there is now. */
static const char *drain(struct exchange *x, size_t step)
{
    size_t n = 0;

    while ((last_read = exchange_read(x, out + n, step)) > 0)
        n += (size_t)last_read;
    out[n] = '\0';
    return out;
}

#define PRIME(id) "id: " id "\nretry: 1000\ndata: \n\n"
#define EVENT(id, json) "id: " id "\nevent: message\ndata: " json "\n\n"

static void a_broken_stream_goes_on_where_it_was(void)
{
    struct streams *s = streams_new(true);
    struct connection a = { 0 }, b = { 0 };
    struct exchange *x = new_exchange(&a, s), *y;
    enum stream_opened why;

    say(x, "1");
    exchange_stream(x);
    CHECK_STR(drain(x, 7), PRIME("1-1") EVENT("1-2", "1"));
    CHECK_INT(last_read, 0);
    say(x, "2");
    CHECK_INT(a.suspended, a.resumed);
    leave(x);
    say(x, "3");
    y = get(&b, s, "1-2", &why);
    CHECK(y);
    CHECK_STR(drain(y, 1000), EVENT("1-3", "2") EVENT("1-4", "3"));
    say(x, "4");
    CHECK_INT(b.suspended, b.resumed);
    CHECK_STR(drain(y, 3), EVENT("1-5", "4"));
    finish(x, "{}");
    CHECK_STR(drain(y, 3), EVENT("1-6", "{}"));
    CHECK_INT(last_read, EXCHANGE_END);
    leave(y);
    y = get(&b, s, "1-4", &why);
    CHECK_STR(drain(y, 100), EVENT("1-5", "4") EVENT("1-6", "{}"));
    CHECK_INT(last_read, EXCHANGE_END);
    leave(y);
    streams_unref(s);
}

static void a_resume_comes_before_who_reads_still(void)
{
    struct streams *s = streams_new(true);
    struct connection a = { 0 }, b = { 0 };
    struct exchange *x = new_exchange(&a, s), *y;
    enum stream_opened why;

    exchange_stream(x);
    CHECK_STR(drain(x, 100), PRIME("1-1"));
    y = get(&b, s, "1-1", &why);
    CHECK_INT(a.suspended, a.resumed);
    CHECK_INT(exchange_read(x, out, 10), EXCHANGE_BROKEN);
    leave(x);
    finish(x, "[]");
    CHECK_STR(drain(y, 100), EVENT("1-2", "[]"));
    leave(y);
    streams_unref(s);
}

static void a_stream_that_closes_early_is_answered_later(void)
{
    struct streams *s = streams_new(true);
    struct connection a = { 0 }, b = { 0 };
    struct exchange *x = new_exchange(&a, s), *y;
    enum stream_opened why;

    exchange_park(x);
    x->sink.detach(&x->sink);
    CHECK_INT(a.suspended, a.resumed);
    CHECK(exchange_streams(x));
    exchange_stream(x);
    CHECK_STR(drain(x, 100), PRIME("1-1"));
    CHECK_INT(last_read, EXCHANGE_END);
    leave(x);
    finish(x, "{\"late\":1}");
    y = get(&b, s, "1-1", &why);
    CHECK_STR(drain(y, 100), EVENT("1-2", "{\"late\":1}"));
    CHECK_INT(last_read, EXCHANGE_END);
    leave(y);
    streams_unref(s);
}

static void who_is_not_told_an_id_first_is_not_left_early(void)
{
    struct streams *s = streams_new(false);
    struct connection a = { 0 };
    struct exchange *x = new_exchange(&a, s);

    x->sink.detach(&x->sink);
    CHECK(!exchange_streams(x));
    say(x, "1");
    exchange_stream(x);
    CHECK_STR(drain(x, 100), EVENT("1-1", "1"));
    CHECK_INT(last_read, 0);
    finish(x, "2");
    CHECK_STR(drain(x, 100), EVENT("1-2", "2"));
    leave(x);
    streams_unref(s);
}

static void an_answer_in_json_leaves_no_stream(void)
{
    struct streams *s = streams_new(true);
    struct connection a = { 0 };
    struct exchange *x = new_exchange(&a, s);
    enum stream_opened why;

    say(x, "1");
    CHECK(exchange_streams(x));
    finish(x, "{}");
    leave(x);
    CHECK(!get(&a, s, "1-1", &why));
    CHECK_INT(why, STREAM_UNKNOWN);
    streams_unref(s);
}

static void an_answer_that_came_first_goes_into_the_stream(void)
{
    struct streams *s = streams_new(false);
    struct connection a = { 0 };
    struct exchange *x = new_exchange(&a, s);

    say(x, "1");
    finish(x, "{\"a\":1}");
    exchange_stream(x);
    CHECK_STR(drain(x, 11), EVENT("1-1", "1") EVENT("1-2", "{\"a\":1}"));
    CHECK_INT(last_read, EXCHANGE_END);
    leave(x);
    streams_unref(s);
}

static void a_cancelled_call_ends_its_stream_without_a_word(void)
{
    struct streams *s = streams_new(true);
    struct connection a = { 0 };
    struct exchange *x = new_exchange(&a, s);

    exchange_stream(x);
    CHECK_STR(drain(x, 100), PRIME("1-1"));
    finish(x, NULL);
    CHECK_STR(drain(x, 100), "");
    CHECK_INT(last_read, EXCHANGE_END);
    leave(x);
    streams_unref(s);
}

/* ---- the standalone stream ---- */

static void offer(struct streams *s, const char *json, bool want)
{
    struct reply_sink *outlet = streams_outlet(s);

    CHECK_INT(outlet->offer(outlet, json, strlen(json)), want);
}

static void what_is_said_to_nobody_waits(void)
{
    struct streams *s = streams_new(true);
    struct connection a = { 0 }, b = { 0 };
    enum stream_opened why;
    struct exchange *x, *y;

    offer(s, "1", true);
    offer(s, "2", true);
    offer(s, "1", true);
    x = get(&a, s, NULL, &why);
    CHECK_STR(drain(x, 9), PRIME("0-3") EVENT("0-4", "1") EVENT("0-5", "2"));
    CHECK(!get(&b, s, NULL, &why));
    CHECK_INT(why, STREAM_TAKEN);
    offer(s, "1", true);
    CHECK_INT(a.suspended, a.resumed);
    CHECK_STR(drain(x, 9), EVENT("0-6", "1"));
    y = get(&b, s, "0-4", &why);
    CHECK_INT(exchange_read(x, out, 10), EXCHANGE_BROKEN);
    leave(x);
    CHECK_STR(drain(y, 100), EVENT("0-5", "2") EVENT("0-6", "1"));
    leave(y);
    x = get(&a, s, NULL, &why);
    CHECK_STR(drain(x, 9), PRIME("0-7"));
    leave(x);
    streams_unref(s);
}

static void streams_opened_and_not_read_leave_one_priming_event(void)
{
    struct streams *s = streams_new(true);
    struct connection a = { 0 };
    enum stream_opened why;
    struct exchange *x;

    for (int i = 0; i < 1000; i++)
        leave(get(&a, s, NULL, &why));
    x = get(&a, s, NULL, &why);
    CHECK_STR(drain(x, 100), PRIME("0-1"));
    leave(x);
    streams_unref(s);
}

static void what_waits_is_bounded(void)
{
    struct streams *s = streams_new(false);
    struct connection a = { 0 };
    enum stream_opened why;
    struct exchange *x;
    char json[1001];
    size_t n = 0, got;

    for (int i = 0; i < 100; i++) {
        snprintf(json, sizeof(json), "%-1000d", i);
        offer(s, json, i < STREAM_WAITING_MAX / 1000);
    }
    x = get(&a, s, NULL, &why);
    while ((got = (size_t)exchange_read(x, out, sizeof(out))))
        n += got;
    CHECK(n > 65 * 1000 && n < 65 * 1100);
    offer(s, json, true);
    leave(x);
    streams_unref(s);
}

static void unknown_ids_open_nothing(void)
{
    static const char *const ids[] = { "0-2", "1-1", "9-0", "", "x", "0" };
    struct streams *s = streams_new(true);
    struct connection a = { 0 };
    enum stream_opened why;

    leave(get(&a, s, NULL, &why));
    for (size_t i = 0; i < COUNT_OF(ids); i++) {
        CHECK(!get(&a, s, ids[i], &why));
        CHECK_INT(why, STREAM_UNKNOWN);
    }
    streams_unref(s);
}

static void comments_come_between_events(void)
{
    struct streams *s = streams_new(false);
    struct connection a = { 0 };
    struct exchange *x = new_exchange(&a, s);

    exchange_stream(x);
    say(x, "1");
    CHECK_INT(exchange_read(x, out, 5), 5);
    exchange_keep_alive(x, INT64_MAX);
    CHECK_STR(drain(x, 100), &EVENT("1-1", "1") ":\n\n"[5]);
    finish(x, "2");
    CHECK_STR(drain(x, 100), EVENT("1-2", "2"));
    leave(x);
    streams_unref(s);
}

/* ---- bounds of what is kept ---- */

static void answer_one(struct streams *s, const char *json, size_t len)
{
    struct connection a = { 0 };
    struct exchange *x = new_exchange(&a, s);

    exchange_stream(x);
    CHECK_INT(exchange_read(x, out, 1) >= 0, 1);
    leave(x);
    x->sink.finish(&x->sink, 200, json, len);
}

static bool kept(struct streams *s, const char *id)
{
    struct connection a = { 0 };
    enum stream_opened why;
    struct exchange *x = get(&a, s, id, &why);

    if (x)
        leave(x);
    return x;
}

static void answers_are_kept_for_a_while(void)
{
    struct streams *s = streams_new(true);

    answer_one(s, "{}", 2);
    streams_expire(s, clock_ms() + STREAM_KEEP_MS - 1000);
    CHECK(kept(s, "1-1"));
    streams_expire(s, clock_ms() + STREAM_KEEP_MS + 1000);
    CHECK(!kept(s, "1-1"));
    CHECK(kept(s, NULL));
    streams_unref(s);
}

static void only_so_many_answers_are_kept(void)
{
    struct streams *s = streams_new(true);
    char id[SSE_ID_SIZE];

    for (int i = 0; i < STREAMS_KEPT_MAX + 10; i++)
        answer_one(s, "{}", 2);
    for (unsigned i = 1; i <= STREAMS_KEPT_MAX + 10; i++)
        CHECK(kept(s, sse_id_write((struct sse_id){ i, 1 }, id)) == (i > 10));
    streams_unref(s);
}

static void only_so_many_bytes_are_kept(void)
{
    struct streams *s = streams_new(true);
    size_t len = 4 * 1024 * 1024;
    AUTO_FREE char *json = malloc(len);

    memset(json, ' ', len);
    for (int i = 0; i < 4; i++)
        answer_one(s, json, len);
    CHECK(!kept(s, "1-1") && !kept(s, "2-1"));
    CHECK(kept(s, "3-1") && kept(s, "4-1"));
    streams_unref(s);
}

/* ---- all at once ---- */

struct race {
    struct exchange *x;
    struct streams *s;
    atomic_bool over;
};

static void *speak(void *arg)
{
    struct race *race = arg;

    for (int i = 0; i < 50; i++) {
        char json[16];
        snprintf(json, sizeof(json), "[%d]", i);
        say(race->x, json);
        if (i % 8 == 0)
            sched_yield();
    }
    finish(race->x, "{}");
    return NULL;
}

/* Reads until the end of the connection; false: the stream is over. */
static bool read_some(struct exchange *x, struct connection *c, int *next, char *last, int breaks)
{
    static _Thread_local char text[65536];
    size_t n = 0;
    ssize_t got;

    while ((got = exchange_read(x, text + n, 400)) >= 0) {
        n += (size_t)got;
        while (atomic_load(&c->resumed) < atomic_load(&c->suspended) && !breaks)
            sched_yield();
        if (breaks && n)
            break;
        if (breaks)
            while (atomic_load(&c->resumed) < atomic_load(&c->suspended))
                sched_yield();
    }
    text[n] = '\0';
    for (char *at = text, *end; (end = strstr(at, "\n\n")); at = end + 2) {
        int number;
        *end = '\0';
        sscanf(at, "id: %39s", last);
        if (strstr(at, "data: [")) {
            CHECK_INT(sscanf(strstr(at, "data: ["), "data: [%d]", &number), 1);
            CHECK_INT(number, *next);
            ++*next;
        }
        if (strstr(at, "data: {}"))
            return false;
    }
    return true;
}

static void nothing_is_lost_or_repeated_however_often_it_breaks(void)
{
    for (int i = 0; i < 100; i++) {
        struct streams *s = streams_new(true);
        struct connection c = { 0 };
        struct race race = { .s = s, .x = new_exchange(&c, s) };
        struct exchange *x = race.x;
        char last[SSE_ID_SIZE] = "";
        int next = 0, rounds = 0;
        pthread_t speaker;

        exchange_stream(x);
        CHECK_INT(pthread_create(&speaker, NULL, speak, &race), 0);
        while (read_some(x, &c, &next, last, rounds % 3)) {
            enum stream_opened why;
            leave(x);
            CHECK(*last);
            c = (struct connection){ 0 };
            x = get(&c, s, last, &why);
            if (!x)
                FAIL("%s was not found", last);
            rounds++;
        }
        leave(x);
        pthread_join(speaker, NULL);
        CHECK_INT(next, 50);
        streams_unref(s);
    }
}

static const struct test tests[] = {
    TEST(ids_are_what_they_were_written_as),
    TEST(nothing_else_is_an_id),
    TEST(a_broken_stream_goes_on_where_it_was),
    TEST(a_resume_comes_before_who_reads_still),
    TEST(a_stream_that_closes_early_is_answered_later),
    TEST(who_is_not_told_an_id_first_is_not_left_early),
    TEST(an_answer_in_json_leaves_no_stream),
    TEST(an_answer_that_came_first_goes_into_the_stream),
    TEST(a_cancelled_call_ends_its_stream_without_a_word),
    TEST(what_is_said_to_nobody_waits),
    TEST(streams_opened_and_not_read_leave_one_priming_event),
    TEST(what_waits_is_bounded),
    TEST(unknown_ids_open_nothing),
    TEST(comments_come_between_events),
    TEST(answers_are_kept_for_a_while),
    TEST(only_so_many_answers_are_kept),
    TEST(only_so_many_bytes_are_kept),
    TEST(nothing_is_lost_or_repeated_however_often_it_breaks),
};

TEST_MAIN(tests)
