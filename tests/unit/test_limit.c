#include "check.h"
#include "transport/limit.h"

#include <stdlib.h>

static void rates_are_read(void)
{
    static const struct {
        const char *text;
        double per_s, burst;
    } good[] = {
        { "1/s", 1, 1 },       { "50/s", 50, 50 },    { "0.5/s", 0.5, 1 },
        { "10/s:40", 10, 40 }, { "2.5/s:1", 2.5, 1 },
    };
    static const char *const bad[] = { "",      "5",     "/s",    "0/s",   "-1/s",
                                       "5/m",   "5/s:",  "5/s:0", "5/s:x", "5/s:10x",
                                       "nan/s", "1e9/s", "inf/s", "5 /s",  "5/s:-1" };
    struct limit_rate rate;
    struct err err;

    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
        if (limit_parse(good[i].text, &rate, NULL))
            FAIL("%s is refused", good[i].text);
        CHECK(rate.per_s == good[i].per_s && rate.burst == good[i].burst);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        if (!limit_parse(bad[i], &rate, &err))
            FAIL("%s is taken", bad[i]);
        CHECK_INT(err.code, ERR_INVALID);
    }
}

static struct limit *make(double per_s, double burst)
{
    struct limit_rate rate = { per_s, burst };
    struct limit *l;

    CHECK(!limit_new(&rate, &l, NULL));
    return l;
}

static void a_burst_passes_and_then_the_rate(void)
{
    struct limit *l = make(10, 3);

    for (int i = 0; i < 3; i++)
        CHECK_INT(limit_take(l, "a", 1000000), 0);
    CHECK_INT(limit_take(l, "a", 1000000), 101);
    CHECK_INT(limit_take(l, "a", 1050000), 51);
    CHECK_INT(limit_take(l, "a", 1100000), 0);
    CHECK(limit_take(l, "a", 1100000) > 0);
    for (int i = 0; i < 3; i++)
        CHECK_INT(limit_take(l, "a", 60000000), 0);
    CHECK(limit_take(l, "a", 60000000) > 0);
    limit_free(l);
}

static void one_does_not_slow_another(void)
{
    struct limit *l = make(1, 1);

    CHECK_INT(limit_take(l, "a", 0), 0);
    CHECK(limit_take(l, "a", 0) > 0);
    CHECK_INT(limit_take(l, "b", 0), 0);
    CHECK(limit_take(l, "b", 0) > 0);
    limit_free(l);
}

static void without_a_limit_all_passes(void)
{
    for (int i = 0; i < 1000; i++)
        CHECK_INT(limit_take(NULL, "a", 0), 0);
}

static void time_that_goes_back_gives_nothing(void)
{
    struct limit *l = make(1, 1);

    CHECK_INT(limit_take(l, "a", 5000000), 0);
    CHECK(limit_take(l, "a", 1000000) > 0);
    CHECK(limit_take(l, "a", 5500000) > 0);
    CHECK_INT(limit_take(l, "a", 6000000), 0);
    limit_free(l);
}

static void only_so_many_are_remembered(void)
{
    struct limit *l = make(0.001, 1);
    char name[32];

    for (int i = 0; i <= LIMIT_PRINCIPALS; i++) {
        snprintf(name, sizeof(name), "p%d", i);
        CHECK_INT(limit_take(l, name, i), 0);
    }
    CHECK(limit_take(l, "p1", LIMIT_PRINCIPALS) > 0);
    CHECK_INT(limit_take(l, "p0", LIMIT_PRINCIPALS), 0); /* forgotten */
    limit_free(l);
}

static const struct test tests[] = {
    TEST(rates_are_read),
    TEST(a_burst_passes_and_then_the_rate),
    TEST(one_does_not_slow_another),
    TEST(without_a_limit_all_passes),
    TEST(time_that_goes_back_gives_nothing),
    TEST(only_so_many_are_remembered),
};

TEST_MAIN(tests)
