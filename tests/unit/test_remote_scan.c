#include "backend/remote/aio_scan.h"
#include "tests/unit/check.h"

#include <stdlib.h>

/* What a scan of a text gives, whole. */
struct taken {
    struct aio_scan scan; /* first */
    struct buf text[2];
    int restarts;
};

static void on_text(struct aio_scan *s, int stream, const char *data, size_t len)
{
    struct taken *t = (struct taken *)s;

    CHECK(stream == 0 || stream == 1);
    CHECK(!buf_add(&t->text[stream], data, len, NULL));
}

static void on_restart(struct aio_scan *s)
{
    struct taken *t = (struct taken *)s;

    t->restarts++;
    buf_clear(&t->text[0]);
    buf_clear(&t->text[1]);
}

static void taken_init(struct taken *t)
{
    aio_scan_init(&t->scan);
    t->scan.text = on_text;
    t->scan.restart = on_restart;
    t->text[0] = t->text[1] = BUF_MAX(1 << 20);
    t->restarts = 0;
}

static void taken_done(struct taken *t)
{
    aio_scan_done(&t->scan);
    buf_done(&t->text[0]);
    buf_done(&t->text[1]);
}

/* In pieces of `step` bytes, the first of `first`. */
static int feed(struct taken *t, const char *json, size_t len, size_t first, size_t step,
                struct err *err)
{
    t->scan.sink.begin(&t->scan.sink);
    for (size_t at = 0, n = first; at < len; at += n, n = step) {
        n = n < len - at ? n : len - at;
        if (t->scan.sink.data(&t->scan.sink, json + at, n, err))
            return -1;
    }
    return 0;
}

static const struct {
    const char *json, *out, *err, *rest;
} cases[] = {
    { "{\"data\":{\"stdout\":\"abc\",\"stderr\":\"x\",\"offset\":3}}", "abc", "x",
      "{\"data\":{\"stdout\":\"\",\"stderr\":\"\",\"offset\":3}}" },
    { "{ \"stdout\" : \"a\\n\\t\\\\\\\"\\/\\b\\f\\r\" }", "a\n\t\\\"/\b\f\r", "",
      "{ \"stdout\" : \"\" }" },
    { "{\"stdout\":\"\\u00e4\\u20ac\\ud83d\\ude00.\"}", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80.", "",
      "{\"stdout\":\"\"}" },
    { "{\"stdout\":\"\\ud83dx\\udc00\\ud83d\\ud83d\\ude00\\ud83d\"}",
      "\xef\xbf\xbdx\xef\xbf\xbd\xef\xbf\xbd\xf0\x9f\x98\x80\xef\xbf\xbd", "",
      "{\"stdout\":\"\"}" },
    { "{\"stdout\":\"\\ud83d\\n\"}", "\xef\xbf\xbd\n", "", "{\"stdout\":\"\"}" },
    { "{\"stdout\":null,\"stderr\":\"e\"}", "", "e", "{\"stdout\":null,\"stderr\":\"\"}" },
    { "{\"command\":\"\\\"stdout\\\": \\\"no\",\"stdout\":\"yes\"}", "yes", "",
      "{\"command\":\"\\\"stdout\\\": \\\"no\",\"stdout\":\"\"}" },
    { "{\"a\":[\"stdout\",\"b\"],\"stdout2\":\"k\",\"xstdout\":\"k\",\"stdou\":\"k\"}", "", "",
      "{\"a\":[\"stdout\",\"b\"],\"stdout2\":\"k\",\"xstdout\":\"k\",\"stdou\":\"k\"}" },
    { "{\"stdout\":{\"stdout\":\"in\"},\"stderr\":[\"e\"]}", "in", "",
      "{\"stdout\":{\"stdout\":\"\"},\"stderr\":[\"e\"]}" },
    { "[]", "", "", "[]" },
    { "not json", "", "", "not json" },
    { "{\"stdout\":\"cut", "cut", "", "{\"stdout\":\"" },
};

static void every_cut_gives_the_same(void)
{
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        size_t len = strlen(cases[i].json);
        for (size_t first = 1; first <= len; first++) {
            for (size_t step = 1; step <= len; step = step < 4 ? step + 1 : len + 1) {
                struct taken t;
                struct err err = { 0 };
                taken_init(&t);
                CHECK(!feed(&t, cases[i].json, len, first, step, &err));
                t.scan.out_len ? t.scan.text(&t.scan, t.scan.stream, t.scan.out, t.scan.out_len)
                               : (void)0;
                CHECK_STR(buf_str(&t.text[0]), cases[i].out);
                CHECK_STR(buf_str(&t.text[1]), cases[i].err);
                CHECK_STR(buf_str(&t.scan.rest), cases[i].rest);
                taken_done(&t);
            }
        }
    }
}

static void escapes_that_are_none_are_refused(void)
{
    static const char *const bad[] = { "\\x", "\\u12g4", "\\uZ", "\\ " };

    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        char json[64];
        struct taken t;
        struct err err = { 0 };
        int n = snprintf(json, sizeof(json), "{\"stdout\":\"a%s\"}", bad[i]);
        taken_init(&t);
        CHECK(feed(&t, json, (size_t)n, 3, 3, &err));
        CHECK_INT(err.code, ERR_UNAVAILABLE);
        taken_done(&t);
    }
}

static void a_second_try_begins_anew(void)
{
    struct taken t;

    taken_init(&t);
    CHECK(!feed(&t, "{\"stdout\":\"abc\\ud83", 17, 4, 4, NULL));
    CHECK(!feed(&t, "{\"stdout\":\"xyz\"}", 16, 4, 4, NULL));
    CHECK_INT(t.restarts, 2);
    CHECK_STR(buf_str(&t.text[0]), "xyz");
    CHECK_STR(buf_str(&t.scan.rest), "{\"stdout\":\"\"}");
    taken_done(&t);
}

static void long_streams_do_not_stay_in_memory(void)
{
    static char chunk[100000];
    struct taken t;

    memset(chunk, 'y', sizeof(chunk));
    taken_init(&t);
    t.text[0].max = 10 * sizeof(chunk);
    t.scan.sink.begin(&t.scan.sink);
    CHECK(!t.scan.sink.data(&t.scan.sink, "{\"stdout\":\"", 11, NULL));
    for (int i = 0; i < 10; i++)
        CHECK(!t.scan.sink.data(&t.scan.sink, chunk, sizeof(chunk), NULL));
    CHECK(!t.scan.sink.data(&t.scan.sink, "\"}", 2, NULL));
    CHECK_INT(t.text[0].len, 10 * sizeof(chunk));
    CHECK_STR(buf_str(&t.scan.rest), "{\"stdout\":\"\"}");
    CHECK(t.scan.rest.cap < 10000);
    taken_done(&t);
}

static void what_is_no_stream_is_bounded(void)
{
    static char chunk[1 << 20];
    struct taken t;
    struct err err = { 0 };
    int r = 0;

    memset(chunk, 'z', sizeof(chunk));
    taken_init(&t);
    t.scan.sink.begin(&t.scan.sink);
    for (int i = 0; i < 4 && !r; i++)
        r = t.scan.sink.data(&t.scan.sink, chunk, sizeof(chunk), &err);
    CHECK(r);
    CHECK_INT(err.code, ERR_TOO_LARGE);
    taken_done(&t);
}

static void any_bytes_are_survived(void)
{
    static const char alphabet[] = "{}[]:,\"\\u0dDeEfstdouterr \n\xff\x00";
    struct taken t;

    srand(7);
    taken_init(&t);
    for (int round = 0; round < 20000; round++) {
        char json[80] = "{\"stdout\":\"";
        size_t from = round % 2 ? 11 : 0, len = from + (size_t)rand() % 60;
        for (size_t i = from; i < len; i++)
            json[i] = alphabet[(size_t)rand() % (sizeof(alphabet) - 1)];
        (void)feed(&t, json, len, 1 + (size_t)rand() % 7, 1 + (size_t)rand() % 7, NULL);
    }
    taken_done(&t);
}

static const struct test tests[] = {
    TEST(every_cut_gives_the_same),     TEST(escapes_that_are_none_are_refused),
    TEST(a_second_try_begins_anew),     TEST(long_streams_do_not_stay_in_memory),
    TEST(what_is_no_stream_is_bounded), TEST(any_bytes_are_survived),
};

TEST_MAIN(tests)
