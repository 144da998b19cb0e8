#include "tests/unit/sse_fixture.h"

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
    exchange_keep_alive(x, clock_ms() + 2 * EXCHANGE_KEEP_ALIVE_MS);
    CHECK_STR(drain(x, 100), &EVENT("1-1", "1") ":\n\n"[5]);
    finish(x, "2");
    CHECK_STR(drain(x, 100), EVENT("1-2", "2"));
    leave(x);
    streams_unref(s);
}

static const struct test tests[] = {
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
};

TEST_MAIN(tests)
