#include "backend/agent/glob.h"
#include "tests/unit/check.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <time.h>

static bool match(const char *pattern, const char *text, unsigned flags)
{
    struct glob g;
    bool r;

    if (!glob_compile(&g, pattern, strlen(pattern), flags))
        FAIL("\"%s\" does not compile", pattern);
    r = glob_match(&g, text, strlen(text));
    glob_done(&g);
    return r;
}

struct example {
    const char *pattern, *text;
    bool matches;
};

static void check_all(const struct example *rows, size_t n, unsigned flags)
{
    for (size_t i = 0; i < n; i++)
        if (match(rows[i].pattern, rows[i].text, flags) != rows[i].matches)
            FAIL("\"%s\" on \"%s\" is not %d", rows[i].pattern, rows[i].text, rows[i].matches);
}

#define CHECK_ALL(rows, flags) check_all(rows, sizeof(rows) / sizeof(rows[0]), flags)

static void stars_stay_within_a_part(void)
{
    static const struct example rows[] = {
        { "*", "", true },
        { "*", "a.c", true },
        { "*", "a/b", false },
        { "*.c", "a.c", true },
        { "*.c", ".c", true },
        { "*.c", "a.h", false },
        { "*.c", "d/a.c", false },
        { "a*", "a", true },
        { "a*", "abc", true },
        { "a*", "ba", false },
        { "a*", "a/b", false },
        { "*b*", "abc", true },
        { "*b*", "b", true },
        { "*b*", "ac", false },
        { "*b*", "b/c", false },
        { "a*b*c", "abc", true },
        { "a*b*c", "axxbyyc", true },
        { "a*b*c", "acb", false },
        { "a*b*c", "abcc", true },
        { "*a*a*", "a", false },
        { "*a*a*", "xaxax", true },
        { "d/*.c", "d/a.c", true },
        { "d/*.c", "d/e/a.c", false },
        { "d/*", "d/a", true },
        { "d/*", "d/a/b", false },
        { "***", "abc", true },
        { "a**b", "axxb", true },
        { "a**b", "a/b", false },
        { "", "", true },
        { "", "a", false },
    };

    CHECK_ALL(rows, 0);
}

static void a_part_of_two_stars_is_any_folders(void)
{
    static const struct example rows[] = {
        { "**", "a", true },
        { "**", "a/b/c", true },
        { "**/x", "x", true },
        { "**/x", "a/x", true },
        { "**/x", "a/b/x", true },
        { "**/x", "ax", false },
        { "**/x", "a/x/y", false },
        { "a/**", "a/b", true },
        { "a/**", "a/b/c", true },
        { "a/**", "a", false },
        { "a/**", "ab/c", false },
        { "a/**/b", "a/b", true },
        { "a/**/b", "a/x/b", true },
        { "a/**/b", "a/x/y/b", true },
        { "a/**/b", "ab", false },
        { "a/**/b", "a/xb", false },
        { "**/a/**/b", "a/b", true },
        { "**/a/**/b", "x/a/y/b", true },
        { "**/*.ts", "a.ts", true },
        { "**/*.ts", "a/b.ts", true },
        { "**/**/a", "x/a", true },
        { "src/**/*.c", "src/a.c", true },
        { "src/**/*.c", "lib/a.c", false },
    };

    CHECK_ALL(rows, 0);
}

static void question_marks_and_classes_take_one_character(void)
{
    static const struct example rows[] = {
        { "?", "a", true },
        { "?", "", false },
        { "?", "/", false },
        { "?", "\xc3\xa4", true },
        { "??", "\xc3\xa4", false },
        { "?", "\xff", true },
        { "a?c", "abc", true },
        { "[abc]", "b", true },
        { "[abc]", "d", false },
        { "[a-c]x", "bx", true },
        { "[a-c]", "d", false },
        { "[!a-c]", "d", true },
        { "[^a-c]", "a", false },
        { "[!a]", "/", false },
        { "[]a]", "]", true },
        { "[!]a]", "]", false },
        { "[a-]", "-", true },
        { "[-a]", "-", true },
        { "[\\]]", "]", true },
        { "[[:digit:]]", "7", true },
        { "[[:digit:]x]", "x", true },
        { "[[:alpha:]]", "7", false },
        { "[\xc3\xa0-\xc3\xb6]", "\xc3\xa4", true },
        { "[a", "[a", true },
        { "[", "[", true },
        { "[!", "[!", true },
        { "a[/]b", "a/b", false },
        { "a[x/]b", "axb", true },
        { "[z-a]", "m", false },
    };

    CHECK_ALL(rows, 0);
}

static void braces_are_alternatives(void)
{
    static const struct example rows[] = {
        { "*.{c,h}", "a.c", true },    { "*.{c,h}", "a.h", true },
        { "*.{c,h}", "a.o", false },   { "{a,b}{c,d}", "bd", true },
        { "{a,b}{c,d}", "ab", false }, { "{a,{b,c}d}", "cd", true },
        { "{a,{b,c}d}", "c", false },  { "{a}", "a", true },
        { "{,x}y", "y", true },        { "{,x}y", "xy", true },
        { "{**/,}a", "b/a", true },    { "{src,lib}/**/*.c", "lib/x/a.c", true },
        { "{a,b", "{a,b", true },      { "a}", "a}", true },
        { "a,b", "a,b", true },        { "{a\\,b}", "a,b", true },
        { "{a*,b}", "axx", true },     { "{[a,]x,y}", "y", true },
    };
    static const struct example plain[] = {
        { "{a,b}", "{a,b}", true },
        { "{a,b}", "a", false },
        { "*{a", "x{a", true },
    };

    CHECK_ALL(rows, 0);
    CHECK_ALL(plain, GLOB_NO_BRACES);
}

static void a_backslash_makes_a_character_plain(void)
{
    static const struct example rows[] = {
        { "\\*", "*", true },     { "\\*", "a", false },        { "a\\?c", "a?c", true },
        { "\\[a]", "[a]", true }, { "\\{a,b}", "{a,b}", true }, { "a\\", "a\\", true },
        { "\\\\", "\\", true },
    };

    CHECK_ALL(rows, 0);
}

static void case_can_be_ignored(void)
{
    static const struct example rows[] = {
        { "readme*", "README.md", true }, { "READ*", "readme", true }, { "[a-c]X", "Bx", true },
        { "*.C", "a.c", true },           { "a", "b", false },
    };

    CHECK_ALL(rows, GLOB_ICASE);
}

static void a_slash_makes_it_one_for_paths(void)
{
    static const struct {
        const char *pattern, *path;
        bool matches;
    } rows[] = {
        { "*.c", "src/a.c", true },       { "src/*.c", "src/a.c", true },
        { "/a.c", "a.c", true },          { "/a.c", "src/a.c", false },
        { "./src/*.c", "src/a.c", true }, { "/*.c", "src/a.c", false },
        { "a.c", "src/a.c", true },       { "src", "src/a.c", false },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *path = rows[i].path, *slash = strrchr(path, '/');
        struct glob g;
        CHECK(glob_compile(&g, rows[i].pattern, strlen(rows[i].pattern), 0));
        if (glob_match_path(&g, path, strlen(path), slash ? (size_t)(slash - path) + 1 : 0) !=
            rows[i].matches)
            FAIL("\"%s\" on \"%s\"", rows[i].pattern, path);
        glob_done(&g);
    }
}

static void random_string(char *out, size_t max, const char *alphabet, unsigned *seed)
{
    size_t n = (size_t)rand_r(seed) % max;

    for (size_t i = 0; i < n; i++)
        out[i] = alphabet[(size_t)rand_r(seed) % strlen(alphabet)];
    out[n] = '\0';
}

static void simple_globs_mean_what_fnmatch_says(void)
{
    char pattern[12], text[12];
    unsigned seed = 1;
    int hits = 0;

    for (int i = 0; i < 200000; i++) {
        bool want;
        random_string(pattern, sizeof(pattern), "aab*?/[!-]", &seed);
        random_string(text, sizeof(text), "aab/-", &seed);
        if (strstr(pattern, "**") || *pattern == '/')
            continue;
        want = !fnmatch(pattern, text, FNM_PATHNAME | FNM_NOESCAPE);
        hits += want;
        if (match(pattern, text, 0) != want)
            FAIL("\"%s\" on \"%s\" is not %d", pattern, text, want);
    }
    CHECK(hits > 1000);
}

static void wildcards_are_recognised(void)
{
    CHECK(glob_is_pattern("*.c"));
    CHECK(glob_is_pattern("a[b]"));
    CHECK(glob_is_pattern("{a,b}"));
    CHECK(!glob_is_pattern("main.c"));
    CHECK(!glob_is_pattern(""));
}

static void long_patterns_are_refused(void)
{
    char pattern[GLOB_PATTERN_MAX + 2];
    struct glob g;

    memset(pattern, '*', sizeof(pattern));
    CHECK(!glob_compile(&g, pattern, GLOB_PATTERN_MAX + 1, 0));
    for (size_t i = 0; i < sizeof(pattern); i += 2)
        pattern[i] = '?';
    CHECK(glob_compile(&g, pattern, GLOB_PATTERN_MAX, 0));
    glob_done(&g);
}

/* A matcher that tries one way after the other takes exponential time on these. */
static void no_pattern_explodes(void)
{
    static const char *const units[] = { "*a", "**/", "{a,a}", "{*,**}", "*?", "[a]*", "{a*,b}*" };
    char pattern[GLOB_PATTERN_MAX + 1], text[4096];
    struct timespec from, to;

    memset(text, 'a', sizeof(text));
    clock_gettime(CLOCK_MONOTONIC, &from);
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        size_t n = 0, unit = strlen(units[i]);
        while (n + unit < GLOB_PATTERN_MAX - 1)
            n += (size_t)snprintf(pattern + n, sizeof(pattern) - n, "%s", units[i]);
        pattern[n++] = 'b';
        pattern[n] = '\0';
        text[sizeof(text) - 1] = '\0';
        CHECK(!match(pattern, text, 0));
    }
    clock_gettime(CLOCK_MONOTONIC, &to);
    printf("# seven worst patterns of 1 kB on 4 kB: %.1f ms\n",
           (double)(to.tv_sec - from.tv_sec) * 1e3 + (double)(to.tv_nsec - from.tv_nsec) / 1e6);
}

static const struct test tests[] = {
    TEST(stars_stay_within_a_part),
    TEST(a_part_of_two_stars_is_any_folders),
    TEST(question_marks_and_classes_take_one_character),
    TEST(braces_are_alternatives),
    TEST(a_backslash_makes_a_character_plain),
    TEST(case_can_be_ignored),
    TEST(a_slash_makes_it_one_for_paths),
    TEST(simple_globs_mean_what_fnmatch_says),
    TEST(wildcards_are_recognised),
    TEST(long_patterns_are_refused),
    TEST(no_pattern_explodes),
};
TEST_MAIN(tests)
