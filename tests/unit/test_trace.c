#include "base/trace.h"
#include "check.h"

#define ID "4bf92f3577b34da6a3ce929d0e0e4736"
#define SPAN "00f067aa0ba902b7"
#define GOOD "00-" ID "-" SPAN "-01"

static void a_parent_is_read(void)
{
    struct trace t = { 0 };

    CHECK(trace_read(&t, GOOD, "rojo=1,congo=t61rcWkgMzE"));
    CHECK_STR(t.id, ID);
    CHECK_STR(t.parent, SPAN);
    CHECK_STR(t.state, "rojo=1,congo=t61rcWkgMzE");
    CHECK_STR(t.span, "");
    CHECK(t.sampled);
    CHECK(trace_read(&t, "00-" ID "-" SPAN "-00", NULL));
    CHECK(!t.sampled);
    CHECK_STR(t.state, "");
    CHECK(trace_read(&t, "00-" ID "-" SPAN "-03", NULL));
    CHECK(t.sampled);
    CHECK(trace_read(&t, "cc-" ID "-" SPAN "-01-what-is-to-come", NULL));
}

static void anything_else_is_not(void)
{
    static const char *const bad[] = {
        "",
        "00",
        ID,
        "ff-" ID "-" SPAN "-01",
        "0g-" ID "-" SPAN "-01",
        "00-00000000000000000000000000000000-" SPAN "-01",
        "00-" ID "-0000000000000000-01",
        "00-" ID "-" SPAN "-1",
        "00-" ID "-" SPAN "-0x",
        "00-" ID "-" SPAN "-01-more",
        "00-" ID "-" SPAN "-01 ",
        " " GOOD,
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-" SPAN "-01",
        "00_" ID "-" SPAN "-01",
        "cc-" ID "-" SPAN "-01.more",
    };
    struct trace t = { .id = "kept" };

    CHECK(!trace_read(&t, NULL, "a=b"));
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        if (trace_read(&t, bad[i], NULL))
            FAIL("\"%s\" is taken", bad[i]);
        CHECK_STR(t.id, "kept");
    }
}

static void a_bad_state_is_left_out(void)
{
    static const char *const good[] = { "a=b",   "a=b,",        "a=b, c=d",
                                        "t@s=1", "a=b\t,\tc=d", "0a=!\"#$" };
    static const char *const bad[] = { "",    "a",      "=b",    "a=",         "A=b", "a=b=c",
                                       "a b", "a=\x01", "a=b\n", "a=\xc3\xa9", ",,," };
    struct trace t;
    char many[33 * 5], large[TRACE_STATE_MAX + 8];

    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
        CHECK(trace_read(&t, GOOD, good[i]));
        CHECK_STR(t.state, good[i]);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        CHECK(trace_read(&t, GOOD, bad[i]));
        if (*t.state)
            FAIL("\"%s\" is kept", bad[i]);
    }
    for (int i = 0; i < 33; i++)
        memcpy(many + 4 * i, "a=b,", 5);
    CHECK(trace_read(&t, GOOD, many));
    CHECK_STR(t.state, "");
    memset(large, 'x', sizeof(large) - 1);
    large[sizeof(large) - 1] = '\0';
    large[1] = '=';
    CHECK(trace_read(&t, GOOD, large));
    CHECK_STR(t.state, "");
}

static void a_call_gets_a_span_of_its_own(void)
{
    struct trace t = { 0 }, other = { 0 };

    CHECK(trace_read(&t, "00-" ID "-" SPAN "-00", NULL));
    trace_begin(&t);
    CHECK_STR(t.id, ID);
    CHECK_STR(t.parent, SPAN);
    CHECK(strlen(t.span) == 16 && strcmp(t.span, SPAN) && !t.sampled);
    trace_begin(&other);
    CHECK(strlen(other.id) == 32 && strspn(other.id, "0123456789abcdef") == 32);
    CHECK(strcmp(other.id, ID) && strcmp(other.span, t.span));
    CHECK_STR(other.parent, "");
    CHECK(other.sampled);
}

static const struct test tests[] = {
    TEST(a_parent_is_read),
    TEST(anything_else_is_not),
    TEST(a_bad_state_is_left_out),
    TEST(a_call_gets_a_span_of_its_own),
};

TEST_MAIN(tests)
