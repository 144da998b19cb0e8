#include "backend/pty_ops.h"
#include "tests/unit/check.h"

static struct pty_key parse(const char *name)
{
    struct pty_key k = { 0 };
    struct err err = { 0 };

    if (pty_key_parse(name, &k, &err))
        FAIL("%s: %s", name, err.msg);
    return k;
}

static void names_are_keys(void)
{
    static const struct {
        const char *name;
        uint32_t code;
    } rows[] = {
        { "Enter", PTY_KEY_ENTER },
        { "enter", PTY_KEY_ENTER },
        { "Return", PTY_KEY_ENTER },
        { "Tab", PTY_KEY_TAB },
        { "Escape", PTY_KEY_ESCAPE },
        { "Esc", PTY_KEY_ESCAPE },
        { "Backspace", PTY_KEY_BACKSPACE },
        { "Up", PTY_KEY_UP },
        { "ArrowLeft", PTY_KEY_LEFT },
        { "PageDown", PTY_KEY_PAGE_DOWN },
        { "PgUp", PTY_KEY_PAGE_UP },
        { "Insert", PTY_KEY_INSERT },
        { "Delete", PTY_KEY_DELETE },
        { "Home", PTY_KEY_HOME },
        { "End", PTY_KEY_END },
        { "F1", PTY_KEY_F0 + 1 },
        { "f12", PTY_KEY_F12 },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct pty_key k = parse(rows[i].name);
        CHECK(k.named && k.code == rows[i].code && !k.ctrl && !k.alt && !k.shift);
    }
}

static void characters_are_keys(void)
{
    CHECK(parse("a").code == 'a' && !parse("a").named);
    CHECK(parse("Space").code == ' ');
    CHECK(parse("-").code == '-' && parse("^").code == '^' && parse("+").code == '+');
    CHECK(parse("é").code == 0xe9 && parse("日").code == 0x65e5 && parse("😀").code == 0x1f600);
}

static void modifiers_go_in_front(void)
{
    static const char *const control[] = { "C-c", "c-c", "^c", "Ctrl+c", "ctrl-c", "Control-c" };
    struct pty_key k;

    for (size_t i = 0; i < COUNT_OF(control); i++) {
        k = parse(control[i]);
        CHECK(k.code == 'c' && k.ctrl && !k.alt && !k.shift && !k.named);
    }
    k = parse("M-x");
    CHECK(k.code == 'x' && k.alt && !k.ctrl);
    k = parse("S-Tab");
    CHECK(k.named && k.code == PTY_KEY_TAB && k.shift);
    k = parse("C-M-S-Left");
    CHECK(k.named && k.code == PTY_KEY_LEFT && k.shift && k.alt && k.ctrl);
    k = parse("C--");
    CHECK(k.code == '-' && k.ctrl);
    k = parse("M--");
    CHECK(k.code == '-' && k.alt);
    k = parse("Ctrl+[");
    CHECK(k.code == '[' && k.ctrl);
}

static void anything_else_is_refused_with_the_names(void)
{
    static const char *const bad[] = { "",    "Nope", "ab",       "F0",   "F13",    "F1x",  "C-",
                                       "M-",  "C-ab", "C-1",      "\x03", "\x7f",   "\xff", "\xc3",
                                       "C-é", "éé",   "\xc0\x80", "C-M-", "Hyper-x" };

    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct err err = { 0 };
        struct pty_key k;
        if (!pty_key_parse(bad[i], &k, &err))
            FAIL("\"%s\" is taken for a key", bad[i]);
        CHECK(err.code == ERR_INVALID && strstr(err.next, "PageDown") && strstr(err.next, "C-c"));
    }
}

static const struct test tests[] = {
    TEST(names_are_keys),
    TEST(characters_are_keys),
    TEST(modifiers_go_in_front),
    TEST(anything_else_is_refused_with_the_names),
};
TEST_MAIN(tests)
