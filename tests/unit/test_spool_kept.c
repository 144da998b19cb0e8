#include "backend/spool.h"
#include "base/cleanup.h"
#include "tests/unit/check.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define MB (1024 * 1024)
#define WHOLE (SPOOL_HEAD + SPOOL_RING)

static struct spool_quota quota;
static struct spool spool, again;
static char root[64];
static int dir = -1;

static void clear(void)
{
    char command[128];

    spool_done(&spool);
    spool_done(&again);
    fd_close(&dir);
    if (!root[0])
        return;
    snprintf(command, sizeof(command), "rm -rf %s", root);
    CHECK(!system(command));
}

static void fresh(uint64_t max)
{
    clear();
    snprintf(root, sizeof(root), "/tmp/test-spool-XXXXXX");
    CHECK(mkdtemp(root));
    dir = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    quota = (struct spool_quota){ .max = max };
    spool_init(&spool, dir, &quota);
    spool_name(&spool, "p_x/out");
}

static char byte_at(uint64_t at)
{
    return at % 53 == 52 ? '\n' : (char)('a' + at / 53 % 26);
}

static void add_pattern(struct spool *s, uint64_t to)
{
    static char block[65500];

    while (s->total < to) {
        uint64_t from = s->total;
        size_t n = to - from < sizeof(block) ? (size_t)(to - from) : sizeof(block);
        for (size_t i = 0; i < n; i++)
            block[i] = byte_at(from + i);
        spool_add(s, block, n);
    }
}

static void check_stretch(const struct spool *s, uint64_t from, uint64_t to)
{
    static char block[1 << 20];

    while (from < to) {
        size_t want = to - from < sizeof(block) ? (size_t)(to - from) : sizeof(block);
        size_t got = spool_read(s, from, block, want);
        if (got != want)
            FAIL("%zu bytes instead of %zu at %llu", got, want, (unsigned long long)from);
        for (size_t i = 0; i < got; i++)
            if (block[i] != byte_at(from + i))
                FAIL("byte %llu is wrong", (unsigned long long)(from + i));
        from += got;
    }
}

/* Everything that it says to have is what was written there. */
static void check_pattern(const struct spool *s)
{
    uint64_t from = s->total, to = s->total;

    spool_gap(s, &from, &to);
    check_stretch(s, 0, from);
    check_stretch(s, to, s->total);
}

static void load(void)
{
    struct err err = { 0 };

    if (spool_load(&again, dir, &quota, "p_x/out", &err))
        FAIL("%s", err.msg);
}

static unsigned descriptors(void)
{
    DIR *d = opendir("/proc/self/fd");
    unsigned n = 0;

    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

static bool there(void)
{
    return !faccessat(dir, "p_x/out", F_OK, 0);
}

static void what_is_kept_is_read_by_another(void)
{
    static const uint64_t totals[] = { 1, 1000, SPOOL_MEMORY, SPOOL_MEMORY + 1, 300000 };

    for (size_t i = 0; i < COUNT_OF(totals); i++)
        for (int late = 0; late < 2; late++) {
            fresh(SPOOL_QUOTA);
            if (!late)
                spool_keep(&spool);
            add_pattern(&spool, totals[i]);
            spool_keep(&spool);
            load();
            CHECK_INT(again.total, totals[i]);
            CHECK_INT(again.lines, spool.lines);
            check_pattern(&again);
            spool_rest(&spool);
            spool_done(&again);
            load();
            CHECK_INT(again.total, totals[i]);
            CHECK_INT(again.lines, spool.lines);
            check_pattern(&again);
            check_pattern(&spool);
        }
}

static void a_stream_that_stays_empty_has_no_file(void)
{
    fresh(SPOOL_QUOTA);
    spool_keep(&spool);
    spool_rest(&spool);
    CHECK(!there());
    load();
    CHECK_INT(again.total, 0);
}

static void short_streams_that_nobody_keeps_make_no_file(void)
{
    fresh(SPOOL_QUOTA);
    add_pattern(&spool, SPOOL_MEMORY);
    CHECK(faccessat(dir, "p_x", F_OK, 0));
}

static void what_is_not_kept_goes(void)
{
    fresh(SPOOL_QUOTA);
    add_pattern(&spool, 300000);
    CHECK(there());
    spool_done(&spool);
    CHECK(!there());
    CHECK_INT(quota.used, 0);
}

static void a_resting_one_holds_no_descriptor(void)
{
    unsigned before;

    fresh(SPOOL_QUOTA);
    before = descriptors();
    add_pattern(&spool, 300000);
    CHECK_INT(descriptors(), before + 1);
    spool_rest(&spool);
    CHECK_INT(descriptors(), before);
    check_pattern(&spool);
    spool_keep(&spool);
    load();
    check_pattern(&again);
    CHECK_INT(descriptors(), before);
}

static void nothing_is_added_to_a_resting_one(void)
{
    fresh(SPOOL_QUOTA);
    add_pattern(&spool, 300000);
    spool_rest(&spool);
    spool_add(&spool, "x", 1);
    CHECK_INT(spool.total, 300000);
}

static void a_flood_is_read_by_another(void)
{
    uint64_t from, to;

    fresh(SPOOL_QUOTA);
    spool_keep(&spool);
    add_pattern(&spool, WHOLE + 5 * MB + 17);
    load();
    CHECK_INT(again.total, spool.total);
    CHECK(spool_gap(&again, &from, &to));
    CHECK(to > spool.total - SPOOL_RING && to < spool.total - SPOOL_RING + MB);
    check_pattern(&again);
    spool_done(&again);
    spool_rest(&spool);
    load();
    CHECK_INT(again.total, spool.total);
    CHECK(spool_gap(&again, &from, &to));
    CHECK_INT(to, spool.total - SPOOL_RING);
    check_pattern(&again);
}

static void a_small_quota_is_read_by_another(void)
{
    fresh(200 * 1024);
    spool_keep(&spool);
    add_pattern(&spool, MB);
    load();
    CHECK_INT(again.total, MB);
    check_pattern(&again);
    spool_done(&again);
    spool_rest(&spool);
    load();
    CHECK_INT(again.total, MB);
    check_pattern(&again);
    CHECK(quota.used <= 2 * 200 * 1024 + 128 * 1024);
}

static void a_full_disk_is_read_by_another(void)
{
    struct rlimit limit = { .rlim_cur = 500000, .rlim_max = RLIM_INFINITY };

    fresh(SPOOL_QUOTA);
    signal(SIGXFSZ, SIG_IGN);
    spool_keep(&spool);
    CHECK(!setrlimit(RLIMIT_FSIZE, &limit));
    add_pattern(&spool, MB);
    spool_rest(&spool);
    limit.rlim_cur = RLIM_INFINITY;
    CHECK(!setrlimit(RLIMIT_FSIZE, &limit));
    CHECK(spool.lost);
    load();
    CHECK_INT(again.total, MB);
    CHECK(again.lost && again.stored > 400000);
    check_pattern(&again);
}

static void a_file_that_lies_is_refused(void)
{
    static const struct {
        off_t at;
        const char *bytes;
        size_t len;
    } lies[] = {
        { 0, "X", 1 },                                 /* magic */
        { 24, "\0\0\0\0\0\0\0\0", 8 },                 /* head_cap 0 */
        { 24, "\xff\xff\xff\xff\xff\xff\xff\xff", 8 }, /* head_cap huge */
        { 32, "\0\0\0\0\0\0\0\0", 8 },                 /* ring_cap 0 */
        { 32, "\xff\xff\xff\xff\xff\xff\xff\xff", 8 }, /* ring_cap huge */
    };

    for (size_t i = 0; i < COUNT_OF(lies); i++) {
        struct err err = { 0 };
        int fd;
        fresh(SPOOL_QUOTA);
        spool_keep(&spool);
        add_pattern(&spool, 1000);
        spool_rest(&spool);
        fd = openat(dir, "p_x/out", O_WRONLY);
        CHECK(pwrite(fd, lies[i].bytes, lies[i].len, lies[i].at) == (ssize_t)lies[i].len);
        close(fd);
        CHECK(spool_load(&again, dir, &quota, "p_x/out", &err));
        CHECK_INT(err.code, ERR_INVALID);
    }
}

static void a_file_that_was_cut_gives_what_is_there(void)
{
    int fd;

    fresh(SPOOL_QUOTA);
    spool_keep(&spool);
    add_pattern(&spool, 1000);
    spool_rest(&spool);
    fd = openat(dir, "p_x/out", O_WRONLY);
    CHECK(!ftruncate(fd, (off_t)sizeof(struct spool_head) + 700));
    close(fd);
    load();
    CHECK_INT(again.total, 700);
    check_pattern(&again);
    spool_done(&again);
    fd = openat(dir, "p_x/out", O_WRONLY);
    CHECK(!ftruncate(fd, 20));
    close(fd);
    load();
    CHECK_INT(again.total, 0);
}

/* The writer is killed wherever it is. */
static void kill_after(useconds_t us, uint64_t max, uint64_t total)
{
    pid_t pid;

    fresh(max);
    pid = fork();
    if (!pid) {
        spool_keep(&spool);
        add_pattern(&spool, total);
        for (;;)
            pause();
    }
    usleep(us);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    load();
    check_pattern(&again);
}

static void a_killed_writer_leaves_what_it_wrote(void)
{
    for (useconds_t us = 200; us < 10000; us += 400)
        kill_after(us, SPOOL_QUOTA, WHOLE);
    for (useconds_t us = 200; us < 5000; us += 400)
        kill_after(us, 200 * 1024, WHOLE);
}

static void a_killed_flood_leaves_its_end(void)
{
    for (useconds_t us = 100000; us < 500000; us += 100000)
        kill_after(us, SPOOL_QUOTA, 40ull * WHOLE);
}

static const struct test tests[] = {
    TEST(what_is_kept_is_read_by_another),
    TEST(a_stream_that_stays_empty_has_no_file),
    TEST(short_streams_that_nobody_keeps_make_no_file),
    TEST(what_is_not_kept_goes),
    TEST(a_resting_one_holds_no_descriptor),
    TEST(nothing_is_added_to_a_resting_one),
    TEST(a_flood_is_read_by_another),
    TEST(a_small_quota_is_read_by_another),
    TEST(a_full_disk_is_read_by_another),
    TEST(a_file_that_lies_is_refused),
    TEST(a_file_that_was_cut_gives_what_is_there),
    TEST(a_killed_writer_leaves_what_it_wrote),
    TEST(a_killed_flood_leaves_its_end),
    TEST(clear),
};

TEST_MAIN(tests)
