/*
 * Checks and a runner for unit tests.
 *
 * A test is a function named by a sentence; a file lists its tests in a table
 * and hands it to TEST_MAIN. A failed check ends the test it stands in, also
 * from a function that the test called. Any argument of the program is a
 * substring: only tests whose name holds it are run.
 *
 * Prints one line per test: "ok NAME", "not ok NAME: FILE:LINE: WHY" or
 * "skip NAME: WHY". Exits 1 when one failed. A check may be made in the thread
 * that runs the test only.
 */
#ifndef TESTS_UNIT_CHECK_H
#define TESTS_UNIT_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct test {
    const char *name;
    void (*fn)(void);
};

/* A row of the table: TEST(only_listed_descriptors_are_inherited). */
#define TEST(fn) \
    {            \
#fn, fn  \
    }

static jmp_buf check_jump;
static char check_why[1024];

enum check_outcome { CHECK_OK, CHECK_FAILED, CHECK_SKIPPED };

__attribute__((format(printf, 2, 3), noreturn, unused)) static void
check_leave(enum check_outcome outcome, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(check_why, sizeof(check_why), fmt, ap);
    va_end(ap);
    for (char *p = check_why; *p; p++)
        if (*p == '\n')
            *p = ' ';
    longjmp(check_jump, outcome);
}

/* Fail with a message of your own; the place is added. */
#define FAIL(fmt, ...) check_leave(CHECK_FAILED, "%s:%d: " fmt, __FILE__, __LINE__, ##__VA_ARGS__)

/* Leave the test: the machine cannot run it, for the reason given. */
#define SKIP(fmt, ...) check_leave(CHECK_SKIPPED, fmt, ##__VA_ARGS__)

#define CHECK(cond)            \
    do {                       \
        if (!(cond))           \
            FAIL("%s", #cond); \
    } while (0)

/* Strings; NULL equals only NULL. */
#define CHECK_STR(got, want)                                               \
    do {                                                                   \
        const char *got_ = (got), *want_ = (want);                         \
        if (!got_ != !want_ || (got_ && strcmp(got_, want_)))              \
            FAIL("%s is \"%s\", not \"%s\"", #got, got_ ? got_ : "(null)", \
                 want_ ? want_ : "(null)");                                \
    } while (0)

/* The string holds the other. */
#define CHECK_HAS(got, want)                                                           \
    do {                                                                               \
        const char *got_ = (got), *want_ = (want);                                     \
        if (!got_ || !strstr(got_, want_))                                             \
            FAIL("%s is \"%s\", without \"%s\"", #got, got_ ? got_ : "(null)", want_); \
    } while (0)

/* Whole numbers of any signed type, and unsigned ones up to INT64_MAX. */
#define CHECK_INT(got, want)                                          \
    do {                                                              \
        long long got_ = (long long)(got), want_ = (long long)(want); \
        if (got_ != want_)                                            \
            FAIL("%s is %lld, not %lld", #got, got_, want_);          \
    } while (0)

/* len bytes are the same. */
#define CHECK_MEM(got, want, len)                    \
    do {                                             \
        if (memcmp((got), (want), (len)))            \
            FAIL("%s differs from %s", #got, #want); \
    } while (0)

__attribute__((unused)) static int check_run(const struct test *tests, size_t n, int argc,
                                             char **argv)
{
    static volatile size_t i, failed;

    setvbuf(stdout, NULL, _IOLBF, 0);
    for (i = 0, failed = 0; i < n; i++) {
        if (argc > 1 && !strstr(tests[i].name, argv[1]))
            continue;
        switch (setjmp(check_jump)) {
        case CHECK_OK:
            tests[i].fn();
            printf("ok %s\n", tests[i].name);
            break;
        case CHECK_SKIPPED:
            printf("skip %s: %s\n", tests[i].name, check_why);
            break;
        default:
            failed++;
            printf("not ok %s: %s\n", tests[i].name, check_why);
        }
    }
    return failed ? 1 : 0;
}

#define TEST_MAIN(table)                                                           \
    int main(int argc, char **argv)                                                \
    {                                                                              \
        return check_run((table), sizeof(table) / sizeof((table)[0]), argc, argv); \
    }

#endif
