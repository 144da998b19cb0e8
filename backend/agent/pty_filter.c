/*
 * The emulator is told nothing that it need not know: sequences reach it whole or not at all, with
 * as many and as large numbers as programs use, and of strings only titles. Versions in use write
 * past their arrays when a sequence has too many numbers, or a character is cut short.
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

    if (saves_cursor(f, o, final))
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
    if (f->missing)
        put_all(o, replacement, 3);
    f->missing = 0;
}

static bool is_character(const char *bytes, size_t len)
{
    uint32_t c = (unsigned char)bytes[0] & (0x3fu >> (len - 1));

    for (size_t i = 1; i < len; i++)
        c = c << 6 | ((unsigned char)bytes[i] & 0x3f);
    return c >= (len == 2   ? 0xa0u
                 : len == 3 ? 0x800u
                            : 0x10000u) &&
           c <= 0x10ffff && (c < 0xd800 || c > 0xdfff);
}

/* Of more than one byte. */
static void character(struct pty_filter *f, struct out *o, char c)
{
    unsigned char u = (unsigned char)c;

    if (f->missing && (u & 0xc0) == 0x80) {
        f->utf8[f->utf8_len++] = c;
        if (--f->missing)
            return;
        if (is_character(f->utf8, f->utf8_len))
            put_all(o, f->utf8, f->utf8_len);
        else
            put_all(o, replacement, 3);
        return;
    }
    give_up_character(f, o);
    f->missing = u >= 0xf5 || u < 0xc2 ? 0 : u >= 0xf0 ? 3 : u >= 0xe0 ? 2 : 1;
    f->utf8[0] = c;
    f->utf8_len = 1;
    if (!f->missing)
        put_all(o, replacement, 3);
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
