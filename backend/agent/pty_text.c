#include "backend/agent/pty.h"

#include <stdio.h>
#include <string.h>

static size_t put_char(uint32_t c, char *out)
{
    if (c < 0x20 || (c >= 0x7f && c < 0xa0))
        c = ' ';
    if (c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
        c = 0xfffd;
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xc0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xe0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3f));
        out[2] = (char)(0x80 | (c & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 0x3f));
    out[2] = (char)(0x80 | (c >> 6 & 0x3f));
    out[3] = (char)(0x80 | (c & 0x3f));
    return 4;
}

static size_t put_cell(const VTermScreenCell *cell, char *out)
{
    size_t n = 0;

    if (!cell->chars[0] || cell->chars[0] == UINT32_MAX)
        return put_char(' ', out);
    for (int i = 0; i < VTERM_MAX_CHARS_PER_CELL && cell->chars[i]; i++)
        n += put_char(cell->chars[i], out + n);
    return n;
}

static size_t put_colour(const VTermColor *c, int base, char *out)
{
    if (VTERM_COLOR_IS_RGB(c))
        return (size_t)sprintf(out, ";%d;2;%d;%d;%d", base + 8, c->rgb.red, c->rgb.green,
                               c->rgb.blue);
    if (c->indexed.idx < 8)
        return (size_t)sprintf(out, ";%d", base + c->indexed.idx);
    if (c->indexed.idx < 16)
        return (size_t)sprintf(out, ";%d", base + 60 + c->indexed.idx - 8);
    return (size_t)sprintf(out, ";%d;5;%d", base + 8, c->indexed.idx);
}

static size_t put_word(bool on, const char *word, char *out)
{
    size_t n = on ? strlen(word) : 0;

    memcpy(out, word, n);
    return n;
}

/* The pen of a cell as one sequence of at most 62 bytes. */
static size_t put_pen(const VTermScreenCell *c, char *out)
{
    size_t n = put_word(true, "\033[0", out);

    n += put_word(c->attrs.bold, ";1", out + n);
    n += put_word(c->attrs.italic, ";3", out + n);
    n += put_word(c->attrs.underline, ";4", out + n);
    n += put_word(c->attrs.blink, ";5", out + n);
    n += put_word(c->attrs.reverse, ";7", out + n);
    n += put_word(c->attrs.strike, ";9", out + n);
    if (!VTERM_COLOR_IS_DEFAULT_FG(&c->fg))
        n += put_colour(&c->fg, 30, out + n);
    if (!VTERM_COLOR_IS_DEFAULT_BG(&c->bg))
        n += put_colour(&c->bg, 40, out + n);
    out[n++] = 'm';
    return n;
}

static bool is_plain(const VTermScreenCell *c)
{
    return !c->attrs.bold && !c->attrs.italic && !c->attrs.underline && !c->attrs.blink &&
           !c->attrs.reverse && !c->attrs.strike && VTERM_COLOR_IS_DEFAULT_FG(&c->fg) &&
           VTERM_COLOR_IS_DEFAULT_BG(&c->bg);
}

struct row {
    char *out;
    size_t len, end; /* end: behind the last cell that counts */
    char pen[64];
    size_t pen_len; /* 0: plain */
    bool end_plain; /* the pen is, at `end` */
};

static void set_pen(struct row *r, const VTermScreenCell *c)
{
    char pen[64];
    size_t n = is_plain(c) ? 0 : put_pen(c, pen);

    if (n == r->pen_len && !memcmp(pen, r->pen, n))
        return;
    memcpy(r->out + r->len, n ? pen : "\033[0m", n ? n : 4);
    r->len += n ? n : 4;
    memcpy(r->pen, pen, n);
    r->pen_len = n;
}

static bool shows(const VTermScreenCell *c, bool ansi, bool written)
{
    if (c->chars[0] && c->chars[0] != ' ')
        return true;
    if (written && c->chars[0])
        return true;
    return ansi && (c->attrs.reverse || c->attrs.underline || !VTERM_COLOR_IS_DEFAULT_BG(&c->bg));
}

static void add_cell(struct row *r, const VTermScreenCell *c, bool ansi, bool counts)
{
    if (ansi)
        set_pen(r, c);
    r->len += put_cell(c, r->out + r->len);
    if (counts) {
        r->end = r->len;
        r->end_plain = !r->pen_len;
    }
}

static size_t finish(struct row *r, bool ansi)
{
    size_t n = r->end;

    if (ansi && n && !r->end_plain) {
        memcpy(r->out + n, "\033[0m", 4);
        n += 4;
    }
    return n;
}

static int width_of(const VTermScreenCell *c)
{
    return c->width > 1 ? c->width : 1;
}

size_t pty_text_row(const struct pty_screen *s, int row, bool ansi, int kept, char *out)
{
    struct row r = { .out = out };
    VTermScreenCell c;

    for (int col = 0; col < s->cols; col += width_of(&c)) {
        VTermPos pos = { .row = row, .col = col };
        memset(&c, 0, sizeof(c));
        if (!vterm_screen_get_cell(s->screen, pos, &c))
            break;
        add_cell(&r, &c, ansi, shows(&c, ansi, kept >= 0) || col < kept);
    }
    return finish(&r, ansi);
}

size_t pty_text_cells(const VTermScreenCell *cells, int cols, char *out)
{
    struct row r = { .out = out };

    cols = cols < WIRE_PTY_COLS_MAX ? cols : WIRE_PTY_COLS_MAX;
    for (int col = 0; col < cols; col += width_of(&cells[col]))
        add_cell(&r, &cells[col], true, shows(&cells[col], true, false));
    return finish(&r, true);
}

size_t pty_text_bare(char *text, size_t len)
{
    size_t n = 0;

    for (size_t i = 0; i < len; i++) {
        if (text[i] != '\033') {
            text[n++] = text[i];
            continue;
        }
        while (i < len && text[i] != 'm')
            i++;
    }
    return n;
}

size_t pty_text_screen(const struct pty_screen *s, bool ansi, char *out, size_t size, bool *cut)
{
    static char row[PTY_ROW];
    size_t end = size, n;
    bool text = false;

    *cut = false;
    for (int i = s->rows - 1; i >= 0; i--) {
        n = pty_text_row(s, i, ansi, -1, row);
        text |= n > 0;
        if (!text)
            continue;
        if (n + 1 > end) {
            *cut = true;
            break;
        }
        end -= n + 1;
        memcpy(out + end, row, n);
        out[end + n] = '\n';
    }
    memmove(out, out + end, size - end);
    return size - end;
}
