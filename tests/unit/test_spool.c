#include "backend/spool.h"
#include "base/cleanup.h"
#include "tests/unit/check.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define MB (1024 * 1024)

static struct spool_quota quota;
static struct spool spool;
static int dir = -1;

static void fresh(uint64_t max)
{
    if (dir < 0)
        dir = open("/tmp", O_PATH | O_DIRECTORY | O_CLOEXEC);
    spool_done(&spool);
    quota = (struct spool_quota){ .max = max };
    spool_init(&spool, dir, &quota);
}

/* The byte at an offset, so that any stretch can be checked: lines of 50 bytes. */
static char byte_at(uint64_t at)
{
    return at % 50 == 49 ? '\n' : (char)('a' + at / 50 % 26);
}

static void add_pattern(uint64_t from, uint64_t to)
{
    static char block[65500];

    while (from < to) {
        size_t n = to - from < sizeof(block) ? (size_t)(to - from) : sizeof(block);
        for (size_t i = 0; i < n; i++)
            block[i] = byte_at(from + i);
        spool_add(&spool, block, n);
        from += n;
    }
}

static void is_pattern(const char *p, size_t len, uint64_t from)
{
    for (size_t i = 0; i < len; i++)
        if (p[i] != byte_at(from + i))
            FAIL("byte %llu is wrong", (unsigned long long)(from + i));
}

static void read_is_pattern(uint64_t from, size_t len)
{
    static char block[100000];

    CHECK_INT(spool_read(&spool, from, block, len), len);
    is_pattern(block, len, from);
}

static void short_streams_make_no_file(void)
{
    fresh(SPOOL_QUOTA);
    add_pattern(0, SPOOL_MEMORY);
    CHECK_INT(spool.fd, -1);
    read_is_pattern(0, SPOOL_MEMORY);
    spool_add(&spool, "x", 1);
    CHECK(spool.fd >= 0);
    CHECK(!spool.memory);
    read_is_pattern(0, SPOOL_MEMORY);
}

static void chunks_give_every_byte_once(void)
{
    uint64_t at = 0;

    fresh(SPOOL_QUOTA);
    add_pattern(0, 3 * MB + 17);
    while (at < spool.total) {
        AUTO(buf) struct buf text = { 0 };
        struct stream_text t = { 0 };
        uint64_t next;
        CHECK(!spool_chunk(&spool, at, 20000, &t, &next, NULL));
        text = t.text;
        CHECK(text.len > 0 && text.len <= 20000);
        CHECK_INT(next, at + text.len);
        CHECK_INT(t.omitted, 0);
        is_pattern(text.data, text.len, at);
        at = next;
    }
    CHECK_INT(at, 3 * MB + 17);
}

static void a_cut_lies_at_line_ends_and_counts_what_is_missing(void)
{
    AUTO(buf) struct buf text = { 0 };
    struct stream_text t = { 0 };
    uint64_t hole;

    fresh(SPOOL_QUOTA);
    add_pattern(0, MB);
    CHECK(!spool_text(&spool, 0, 1000, &t, &hole, NULL));
    text = t.text;
    CHECK_INT(t.hole, 600);
    CHECK_INT(hole, 600);
    CHECK_INT(t.total, MB);
    CHECK_INT(t.text.len + t.omitted, MB);
    CHECK(text.data[t.hole - 1] == '\n');
    is_pattern(text.data, t.hole, 0);
    is_pattern(text.data + t.hole, text.len - t.hole, MB - (text.len - t.hole));
    CHECK_INT(byte_at(MB - (text.len - t.hole) - 1), '\n');
    CHECK_INT(t.omitted_lines, t.omitted / 50);
}

static void lines_are_counted_from_any_offset(void)
{
    AUTO(buf) struct buf text = { 0 };
    struct stream_text t = { 0 };
    uint64_t hole;

    fresh(SPOOL_QUOTA);
    add_pattern(0, MB);
    CHECK(!spool_text(&spool, 5000, 1000, &t, &hole, NULL));
    text = t.text;
    CHECK_INT(t.total, MB - 5000);
    CHECK_INT(t.omitted_lines, t.omitted / 50);
}

static void characters_are_not_torn(void)
{
    AUTO(buf) struct buf text = { 0 };
    struct stream_text t = { 0 };
    uint64_t hole;

    fresh(SPOOL_QUOTA);
    for (int i = 0; i < 1000; i++)
        spool_add(&spool, "\xe2\x82\xac", 3);
    CHECK(!spool_text(&spool, 0, 100, &t, &hole, NULL));
    text = t.text;
    CHECK_INT(t.hole % 3, 0);
    CHECK_INT(text.len % 3, 0);
    CHECK((unsigned char)text.data[t.hole] == 0xe2);
}

static void the_middle_of_a_flood_is_dropped_and_counted(void)
{
    const uint64_t total = 100ull * MB + 123;
    AUTO(buf) struct buf text = { 0 };
    struct stream_text t = { 0 };
    uint64_t from, to, hole;

    fresh(SPOOL_QUOTA);
    add_pattern(0, total);
    CHECK_INT(spool.total, total);
    CHECK(spool_gap(&spool, &from, &to));
    CHECK_INT(from, SPOOL_HEAD);
    CHECK_INT(to, total - SPOOL_RING);
    CHECK_INT(quota.used, SPOOL_HEAD + SPOOL_RING);
    read_is_pattern(SPOOL_HEAD - 90000, 90000);
    read_is_pattern(to, 90000);
    read_is_pattern(total - 90000, 90000);
    for (uint64_t at = to; at + 100000 < total; at += 3 * MB)
        read_is_pattern(at, 100000);
    CHECK(!spool_text(&spool, SPOOL_HEAD + 1000, 1000, &t, &hole, NULL));
    text = t.text;
    CHECK_INT(t.evicted, to - SPOOL_HEAD - 1000);
    is_pattern(text.data, t.hole, to);
}

static void a_used_up_quota_keeps_the_head_and_the_end(void)
{
    char tail[1000];
    uint64_t from, to;

    fresh(4 * MB);
    add_pattern(0, 20 * MB);
    CHECK(quota.used <= 4 * MB);
    CHECK_INT(spool.total, 20 * MB);
    CHECK(spool_gap(&spool, &from, &to));
    read_is_pattern(0, 100000);
    CHECK_INT(spool_read(&spool, 20 * MB - 1000, tail, 1000), 1000);
    is_pattern(tail, 1000, 20 * MB - 1000);
    spool_done(&spool);
    CHECK_INT(quota.used, 0);
}

static void a_failing_disk_loses_text_but_not_the_count(void)
{
    AUTO(buf) struct buf text = { 0 };
    struct stream_text t = { 0 };
    uint64_t hole;

    fresh(SPOOL_QUOTA);
    spool.dir_fd = -1;
    add_pattern(0, 60000);
    add_pattern(60000, MB);
    CHECK_INT(spool.total, MB);
    CHECK(spool.lost);
    read_is_pattern(0, 60000);
    CHECK(!spool_text(&spool, 0, 1000, &t, &hole, NULL));
    text = t.text;
    CHECK_INT(text.len + t.omitted, MB);
    is_pattern(text.data, t.hole, 0);
}

static void tails_are_whole_lines(void)
{
    static const struct {
        const char *text;
        int64_t lines;
        size_t budget;
        const char *want;
    } cases[] = {
        { "a\nb\nc\n", 2, 100, "b\nc\n" },    { "a\nb\nc", 2, 100, "b\nc" },
        { "a\nb\nc\n", 9, 100, "a\nb\nc\n" }, { "", 3, 100, "" },
        { "\n\n\n", 2, 100, "\n\n" },         { "one\ntwo\n", 5, 4, "two\n" },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        AUTO(buf) struct buf text = { 0 };
        struct stream_text t = { 0 };
        fresh(SPOOL_QUOTA);
        spool_add(&spool, cases[i].text, strlen(cases[i].text));
        CHECK(!spool_tail(&spool, cases[i].lines, cases[i].budget, &t, NULL));
        text = t.text;
        CHECK_STR(buf_str(&text), cases[i].want);
    }
}

static int grep(const char *pattern, size_t budget, struct stream_text *t, struct err *err)
{
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    struct spool_regex *re = NULL;
    int r;

    if (spool_regex_new(pattern, &re, err))
        return -1;
    pthread_mutex_lock(&lock);
    r = spool_grep(&spool, &lock, 0, re, budget, t, err);
    pthread_mutex_unlock(&lock);
    spool_regex_free(re);
    return r;
}

static void grep_gives_lines_that_match(void)
{
    AUTO(buf) struct buf text = { 0 };
    struct stream_text t = { 0 };
    char line[32];

    fresh(SPOOL_QUOTA);
    for (int i = 0; i < 50000; i++)
        spool_add(&spool, line, (size_t)snprintf(line, sizeof(line), "line %d\n", i));
    spool_add(&spool, "line 77777", 10);
    CHECK(!grep("line (4999[89]|7{5})$", 1000, &t, NULL));
    text = t.text;
    CHECK_STR(text.data, "line 49998\nline 49999\nline 77777");
    buf_done(&text);
    t = (struct stream_text){ 0 };
    CHECK(!grep("9", 64, &t, NULL));
    text = t.text;
    CHECK(text.len <= 64);
    CHECK(t.omitted > 0);
    CHECK_INT(t.hole, text.len);
}

static void a_bad_or_endless_pattern_is_an_error(void)
{
    static const char line[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab\n";
    struct stream_text t = { 0 };
    struct err err = { 0 };

    fresh(SPOOL_QUOTA);
    CHECK(grep("(", 100, &t, &err));
    CHECK_INT(err.code, ERR_INVALID);
    CHECK_HAS(err.msg, "at character");
    for (int i = 0; i < 300; i++)
        spool_add(&spool, line, strlen(line));
    err = (struct err){ 0 };
    CHECK(grep("^(a+)+$", 100, &t, &err));
    CHECK_INT(err.code, ERR_INVALID);
    buf_done(&t.text);
}

static void newlines_are_counted_in_any_stretch(void)
{
    char text[300];

    srand(7);
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = (char)(rand() % 4 ? rand() : '\n');
    for (size_t from = 0; from < 20; from++)
        for (size_t to = from; to < sizeof(text); to++) {
            uint64_t want = 0;
            for (size_t i = from; i < to; i++)
                want += text[i] == '\n';
            CHECK_INT(spool_lines(text + from, to - from), want);
        }
}

static const struct test tests[] = {
    TEST(short_streams_make_no_file),
    TEST(chunks_give_every_byte_once),
    TEST(a_cut_lies_at_line_ends_and_counts_what_is_missing),
    TEST(lines_are_counted_from_any_offset),
    TEST(characters_are_not_torn),
    TEST(the_middle_of_a_flood_is_dropped_and_counted),
    TEST(a_used_up_quota_keeps_the_head_and_the_end),
    TEST(a_failing_disk_loses_text_but_not_the_count),
    TEST(tails_are_whole_lines),
    TEST(grep_gives_lines_that_match),
    TEST(a_bad_or_endless_pattern_is_an_error),
    TEST(newlines_are_counted_in_any_stretch),
};

TEST_MAIN(tests)
