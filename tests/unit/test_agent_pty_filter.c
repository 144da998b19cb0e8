#include "backend/agent/pty.h"
#include "tests/unit/check.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const char *filtered(const char *text)
{
    static struct pty_filter filter;
    static struct pty_plain plain;
    static char out[PTY_FEED + PTY_FILTER_MORE];
    size_t n = 0;

    for (size_t i = 0; text[i]; i++)
        n += pty_filter_add(&filter, &plain, text + i, 1, out + n);
    out[n] = '\0';
    return out;
}

static void the_emulator_sees_what_it_can_bear(void)
{
    static const struct {
        const char *in, *out;
    } rows[] = {
        { "plain \303\251\t\r\n\a\b", "plain \303\251\t\r\n\a\b" },
        { "\033[1;31m\033[0m\033[m", "\033[1;31m\033[0m\033[m" },
        { "\033[?1049h\033[?2004l\033[>4;1m", "\033[?1049h\033[?2004l\033[>4;1m" },
        { "\033[38:2::1:2:3m", "\033[38:2::1:2:3m" },
        { "\033[4294967295A\033[99999999999999999999B", "\033[999A\033[999B" },
        { "\033[?99999h", "\033[?9999h" },
        { "\033[;;5H\033[;H\033[5;m", "\033[;;5H\033[;H\033[5;m" },
        { "\033[1;2;3;4;5;6;7;8;9;10;11;12;13;14;15;16;17m",
          "\033[1;2;3;4;5;6;7;8;9;10;11;12;13;14;15m" },
        { "\033[s\033[u\033[3;9s\033#3\033#6\033#8", "\0337\0338\033#8" },
        { "\033[2 q\033[!p", "\033[2 q\033[!p" },
        { "\033[1\n;2H", "\n\033[1;2H" },
        { "\033[12\030x\033[3\033[4C", "x\033[4C" },
        { "\033(0\033)B\0337\0338\033c\033M\033=", "\033(0\033)B\0337\0338\033c\033M\033=" },
        { "\033]0;a title\a\033]2;b\033\\x", "\033]0;a title\a\033]2;b\ax" },
        { "\033]52;c;c2VjcmV0\a\033]8;;http://x\033\\y", "y" },
        { "\033P$qm\033\\\033_apc\033\\\033^pm\033\\\033Xsos\033\\z", "z" },
        { "a\xe6\x97\xa5z", "a\xe6\x97\xa5z" },
        { "\xec\033[1m\xf0\x9f\x98\n\xc0\x80\xed\xa0\x80\xff!",
          "\xef\xbf\xbd\033[1m\xef\xbf\xbd\n\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd!" },
        { "\xc2\x9b"
          "1m",
          "\xef\xbf\xbd"
          "1m" },
        { "\033]0;a\001\nb\a", "\033]0;ab\a" },
        { "\033[H\033[5bx\033[5b\033[1m\033[2b", "\033[H\033[5bx\033[5b\033[1m\033[2b" },
        { "\xe6\x97\xa5\033[5bx\xcc\x81\033[5b\xff\033[5b", "\xe6\x97\xa5x\xcc\x81\xef\xbf\xbd" },
    };

    for (size_t i = 0; i < COUNT(rows); i++)
        CHECK_STR(filtered(rows[i].in), rows[i].out);
}

static void nothing_is_repeated_before_there_is_something(void)
{
    struct pty_filter filter = { 0 };
    static struct pty_plain plain;
    char out[PTY_FILTER_MORE + 64];

    CHECK(!pty_filter_add(&filter, &plain, "\033[5b", 4, out));
}

static size_t joined(const char *each, int count)
{
    static char out[3 * 4 + PTY_FILTER_MORE];
    static struct pty_plain plain;
    struct pty_filter filter = { 0 };
    size_t n = 0;

    for (int i = 0; i < count; i++)
        n += pty_filter_add(&filter, &plain, each, strlen(each), out);
    return n;
}

static void a_character_is_joined_by_so_many(void)
{
    CHECK_INT(joined("\xcc\x81", 9999), PTY_JOINS * 2);
    CHECK_INT(joined("\n\xf3\xa0\x84\x80\r", 9999), 2 * 9999 + PTY_JOINS * 4);
    CHECK_INT(joined("a\xcc\x81", 9999), 3 * 9999);
    CHECK_INT(joined("\xe6\x97\xa5", 9999), 3 * 9999);
}

static const struct test tests[] = {
    TEST(nothing_is_repeated_before_there_is_something),
    TEST(a_character_is_joined_by_so_many),
    TEST(the_emulator_sees_what_it_can_bear),
};
TEST_MAIN(tests)
