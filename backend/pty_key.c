#include "backend/pty_ops.h"
#include "base/cleanup.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The first name of each is the one that errors list. */
static const struct {
    const char *name;
    uint32_t code;
} names[] = {
    { "Enter", PTY_KEY_ENTER },      { "Return", PTY_KEY_ENTER },
    { "Tab", PTY_KEY_TAB },          { "Backspace", PTY_KEY_BACKSPACE },
    { "BS", PTY_KEY_BACKSPACE },     { "Escape", PTY_KEY_ESCAPE },
    { "Esc", PTY_KEY_ESCAPE },       { "Up", PTY_KEY_UP },
    { "ArrowUp", PTY_KEY_UP },       { "Down", PTY_KEY_DOWN },
    { "ArrowDown", PTY_KEY_DOWN },   { "Left", PTY_KEY_LEFT },
    { "ArrowLeft", PTY_KEY_LEFT },   { "Right", PTY_KEY_RIGHT },
    { "ArrowRight", PTY_KEY_RIGHT }, { "Insert", PTY_KEY_INSERT },
    { "Ins", PTY_KEY_INSERT },       { "Delete", PTY_KEY_DELETE },
    { "Del", PTY_KEY_DELETE },       { "DC", PTY_KEY_DELETE },
    { "Home", PTY_KEY_HOME },        { "End", PTY_KEY_END },
    { "PageUp", PTY_KEY_PAGE_UP },   { "PgUp", PTY_KEY_PAGE_UP },
    { "PPage", PTY_KEY_PAGE_UP },    { "PageDown", PTY_KEY_PAGE_DOWN },
    { "PgDn", PTY_KEY_PAGE_DOWN },   { "PgDown", PTY_KEY_PAGE_DOWN },
    { "NPage", PTY_KEY_PAGE_DOWN },
};

static const struct {
    const char *prefix;
    bool shift, alt, ctrl;
} modifiers[] = {
    { "C-", .ctrl = true },    { "^", .ctrl = true },        { "Ctrl-", .ctrl = true },
    { "Ctrl+", .ctrl = true }, { "Control-", .ctrl = true }, { "Control+", .ctrl = true },
    { "M-", .alt = true },     { "A-", .alt = true },        { "Alt-", .alt = true },
    { "Alt+", .alt = true },   { "Meta-", .alt = true },     { "Meta+", .alt = true },
    { "S-", .shift = true },   { "Shift-", .shift = true },  { "Shift+", .shift = true },
};

/* The length of a modifier that something follows; 0 none. */
static size_t modifier(const char *name, struct pty_key *k)
{
    for (size_t i = 0; i < COUNT_OF(modifiers); i++) {
        size_t n = strlen(modifiers[i].prefix);
        if (strncasecmp(name, modifiers[i].prefix, n) || !name[n])
            continue;
        k->shift |= modifiers[i].shift;
        k->alt |= modifiers[i].alt;
        k->ctrl |= modifiers[i].ctrl;
        return n;
    }
    return 0;
}

/* The one character that s is; 0 when it is none, or more. */
static uint32_t character(const char *s)
{
    const unsigned char *u = (const unsigned char *)s;
    size_t n = *u < 0x80 ? 1 : *u >= 0xf0 ? 4 : *u >= 0xe0 ? 3 : *u >= 0xc2 ? 2 : 0;
    uint32_t c;

    if (!n || strlen(s) != n)
        return 0;
    c = n == 1 ? *u : *u & (0x3fu >> (n - 1));
    for (size_t i = 1; i < n; i++) {
        if ((u[i] & 0xc0) != 0x80)
            return 0;
        c = c << 6 | (u[i] & 0x3fu);
    }
    return c;
}

static bool function_key(const char *s, uint32_t *code)
{
    char *end;
    unsigned long n =
        (*s == 'F' || *s == 'f') && s[1] >= '1' && s[1] <= '9' ? strtoul(s + 1, &end, 10) : 0;

    if (!n || n > 12 || *end)
        return false;
    *code = PTY_KEY_F0 + (uint32_t)n;
    return true;
}

static bool named(const char *s, struct pty_key *k)
{
    k->named = true;
    if (function_key(s, &k->code))
        return true;
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (!strcasecmp(s, names[i].name)) {
            k->code = names[i].code;
            return true;
        }
    k->named = false;
    k->code = strcasecmp(s, "Space") ? character(s) : ' ';
    return k->code >= ' ' && k->code != 0x7f;
}

static bool has_control(uint32_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= '@' && c <= '_') ||
           (c && c < 0x80 && strchr(" 2/-?", (int)c));
}

int pty_key_parse(const char *name, struct pty_key *out, struct err *err)
{
    struct pty_key k = { 0 };
    const char *at = name;
    size_t n;

    while ((n = modifier(at, &k)))
        at += n;
    if (named(at, &k) && (k.named || !k.ctrl || has_control(k.code))) {
        *out = k;
        return 0;
    }
    err_set(err, ERR_INVALID, "keys: \"%.40s\" is no key", name);
    return err_next(err, "keys are Enter, Tab, Escape, Backspace, Space, Up, Down, Left, Right, "
                         "Home, End, PageUp, PageDown, Insert, Delete, F1 to F12 and single "
                         "characters, with C-, M- and S- in front, e.g. C-c, M-x, S-Tab; pass "
                         "words as text");
}
