#include "backend/agent/search.h"
#include "tests/unit/agent_search.h"

#include <poll.h>

#define NAMES WIRE_F_NAMES
#define SOMEBODY 65534 /* a process of its own: a thread in it cannot be ended */

static void names_match_globs_or_parts(void)
{
    static const char *const dirs[] = { "n", "n/src", "n/src/test_a", "n/.hid", NULL };

    folders(dirs);
    put_text("n/main.c", "");
    put_text("n/src/main.h", "");
    put_text("n/src/test_a/x.c", "");
    put_text("n/.hid/x.c", "");
    put_text("n/README", "");
    search(at("n"), (struct query){ .pattern = "*.c", .flags = NAMES });
    CHECK_STR(found(), "main.c|src/test_a/x.c");
    CHECK_INT(number(TAG_SCANNED), 6);
    search(at("n"), (struct query){ .pattern = "main", .flags = NAMES });
    CHECK_STR(found(), "main.c|src/main.h");
    search(at("n"), (struct query){ .pattern = "test_", .flags = NAMES });
    CHECK_STR(found(), "src/test_a");
    search(at("n"), (struct query){ .pattern = "src/*", .flags = NAMES });
    CHECK_STR(found(), "src/main.h|src/test_a");
    search(at("n"), (struct query){ .pattern = "src/t", .flags = NAMES });
    CHECK_STR(found(), "src/test_a|src/test_a/x.c");
    search(at("n"), (struct query){ .pattern = "readme", .flags = NAMES });
    CHECK_STR(found(), "");
    search(at("n"), (struct query){ .pattern = "readme", .flags = NAMES | WIRE_F_ICASE });
    CHECK_STR(found(), "README");
    search(at("n"), (struct query){ .pattern = "read*", .flags = NAMES | WIRE_F_ICASE });
    CHECK_STR(found(), "README");
    search(at("n"), (struct query){ .pattern = ".hid/*", .flags = NAMES });
    CHECK_STR(found(), ".hid/x.c");
    search(at("n"), (struct query){ .pattern = at("n/src/*.h"), .flags = NAMES });
    CHECK_STR(found(), "src/main.h");
    search(at("n"), (struct query){ .pattern = "*", .flags = NAMES, .exclude = { "src" } });
    CHECK_STR(found(), "README|main.c");
    search(at("n/main.c"), (struct query){ .pattern = "m*", .flags = NAMES });
    CHECK_STR(found(), "main.c");
}

/* Many files with several hits each; "hit" is on lines 2, 4, 6 of every third file. */
static void make_tree(const char *top, int count)
{
    char name[128];

    CHECK(!mkdir(at(top), 0755));
    for (int i = 0; i < count; i++) {
        snprintf(name, sizeof(name), "%s/%02d", top, i % 17);
        CHECK(!mkdir(at(name), 0755) || errno == EEXIST);
        snprintf(name, sizeof(name), "%s/%02d/f %d", top, i % 17, i);
        put_text(name, i % 3 ? "1\n2\n3\n" : "1\nhit a\n3\nhit b\n5\nhit c\n7\n");
    }
}

/* All answers joined are the whole one, however few hits or bytes each may have. */
static void pages(const char *path, struct query q, bool context_may_differ)
{
    static char whole[1 << 20], joined[1 << 20];
    static const struct {
        int64_t limit, max_bytes;
    } sizes[] = { { 1, 0 }, { 2, 0 }, { 7, 0 }, { 100000, 300 }, { 100000, 1 }, { 50, 2000 } };
    char from[16384];
    size_t n = 0;
    int steps = 0;

    q.limit = 100000;
    search(path, q);
    CHECK(!cursor() && !answer_truncated(&a));
    snprintf(whole, sizeof(whole), "%s", found());
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        q.limit = sizes[i].limit;
        q.max_bytes = sizes[i].max_bytes;
        q.cursor = NULL;
        n = 0;
        do {
            const char *part;
            search(path, q);
            part = found();
            CHECK(*part);
            n += (size_t)snprintf(joined + n, sizeof(joined) - n, "%s%s", n ? "|" : "", part);
            CHECK_INT(answer_truncated(&a), cursor() != NULL);
            if (cursor())
                snprintf(from, sizeof(from), "%s", cursor());
            q.cursor = from;
            CHECK(++steps < 5000);
        } while (cursor());
        if (!context_may_differ)
            CHECK_STR(joined, whole);
    }
}

static void cursors_go_on_where_an_answer_ended(void)
{
    make_tree("pages", 200);
    pages(at("pages"), (struct query){ .pattern = "hit" }, false);
    pages(at("pages"), (struct query){ .pattern = "hit", .context = 1 }, true);
    pages(at("pages"), (struct query){ .pattern = "f *9*", .flags = NAMES }, false);
}

static void the_order_does_not_depend_on_threads(void)
{
    static char first[1 << 20];

    make_tree("order", 1000);
    search(at("order"), (struct query){ .pattern = "hit [ab]", .limit = 100000 });
    snprintf(first, sizeof(first), "%s", found());
    CHECK(strlen(first) > 668 * 10);
    for (int i = 0; i < 20; i++) {
        search(at("order"), (struct query){ .pattern = "hit [ab]", .limit = 100000 });
        CHECK_STR(found(), first);
    }
}

static void it_works_where_no_thread_is_to_be_had(void)
{
    static char with[1 << 20];

    make_tree("alone", 300);
    search(at("alone"), (struct query){ .pattern = "hit", .limit = 100000 });
    snprintf(with, sizeof(with), "%s", found());
    serve_processes = 1;
    search_as(at("alone"), (struct query){ .pattern = "hit", .limit = 100000 }, SOMEBODY);
    serve_processes = 0;
    CHECK_STR(found(), with);
}

static void one_file_gives_a_hundred_hits(void)
{
    char text[SEARCH_FILE_HITS * 4 + 9] = "";

    CHECK(!mkdir(at("cap"), 0755));
    for (int i = 0; i < SEARCH_FILE_HITS; i++)
        strcat(text, "hit\n");
    put_text("cap/a", text);
    search(at("cap"), (struct query){ .pattern = "hit", .limit = 1000 });
    CHECK(!wire_has(&a.in, TAG_NOTE));
    strcat(text, "hit\n");
    put_text("cap/a", text);
    put_text("cap/b", "hit\n");
    search(at("cap"), (struct query){ .pattern = "hit", .limit = 1000 });
    CHECK_HAS(found(), "|a:100:1:hit|b:1:1:hit");
    CHECK_HAS(answer_str(&a, TAG_NOTE), "1 file has more than 100 hits");
    CHECK(!answer_truncated(&a));
}

static void no_pattern_can_hang(void)
{
    static const char *const patterns[] = { "(a+)+$", "(a|aa)+b", "(.*)*x", "^(([a-z])+.)+[A-Z]$",
                                            "(a?){60}a{60}b" };
    char *line = malloc(200001);
    struct timespec from;

    memset(line, 'a', 200000);
    line[200000] = '!';
    CHECK(!mkdir(at("slow"), 0755));
    put("slow/a", line, 200001);
    put_text("slow/b", "aaa\nx\n");
    free(line);
    for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
        clock_gettime(CLOCK_MONOTONIC, &from);
        search_as(at("slow"), (struct query){ .pattern = patterns[i] }, SOMEBODY);
        check_reply(&a);
        printf("# %s: %.0f ms, %s\n", patterns[i], since_ms(&from),
               wire_has(&a.in, TAG_NOTE) ? answer_str(&a, TAG_NOTE) : "no note");
        CHECK(since_ms(&from) < SEARCH_MS + 2000);
    }
}

/* Each start of a match stays within the limits; there are a million in each of the files. */
static void an_answer_comes_when_time_is_up(void)
{
    struct timespec from;
    char *line = malloc(SEARCH_FILE_MAX);

    memset(line, 'a', SEARCH_FILE_MAX);
    line[SEARCH_FILE_MAX - 1] = 'b';
    CHECK(!mkdir(at("late"), 0755));
    put_text("late/1", "cab b\n");
    put("late/2", line, SEARCH_FILE_MAX);
    put("late/3", line, SEARCH_FILE_MAX);
    free(line);
    search_budget_ms = 300;
    clock_gettime(CLOCK_MONOTONIC, &from);
    search_as(at("late"), (struct query){ .pattern = "(a|b){0,900}c|a b|b b" }, SOMEBODY);
    search_budget_ms = SEARCH_MS;
    CHECK_STR(found(), "1:1:1:cab b");
    CHECK_HAS(answer_str(&a, TAG_NOTE), "stopped after 0.3 s");
    CHECK(answer_truncated(&a));
    CHECK_HAS(cursor(), "c100:1");
    CHECK(since_ms(&from) >= 300);
    printf("# late by %.0f ms\n", since_ms(&from) - 300);
}

static void a_closed_channel_ends_the_search(void)
{
    struct served s;
    struct timespec from;
    char *line = malloc(1000001);

    memset(line, 'a', 1000000);
    CHECK(!mkdir(at("gone"), 0755));
    for (int i = 0; i < 200; i++) {
        char name[32];
        snprintf(name, sizeof(name), "gone/%d", i);
        put(name, line, 1000000);
    }
    free(line);
    serve_start(&s, true, -1, 0);
    start_search(at("gone"), (struct query){ .pattern = "a{3}[^z]{40,60}b" });
    CHECK(channel_send(s.channel, &w, NULL, 0));
    usleep(20000);
    clock_gettime(CLOCK_MONOTONIC, &from);
    serve_stop(&s);
    printf("# ends %.0f ms behind the channel\n", since_ms(&from));
    for (int i = 0; i < 200; i++) {
        char name[32];
        snprintf(name, sizeof(name), "gone/%d", i);
        unlink(at(name));
    }
}

static void without_a_pipe_records_stop_early(void)
{
    struct served s;

    make_tree("small", 3000);
    serve_start(&s, true, -1, 0);
    start_search(at("small"), (struct query){ .pattern = "hit", .limit = 100000 });
    ask(&s, &w, false, &a);
    serve_stop(&s);
    check_reply(&a);
    CHECK(a.len <= WIRE_INLINE_MAX && a.len > WIRE_INLINE_MAX - 100);
    CHECK(cursor() && answer_truncated(&a));
}

static void large_trees_are_fast(void)
{
    static const struct {
        const char *name;
        struct query q;
    } rows[] = {
        { "text", { .pattern = "the_needle", .flags = WIRE_F_LITERAL } },
        { "expression", { .pattern = "the_\\w+ = " } },
        { "any case", { .pattern = "THE_NEEDLE", .flags = WIRE_F_ICASE } },
        { "names", { .pattern = "*7", .flags = NAMES } },
    };
    char name[64], text[2001];

    memset(text, 'x', sizeof(text));
    for (size_t i = 40; i < sizeof(text); i += 40)
        text[i] = '\n';
    CHECK(!mkdir(at("tree"), 0755));
    for (int i = 0; i < 5000; i++) {
        snprintf(name, sizeof(name), "tree/%02d", i % 100);
        CHECK(i >= 100 || !mkdir(at(name), 0755));
        snprintf(name, sizeof(name), "tree/%02d/file%d", i % 100, i);
        memcpy(text + 1000, i % 50 ? "nothing is here" : "the_needle = 42", 15);
        put(name, text, 2000);
    }
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        double best = 1e9;
        for (int n = 0; n < 5; n++) {
            struct timespec from;
            clock_gettime(CLOCK_MONOTONIC, &from);
            search(at("tree"), rows[i].q);
            check_reply(&a);
            best = since_ms(&from) < best ? since_ms(&from) : best;
        }
        CHECK(number(TAG_SCANNED) >= (rows[i].q.flags & NAMES ? 200 : 5000));
        printf("# %s in 5,000 files of 2 kB: %.1f ms\n", rows[i].name, best);
    }
}

static const struct test tests[] = {
    TEST(names_match_globs_or_parts),           TEST(cursors_go_on_where_an_answer_ended),
    TEST(the_order_does_not_depend_on_threads), TEST(it_works_where_no_thread_is_to_be_had),
    TEST(one_file_gives_a_hundred_hits),        TEST(no_pattern_can_hang),
    TEST(an_answer_comes_when_time_is_up),      TEST(a_closed_channel_ends_the_search),
    TEST(without_a_pipe_records_stop_early),    TEST(large_trees_are_fast),
};

int main(int argc, char **argv)
{
    folder_make();
    return check_run(tests, sizeof(tests) / sizeof(tests[0]), argc, argv);
}
