#include "base/clock.h"
#include "tests/unit/check.h"

static void times_are_written_as_iso_8601(void)
{
    static const struct {
        int64_t ms;
        const char *text;
    } rows[] = {
        { 0, "1970-01-01T00:00:00.000Z" },
        { 1763719200123, "2025-11-21T10:00:00.123Z" },
        { -1, "1969-12-31T23:59:59.999Z" },
        { -1001, "1969-12-31T23:59:58.999Z" },
        { INT64_C(253402300799999), "9999-12-31T23:59:59.999Z" },
    };
    char out[CLOCK_ISO_SIZE];

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        CHECK_STR(clock_iso(rows[i].ms, out), rows[i].text);
}

static void times_out_of_all_bounds_become_their_ends(void)
{
    char out[CLOCK_ISO_SIZE];

    CHECK_STR(clock_iso(INT64_MAX, out), "9999-12-31T23:59:59.999Z");
    CHECK_STR(clock_iso(INT64_C(253402300800000), out), "9999-12-31T23:59:59.999Z");
    CHECK_STR(clock_iso(INT64_MIN, out), "0001-01-01T00:00:00.000Z");
}

static const struct test tests[] = {
    TEST(times_are_written_as_iso_8601),
    TEST(times_out_of_all_bounds_become_their_ends),
};

TEST_MAIN(tests)
