#include "backend/agent/pty.h"
#include "tests/unit/check.h"

#include <stdlib.h>

#define ROWS 5
#define COLS 20
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct pty_screen *screen;
static struct pty_queue queue;

static void fresh(void)
{
    if (screen && screen->vt)
        vterm_free(screen->vt);
    free(screen);
    screen = calloc(1, sizeof(*screen));
    CHECK(screen);
    queue.len = queue.start = 0;
    CHECK(pty_screen_init(screen, ROWS, COLS, &queue));
}

static void feed(const char *text)
{
    pty_screen_feed(screen, text, strlen(text));
}

static const char *shown(bool ansi)
{
    static char text[65536];
    bool cut;
    size_t n = pty_text_screen(screen, ansi, text, sizeof(text) - 1, &cut);

    text[n] = '\0';
    return text;
}

static const char *gone(void)
{
    static char text[PTY_SCROLLED + 1];
    size_t n;

    pty_screen_settle(screen);
    memcpy(text, screen->scrolled, screen->scrolled_len);
    n = pty_text_bare(text, screen->scrolled_len);
    text[n] = '\0';
    return text;
}

static const char *typed(void)
{
    static char text[1024];

    CHECK(queue.len < sizeof(text));
    memcpy(text, queue.bytes + queue.start, queue.len);
    text[queue.len] = '\0';
    queue.len = queue.start = 0;
    return text;
}

static const char *pressed(uint32_t key)
{
    CHECK(pty_press(screen->vt, (const uint8_t *)&key, sizeof(key)));
    return typed();
}

#define NAMED(name) (WIRE_KEY_NAMED | WIRE_KEY_##name)

static void keys_give_what_terminals_send(void)
{
    static const struct {
        uint32_t key;
        const char *bytes;
    } rows[] = {
        { NAMED(ENTER), "\r" },
        { NAMED(TAB), "\t" },
        { NAMED(TAB) | WIRE_KEY_SHIFT, "\033[Z" },
        { NAMED(BACKSPACE), "\x7f" },
        { NAMED(BACKSPACE) | WIRE_KEY_CTRL, "\b" },
        { NAMED(ESCAPE), "\033" },
        { NAMED(UP), "\033[A" },
        { NAMED(DOWN), "\033[B" },
        { NAMED(RIGHT), "\033[C" },
        { NAMED(LEFT), "\033[D" },
        { NAMED(LEFT) | WIRE_KEY_CTRL, "\033[1;5D" },
        { NAMED(UP) | WIRE_KEY_SHIFT | WIRE_KEY_ALT, "\033[1;4A" },
        { NAMED(HOME), "\033[H" },
        { NAMED(END), "\033[F" },
        { NAMED(INSERT), "\033[2~" },
        { NAMED(DELETE), "\033[3~" },
        { NAMED(PAGE_UP), "\033[5~" },
        { NAMED(PAGE_DOWN), "\033[6~" },
        { WIRE_KEY_NAMED | (WIRE_KEY_F0 + 1), "\033OP" },
        { WIRE_KEY_NAMED | (WIRE_KEY_F0 + 5), "\033[15~" },
        { NAMED(F12), "\033[24~" },
        { 'a', "a" },
        { 'a' | WIRE_KEY_SHIFT, "A" },
        { 'c' | WIRE_KEY_CTRL, "\x03" },
        { 'C' | WIRE_KEY_CTRL, "\x03" },
        { 'i' | WIRE_KEY_CTRL, "\t" },
        { 'm' | WIRE_KEY_CTRL, "\r" },
        { '[' | WIRE_KEY_CTRL, "\033" },
        { '\\' | WIRE_KEY_CTRL, "\x1c" },
        { '_' | WIRE_KEY_CTRL, "\x1f" },
        { '/' | WIRE_KEY_CTRL, "\x1f" },
        { '?' | WIRE_KEY_CTRL, "\x7f" },
        { 'x' | WIRE_KEY_ALT, "\033x" },
        { 'x' | WIRE_KEY_ALT | WIRE_KEY_CTRL, "\033\x18" },
        { 0xe9, "\xc3\xa9" },
        { 0x1f600, "\xf0\x9f\x98\x80" },
    };

    fresh();
    for (size_t i = 0; i < COUNT(rows); i++) {
        const char *got = pressed(rows[i].key);
        if (strcmp(got, rows[i].bytes))
            FAIL("key %zu (%#x) gives %zu bytes, %#x %s", i, rows[i].key, strlen(got), got[0],
                 got + 1);
    }
    CHECK(pty_press(screen->vt, (const uint8_t *)&(uint32_t){ ' ' | WIRE_KEY_CTRL }, 4));
    CHECK(queue.len == 1 && queue.bytes[queue.start] == '\0');
}

static void arrows_follow_the_mode_of_the_program(void)
{
    fresh();
    feed("\033[?1h");
    CHECK_STR(pressed(NAMED(UP)), "\033OA");
    CHECK_STR(pressed(NAMED(HOME)), "\033OH");
    feed("\033[?1l");
    CHECK_STR(pressed(NAMED(UP)), "\033[A");
}

static void what_is_no_key_is_refused_whole(void)
{
    static const uint32_t bad[] = {
        0x110000,       0xd800,   WIRE_KEY_NAMED, WIRE_KEY_NAMED | 15, WIRE_KEY_NAMED | WIRE_KEY_F0,
        NAMED(F12) + 1, 1u << 22, 1u << 31,       '1' | WIRE_KEY_CTRL, 0xe9 | WIRE_KEY_CTRL
    };

    fresh();
    for (size_t i = 0; i < COUNT(bad); i++) {
        const uint32_t keys[] = { 'a', bad[i] };
        CHECK(!pty_press(screen->vt, (const uint8_t *)keys, sizeof(keys)));
        CHECK(!queue.len);
    }
    CHECK(!pty_press(screen->vt, (const uint8_t *)"abc", 3));
}

static void ends_of_typed_lines_are_enter(void)
{
    fresh();
    CHECK(pty_type(&queue, "a\nb\r\nc\n\n", 8));
    CHECK_STR(typed(), "a\rb\rc\r\r");
}

static void the_queue_is_bounded(void)
{
    static char text[PTY_QUEUE];

    fresh();
    CHECK(pty_queue_add(&queue, text, PTY_ANSWERS, PTY_ANSWERS));
    CHECK(!pty_queue_add(&queue, text, 1, PTY_ANSWERS));
    for (int i = 0; i < 100; i++)
        feed("\033[6n\033[c");
    CHECK(queue.len == PTY_ANSWERS);
    CHECK(pty_type(&queue, text, PTY_QUEUE - PTY_ANSWERS));
    CHECK(!pty_type(&queue, text, 1) && queue.len == PTY_QUEUE);
}

static void questions_are_answered(void)
{
    fresh();
    feed("ab\033[6n");
    CHECK_STR(typed(), "\033[1;3R");
    feed("\033[c");
    CHECK(!strncmp(typed(), "\033[?", 3));
    feed("\033[5n");
    CHECK_STR(typed(), "\033[0n");
}

static void the_screen_is_text(void)
{
    fresh();
    feed("one\r\n  two   \r\n\r\nfour");
    CHECK_STR(shown(false), "one\n  two\n\nfour\n");
    feed("\033[H\033[2J");
    CHECK_STR(shown(false), "");
}

static void wide_and_combining_characters_stay(void)
{
    fresh();
    feed("日本 e\xcc\x81 😀x\xff\xfez");
    CHECK_STR(shown(false), "日本 e\xcc\x81 😀x\xef\xbf\xbd\xef\xbf\xbdz\n");
}

static void colours_come_when_asked_for(void)
{
    fresh();
    feed("a\033[31mb\033[1;44mc\033[0md\033[38;5;208me\033[38;2;1;2;3mf\033[0;7mg");
    CHECK_STR(shown(true), "a\033[0;31mb\033[0;1;31;44mc\033[0md\033[0;38;5;208me"
                           "\033[0;38;2;1;2;3mf\033[0;7mg\033[0m\n");
    CHECK_STR(shown(false), "abcdefg\n");
}

static void too_long_screens_keep_their_end(void)
{
    char text[16];
    bool cut;
    size_t n;

    fresh();
    feed("111\r\n222\r\n333\r\n444");
    n = pty_text_screen(screen, false, text, 9, &cut);
    CHECK(cut && n == 8 && !memcmp(text, "333\n444\n", 8));
}

static void only_news_scroll_off(void)
{
    fresh();
    feed("1\r\n2\r\n3\r\n4\r\n5\r\n6\r\n7");
    CHECK_STR(gone(), "1\n2\n");
    pty_screen_shown(screen);
    feed("\r\n8\r\n9");
    CHECK_STR(gone(), "");
    feed("\r\na\r\nb\r\nc\r\nd\r\ne\r\nf");
    CHECK_STR(gone(), "8\n9\na\n");
}

static void repeated_lines_are_counted(void)
{
    fresh();
    for (int i = 0; i < 1000; i++)
        feed("y\r\n");
    CHECK_STR(gone(), "y\n[... the same line 995 times more ...]\n");
    fresh();
    feed("a\r\nb\r\nb\r\nc\r\nd\r\ne\r\nf\r\ng\r\n");
    CHECK_STR(gone(), "a\nb\nb\nc\n");
}

static void what_scrolls_off_is_bounded(void)
{
    char line[64];

    fresh();
    for (int i = 0; i < 100000; i++) {
        snprintf(line, sizeof(line), "%d\r\n", i);
        feed(line);
    }
    CHECK(screen->scrolled_len <= PTY_SCROLLED && screen->missed > 10000);
    CHECK(strstr(gone(), "\n99995\n"));
    CHECK(strtol(gone(), NULL, 10) == screen->missed);
}

static void titles_are_bounded(void)
{
    char text[4096];

    fresh();
    feed("\033]0;hello\a");
    CHECK(screen->title_len == 5 && !memcmp(screen->title, "hello", 5));
    memset(text, 'x', sizeof(text));
    feed("\033]2;");
    for (int i = 0; i < 1000; i++)
        pty_screen_feed(screen, text, sizeof(text));
    feed("\a");
    CHECK(screen->title_len <= WIRE_PTY_TITLE);
    feed("on");
    CHECK_STR(shown(false), "on\n");
}

static void huge_numbers_do_no_harm(void)
{
    static const char *const words[] = {
        "\033[99999999999999999999A",
        "\033[4294967295;4294967295H",
        "\033[2147483647@",
        "\033[2147483647P",
        "\033[2147483647L",
        "\033[2147483647M",
        "\033[2147483647S",
        "\033[2147483647T",
        "\033[2147483647X",
        "\033[2147483647b",
        "\033[65535;65535r",
        "\033[?2147483647h",
        "\033[2147483647I",
        "\033[2147483647Z",
        "\033[-1;-1H",
        "\033[1;2;3;4;5;6;7;8;9;10;11;12;13;14;15;16;17;18;19;20;21;22;23;24;25m",
        "\033[8;65535;65535t",
    };

    fresh();
    for (size_t i = 0; i < COUNT(words); i++) {
        feed(words[i]);
        feed("text that wraps around the end of the row\r\n");
    }
    feed("\033c");
    feed("on");
    CHECK(strstr(shown(true), "on"));
}

static void sizes_change(void)
{
    fresh();
    for (int i = 0; i < 200; i++) {
        feed("日本語\033[31mtext\033[0m\t\r\n\033[?1049h\033[5;5Hx");
        pty_screen_resize(screen, 2 + i % WIRE_PTY_ROWS_MAX, 2 + i * 7 % WIRE_PTY_COLS_MAX);
        (void)shown(true);
        feed("\033[?1049l");
        (void)shown(false);
    }
}

static const char *stripped(const char *text)
{
    fresh();
    feed(text);
    CHECK(screen->plain.len < PTY_PLAIN);
    screen->plain.text[screen->plain.len] = '\0';
    return screen->plain.text;
}

static void sequences_are_stripped(void)
{
    CHECK_STR(stripped("a\r\nb\n"), "a\nb\n");
    CHECK_STR(stripped("10%\r20%\r\n"), "10%\n20%\n");
    CHECK_STR(stripped("\033[31mred\033[0m"), "red");
    CHECK_STR(stripped("\033]0;title\aon"), "on");
    CHECK_STR(stripped("\033]0;title\033\\on"), "on");
    CHECK_STR(stripped("\033Pdcs\x18on"), "on");
    CHECK_STR(stripped("a\033[5;5Hb"), "a\nb");
    CHECK_STR(stripped("a\033[2Cb"), "a b");
    CHECK_STR(stripped("\033(Ba\b\x01"), "a");
}

static void the_end_of_the_output_is_kept(void)
{
    const struct pty_plain *p;

    fresh();
    p = &screen->plain;
    for (int i = 0; i < 20000; i++)
        feed("ab\n");
    CHECK(p->total == 60000 && p->len <= PTY_PLAIN && p->len >= PTY_PLAIN / 2);
    CHECK(!memcmp(p->text + p->len - 3, "ab\n", 3));
}

static const struct test tests[] = {
    TEST(keys_give_what_terminals_send),
    TEST(arrows_follow_the_mode_of_the_program),
    TEST(what_is_no_key_is_refused_whole),
    TEST(ends_of_typed_lines_are_enter),
    TEST(the_queue_is_bounded),
    TEST(questions_are_answered),
    TEST(the_screen_is_text),
    TEST(wide_and_combining_characters_stay),
    TEST(colours_come_when_asked_for),
    TEST(too_long_screens_keep_their_end),
    TEST(only_news_scroll_off),
    TEST(repeated_lines_are_counted),
    TEST(what_scrolls_off_is_bounded),
    TEST(titles_are_bounded),
    TEST(huge_numbers_do_no_harm),
    TEST(sizes_change),
    TEST(sequences_are_stripped),
    TEST(the_end_of_the_output_is_kept),
};
TEST_MAIN(tests)
