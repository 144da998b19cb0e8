#include "backend/browser/route.h"
#include "base/clock.h"
#include "tests/unit/check.h"

#include <stdlib.h>
#include <string.h>

static bool matches(const char *pattern, const char *url)
{
    struct url_glob *g = NULL;
    struct err err = { 0 };

    CHECK(!url_glob_new(pattern, &g, &err));
    bool yes = url_glob_matches(g, url);
    url_glob_free(g);
    return yes;
}

static void globs_match_as_they_say(void)
{
    static const struct {
        const char *pattern, *url;
        bool yes;
    } rows[] = {
        { "**/api/**", "https://x.com/api/a/b?c", true },
        { "**/api/*", "https://x.com/api/a", true },
        { "**/api/*", "https://x.com/api/a/b", false },
        { "**/api/*/c", "https://x.com/api/b/c", true },
        { "https://x.com/*", "https://x.com/", true },
        { "https://x.com/*", "https://x.com/a/b", false },
        { "https://x.com/**", "https://x.com/a/b", true },
        { "*.png", "https://x.com/a/b.png", true },
        { "*.png", "https://x.com/a/b.png?x", false },
        { "*b.png*", "https://x.com/a/b.png?x", true },
        { "**/*.{png,jpg}", "https://x.com/a.jpg", true },
        { "**/*.{png,jpg}", "https://x.com/a.gif", false },
        { "**/{a,b}/{c,d}", "https://x.com/b/c", true },
        { "**/{a,b}/{c,d}", "https://x.com/c/b", false },
        { "/api/*", "https://x.com/api/a", true },
        { "/api/*", "https://x.com/v1/api/a", false },
        { "/", "https://x.com/", true },
        { "/", "https://x.com/a", false },
        { "**/a?b=1", "https://x.com/a?b=1", true },
        { "**/a?b=1", "https://x.com/axb=1", false },
        { "**/\\*", "https://x.com/*", true },
        { "**/\\*", "https://x.com/a", false },
        { "**/a{b", "https://x.com/a{b", true },
        { "**a**b**c", "https://x.com/a-b-b-c", true },
        { "**/*a*a*a*b", "https://x.com/aaaaaaaaaaaaaaaaaaaaaaaaa", false },
        { "**", "", true },
        { "*", "", true },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (matches(rows[i].pattern, rows[i].url) != rows[i].yes)
            CHECK_STR(rows[i].pattern, rows[i].url);
}

/* A page that knows the pattern makes a URL of two megabytes for it. */
static void long_urls_take_no_time(void)
{
    static const char *const patterns[] = { "**a*b", "**a*a*b", "**/*a*b*c", "**a*b*c" };
    size_t len = 2 << 20;
    char *url = malloc(len + 1);

    CHECK(url);
    for (size_t i = 0; i < COUNT_OF(patterns); i++) {
        int64_t begun_ms = clock_ms();
        memset(url, 'a', len);
        url[len] = '\0';
        CHECK(!matches(patterns[i], url));
        url[len - 2] = '/';
        CHECK(!matches(patterns[i], url));
        url[len / 2] = 'b';
        CHECK(!matches(patterns[i], url));
        url[len - 1] = strchr(patterns[i], 'c') ? 'c' : 'b';
        url[len - 2] = 'b';
        CHECK(matches(patterns[i], url) == (i != 2));
        CHECK(clock_ms() - begun_ms < 10000);
    }
    free(url);
}

/* What Chromium is told holds up at least what the glob matches: its '*' is anything. */
static void wide_patterns_have_only_stars_and_escapes(void)
{
    static const struct {
        const char *pattern, *wide;
    } rows[] = {
        { "**/a/*", "*/a/*" },
        { "/a?b", "*/a\\?b" },
        { "*.{png,jpg}", "*.*" },
        { "a\\*b", "a\\*b" },
        { "https://x/{a,b}", "https://x/*" },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct url_glob *g = NULL;
        struct err err = { 0 };
        char squeezed[64] = "", *out = squeezed;
        CHECK(!url_glob_new(rows[i].pattern, &g, &err));
        for (const char *p = url_glob_wide(g); *p; p++)
            if (*p != '*' || out == squeezed || out[-1] != '*')
                *out++ = *p;
        CHECK_STR(squeezed, rows[i].wide);
        url_glob_free(g);
    }
}

static void bad_patterns_are_refused(void)
{
    static const char *const rows[] = { "", "a\1b", "{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}" };
    char *longer = malloc(ROUTE_PATTERN_MAX + 2);
    struct url_glob *g = NULL;
    struct err err = { 0 };

    for (size_t i = 0; i < COUNT_OF(rows); i++)
        CHECK(url_glob_new(rows[i], &g, &err) == -1 && err.code == ERR_INVALID);
    memset(longer, 'a', ROUTE_PATTERN_MAX);
    longer[ROUTE_PATTERN_MAX] = '\0';
    int r = url_glob_new(longer, &g, &err);
    free(longer);
    CHECK(r == -1);
}

static const struct test tests[] = {
    TEST(globs_match_as_they_say),
    TEST(long_urls_take_no_time),
    TEST(wide_patterns_have_only_stars_and_escapes),
    TEST(bad_patterns_are_refused),
};

TEST_MAIN(tests)
