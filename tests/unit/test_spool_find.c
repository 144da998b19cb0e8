#include "backend/spool.h"
#include "base/cleanup.h"
#include "tests/unit/check.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static struct spool_quota quota = { .max = SPOOL_QUOTA };
static struct spool spool;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t at;

static void fresh(void)
{
    spool_done(&spool);
    spool_init(&spool, open("/tmp", O_PATH | O_DIRECTORY | O_CLOEXEC), &quota);
    at = 0;
}

static void add(const char *text)
{
    spool_add(&spool, text, strlen(text));
}

/* The line, "" none; a "+" before one that may become longer. */
static const char *find(const char *pattern, bool ended)
{
    AUTO(buf) struct buf line = BUF_MAX(2 * SPOOL_LINE);
    struct spool_regex *re = NULL;
    static char out[200];
    bool open;
    int r;

    CHECK(!spool_regex_new(pattern, &re, NULL));
    pthread_mutex_lock(&lock);
    r = spool_find(&spool, &lock, &at, ended, re, &line, &open, NULL);
    pthread_mutex_unlock(&lock);
    spool_regex_free(re);
    CHECK(r >= 0);
    snprintf(out, sizeof(out), "%s%.150s", r && open ? "+" : "", r ? buf_str(&line) : "");
    return out;
}

static void lines_come_one_after_the_other(void)
{
    fresh();
    CHECK_STR(find("a", false), "");
    add("a1\nb\na2\na");
    CHECK_STR(find("a", false), "a1\n");
    CHECK_STR(find("a", false), "a2\n");
    CHECK_INT(at, 8);
    CHECK_STR(find("a\\d", false), "");
    CHECK_INT(at, 8);
    add("3\n");
    CHECK_STR(find("a\\d", false), "a3\n");
    CHECK_INT(at, spool.total);
}

static void an_open_line_has_no_end_until_the_stream_has(void)
{
    fresh();
    add("Done");
    CHECK_STR(find("^Done$", false), "");
    at = 0;
    CHECK_STR(find("^Done", false), "+Done");
    at = 0;
    CHECK_STR(find("^Done$", true), "+Done");
}

static void lines_are_matched_as_they_are_shown(void)
{
    fresh();
    add("\033[1mready\033[0m in 3\r\n1%\r100%\nx\xffy\n");
    CHECK_STR(find("^ready in 3$", false), "\033[1mready\033[0m in 3\r\n");
    CHECK_STR(find("^100%$", false), "1%\r100%\n");
    CHECK_STR(find("^x.y$", false), "x\xffy\n");
}

static void long_streams_are_searched_over_the_dropped_middle(void)
{
    static char block[100000];

    fresh();
    memset(block, 'x', sizeof(block));
    for (size_t i = 99; i < sizeof(block); i += 100)
        block[i] = '\n';
    for (int i = 0; i < 700; i++)
        spool_add(&spool, block, sizeof(block));
    add("needle\n");
    CHECK_STR(find("needle", false), "needle\n");
    CHECK_INT(at, spool.total);
    fresh();
    memset(block, 'y', sizeof(block));
    for (int i = 0; i < 3; i++)
        spool_add(&spool, block, sizeof(block));
    add("\nneedle\n");
    CHECK_STR(find("needle", false), "needle\n");
    spool_done(&spool);
}

static void a_pattern_that_takes_too_long_is_refused(void)
{
    AUTO(buf) struct buf line = BUF_MAX(2 * SPOOL_LINE);
    struct spool_regex *re = NULL;
    struct err err = { 0 };
    bool open;
    int r = 0;

    fresh();
    for (int i = 0; i < 300; i++)
        add("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab\n");
    CHECK(!spool_regex_new("^(a+)+$", &re, NULL));
    pthread_mutex_lock(&lock);
    r = spool_find(&spool, &lock, &at, false, re, &line, &open, &err);
    pthread_mutex_unlock(&lock);
    spool_regex_free(re);
    CHECK(r == -1 && err.code == ERR_INVALID);
}

static const struct test tests[] = {
    TEST(lines_come_one_after_the_other),
    TEST(an_open_line_has_no_end_until_the_stream_has),
    TEST(lines_are_matched_as_they_are_shown),
    TEST(long_streams_are_searched_over_the_dropped_middle),
    TEST(a_pattern_that_takes_too_long_is_refused),
};
TEST_MAIN(tests)
