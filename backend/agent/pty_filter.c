/*
 * The emulator is told nothing that it need not know: sequences reach it whole or not at all, with
 * as many and as large numbers as programs use, and of strings only titles. Versions in use write
 * past their arrays when a sequence has too many numbers, or a character is cut short; repeat one
 * without a width for ever, and a wide one past the end of its row; and keep every character that
 * joins the one before.
 */
#include "backend/agent/pty.h"

#include <string.h>

#define NUMBERS 15
#define NUMBER_MAX 999
#define MODE_MAX 9999 /* of private modes */

/* ---- the output without sequences ---- */

static void put_plain(struct pty_plain *p, char c)
{
    if (p->len == PTY_PLAIN) {
        memmove(p->text, p->text + PTY_PLAIN / 2, PTY_PLAIN - PTY_PLAIN / 2);
        p->len -= PTY_PLAIN / 2;
    }
    p->text[p->len++] = c;
    p->total++;
}

static void plain_char(struct pty_plain *p, char c)
{
    unsigned char u = (unsigned char)c;

    if (p->returned && c != '\r') {
        p->returned = false;
        put_plain(p, '\n');
        if (c == '\n')
            return;
    }
    if (c == '\r')
        p->returned = true;
    else if (c == '\n' || c == '\t' || (u >= ' ' && u != 0x7f))
        put_plain(p, c);
}

/* Where the cursor goes elsewhere what follows belongs to another place. */
static void plain_move(struct pty_plain *p, char final)
{
    if (strchr("HfdABEFGJLMST", final))
        put_plain(p, '\n');
    else if (final == 'C')
        put_plain(p, ' ');
}

/* ---- sequences ---- */

struct out {
    char *bytes;
    size_t len;
};

static void put(struct out *o, char c)
{
    o->bytes[o->len++] = c;
}

static void keep(struct pty_filter *f, char c)
{
    if (f->len < sizeof(f->bytes))
        f->bytes[f->len++] = c;
    else
        f->spoilt = true;
}

static void begin(struct pty_filter *f, int state)
{
    f->state = state;
    f->len = 0;
    f->spoilt = false;
}

static void put_number(struct out *o, const char *digits, size_t len, int most)
{
    int value = 0;
    char text[8];
    size_t n = 0;

    if (!len)
        return;
    for (size_t i = 0; i < len; i++)
        value = value * 10 + (digits[i] - '0') < most ? value * 10 + (digits[i] - '0') : most;
    do
        text[n++] = (char)('0' + value % 10);
    while ((value /= 10));
    while (n)
        put(o, text[--n]);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* What the emulator does not know, or knows for margins at the sides, which nobody uses. */
static bool saves_cursor(const struct pty_filter *f, struct out *o, char final)
{
    if (final != 's' && (final != 'u' || f->len))
        return false;
    if (!f->len) {
        put(o, '\033');
        put(o, final == 's' ? '7' : '8');
    }
    return true;
}

static void put_csi(const struct pty_filter *f, struct out *o, char final)
{
    size_t at = 0, end;
    bool leader = f->len && strchr("<=>?", f->bytes[0]);

    if (saves_cursor(f, o, final) || (final == 'b' && !f->narrow))
        return;

    put(o, '\033');
    put(o, '[');
    if (leader)
        put(o, f->bytes[at++]);
    for (int numbers = 0; at < f->len && numbers < NUMBERS; numbers++) {
        for (end = at; end < f->len && is_digit(f->bytes[end]); end++)
            ;
        put_number(o, f->bytes + at, end - at, leader ? MODE_MAX : NUMBER_MAX);
        at = end;
        if (at == f->len || (f->bytes[at] != ';' && f->bytes[at] != ':'))
            break;
        if (numbers + 1 < NUMBERS)
            put(o, f->bytes[at]);
        at++;
    }
    if (f->len && f->bytes[f->len - 1] >= ' ' && f->bytes[f->len - 1] <= '/')
        put(o, f->bytes[f->len - 1]);
    put(o, final);
}

static void put_title(const struct pty_filter *f, struct out *o)
{
    if (f->kind != ']' || f->len < 2 || !strchr("012", f->bytes[0]) || f->bytes[1] != ';')
        return;
    put(o, '\033');
    put(o, ']');
    for (size_t i = 0; i < f->len; i++)
        put(o, f->bytes[i]);
    put(o, '\a');
}

/* ---- characters ---- */

static const char replacement[] = "\xef\xbf\xbd";

static void put_all(struct out *o, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        put(o, text[i]);
}

/* What follows does not complete it. */
static void give_up_character(struct pty_filter *f, struct out *o)
{
    if (f->missing) {
        put_all(o, replacement, 3);
        f->narrow = false;
    }
    f->missing = 0;
}

static uint32_t decode(const char *bytes, size_t len)
{
    uint32_t c = (unsigned char)bytes[0] & (0x3fu >> (len - 1));

    for (size_t i = 1; i < len; i++)
        c = c << 6 | ((unsigned char)bytes[i] & 0x3f);
    return c;
}

static bool is_character(uint32_t c, size_t len)
{
    return c >= (len == 2   ? 0xa0u
                 : len == 3 ? 0x800u
                            : 0x10000u) &&
           c <= 0x10ffff && (c < 0xd800 || c > 0xdfff);
}

/* Surely a character of its own: Latin, Greek, Cyrillic; symbols, lines, Chinese, Japanese, Korean;
 * pictures. Others may be of those that take no place. */
static bool stands(uint32_t c)
{
    static const struct {
        uint32_t first, last;
    } ranges[] = {
        { 0xa0, 0xac },       { 0xae, 0x2ff },      { 0x370, 0x482 },   { 0x48a, 0x587 },
        { 0x1e00, 0x1fff },   { 0x2010, 0x2029 },   { 0x2030, 0x205e }, { 0x2070, 0x20cf },
        { 0x2100, 0x2cee },   { 0x3000, 0x3029 },   { 0x3030, 0x3098 }, { 0x309b, 0xa66e },
        { 0xac00, 0xd7a3 },   { 0xe000, 0xfaff },   { 0xff01, 0xff9d }, { 0x1f000, 0x1f3fa },
        { 0x1f400, 0x1faff }, { 0x20000, 0x3fffd },
    };

    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
        if (c >= ranges[i].first && c <= ranges[i].last)
            return true;
    return false;
}

static void put_character(struct pty_filter *f, struct out *o)
{
    uint32_t c = decode(f->utf8, f->utf8_len);

    f->narrow = false;
    if (!is_character(c, f->utf8_len)) {
        put_all(o, replacement, 3);
        return;
    }
    f->joins = stands(c) ? 0 : f->joins + 1;
    if (f->joins <= PTY_JOINS)
        put_all(o, f->utf8, f->utf8_len);
    else
        f->joins = PTY_JOINS;
}

/* Of more than one byte. */
static void character(struct pty_filter *f, struct out *o, char c)
{
    unsigned char u = (unsigned char)c;

    if (f->missing && (u & 0xc0) == 0x80) {
        f->utf8[f->utf8_len++] = c;
        if (--f->missing)
            return;
        put_character(f, o);
        return;
    }
    give_up_character(f, o);
    f->missing = u >= 0xf5 || u < 0xc2 ? 0 : u >= 0xf0 ? 3 : u >= 0xe0 ? 2 : 1;
    f->utf8[0] = c;
    f->utf8_len = 1;
    if (!f->missing) {
        put_all(o, replacement, 3);
        f->narrow = false;
    }
}

/* ---- states ---- */

static void escape(struct pty_filter *f, struct out *o, char c)
{
    if (c == '[') {
        begin(f, FILTER_CSI);
    } else if (strchr("]PX^_", c)) {
        begin(f, FILTER_STRING);
        f->kind = c;
    } else if (c >= ' ' && c <= '/') {
        keep(f, c);
    } else if (c >= '0' && c < 0x7f) {
        f->state = FILTER_GROUND;
        if (f->len > 1 || c == '\\' || (f->len && f->bytes[0] == '#' && c != '8'))
            return;
        put(o, '\033');
        if (f->len)
            put(o, f->bytes[0]);
        put(o, c);
    }
}

static void csi(struct pty_filter *f, struct pty_plain *p, struct out *o, char c)
{
    if (c >= ' ' && c < '@') {
        keep(f, c);
    } else if (c >= '@' && c < 0x7f) {
        f->state = FILTER_GROUND;
        plain_move(p, c);
        if (!f->spoilt)
            put_csi(f, o, c);
    }
}

static void string(struct pty_filter *f, struct out *o, char c)
{
    if (c == '\a') {
        f->state = FILTER_GROUND;
        put_title(f, o);
    } else if ((unsigned char)c >= ' ' && c != 0x7f && f->len < WIRE_PTY_TITLE) {
        keep(f, c);
    }
}

static void step(struct pty_filter *f, struct pty_plain *p, struct out *o, char c)
{
    if (f->state == FILTER_GROUND && (unsigned char)c >= 0x80) {
        plain_char(p, c);
        character(f, o, c);
        return;
    }
    give_up_character(f, o);
    if (c == 0x1b) {
        if (f->state == FILTER_STRING)
            put_title(f, o);
        begin(f, FILTER_ESCAPE);
    } else if (c == 0x18 || c == 0x1a) {
        begin(f, FILTER_GROUND);
    } else if (f->state == FILTER_STRING) {
        string(f, o, c);
    } else if (f->state == FILTER_GROUND || (unsigned char)c < ' ') {
        plain_char(p, c);
        put(o, c);
        if (c >= ' ' && c < 0x7f) {
            f->narrow = true;
            f->joins = 0;
        }
    } else if (f->state == FILTER_ESCAPE) {
        escape(f, o, c);
    } else {
        csi(f, p, o, c);
    }
}

size_t pty_filter_add(struct pty_filter *f, struct pty_plain *plain, const char *bytes, size_t len,
                      char *out)
{
    struct out o = { .bytes = out };

    for (size_t i = 0; i < len; i++)
        step(f, plain, &o, bytes[i]);
    return o.len;
}
