#include "backend/agent/pty.h"

#include <string.h>

bool pty_finds(struct pty_wait *w, const char *text, size_t len)
{
    size_t start, end;
    enum search_found found = search_match(&w->pattern, &w->matcher, text, len, 0, &start, &end);

    w->costly |= found == SEARCH_COSTLY;
    return found == SEARCH_FOUND;
}

static bool blank(char c)
{
    return (unsigned char)c <= ' ';
}

struct echo {
    const char *from, *end; /* of the output */
    bool partial;           /* it ends within the echo */
};

/* Behind a line's characters at t, whatever blanks are between them; NULL: it is not there. */
static const char *match_line(const char *t, struct echo *e, const char *line, const char *line_end)
{
    const char *begin = t, *l = line;

    while (t < e->end && l < line_end) {
        if (blank(*l))
            l++;
        else if (blank(*t) && t > begin)
            t++;
        else if (*t++ != *l++)
            return NULL;
    }
    while (l < line_end && blank(*l))
        l++;
    if (l == line_end)
        return t;
    e->partial |= t > begin;
    return NULL;
}

/* True when nothing but blanks is before t on its line. */
static bool begins_line(const char *t, const struct echo *e)
{
    while (t > e->from && blank(t[-1]) && t[-1] != '\n')
        t--;
    return t == e->from || t[-1] == '\n';
}

static const char *find_line(struct echo *e, const char *at, const char *line, const char *line_end,
                             bool prompted)
{
    const char *behind;

    for (; at < e->end; at++)
        if ((!prompted || !begins_line(at, e)) && (behind = match_line(at, e, line, line_end)))
            return behind;
    return NULL;
}

/*
 * Behind the echo of what was typed; NULL when it is not there. Blanks do not count: editors of
 * lines break and move them. prompted: only where something is before it, a prompt.
 */
static const char *skip_echo(const struct pty_wait *w, struct echo *e, bool prompted)
{
    const char *line = w->echo, *last = w->echo + w->echo_len, *at = e->from;

    while (line < last && at) {
        const char *stop = memchr(line, '\n', (size_t)(last - line));
        stop = stop ? stop : last;
        if (stop > line)
            at = find_line(e, at, line, stop, prompted);
        line = stop + 1;
    }
    return at;
}

/* What was typed ahead is echoed twice: when it comes, and behind the next prompt. False: the echo
 * is not all there. */
static bool pass_echo(struct pty *p, struct pty_wait *w, const char **text, const char *end)
{
    const char *behind;

    for (;;) {
        struct echo e = { .from = *text, .end = end };
        behind = skip_echo(w, &e, w->beyond_echo);
        if (!behind)
            return w->beyond_echo || !e.partial;
        w->beyond_echo = true;
        *text = behind;
        w->plain_from = p->screen.plain.total - (uint64_t)(end - behind);
    }
}

/* NOT_YET: what came is part of an echo. */
enum found { NOWHERE, NOT_YET, FOUND };

static enum found in_plain(struct pty *p, struct pty_wait *w)
{
    const char *end = p->screen.plain.text + p->screen.plain.len, *text;
    uint64_t news = p->screen.plain.total - w->plain_from;

    if (news > p->screen.plain.len)
        news = p->screen.plain.len;
    text = end - news;
    if (w->echo_len && !pass_echo(p, w, &text, end))
        return NOT_YET;
    return text < end && pty_finds(w, text, (size_t)(end - text)) ? FOUND : NOWHERE;
}

static size_t trim(char *text, size_t len)
{
    size_t n = 0;

    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\n')
            while (n && text[n - 1] == ' ')
                n--;
        text[n++] = text[i];
    }
    return n;
}

static bool on_screen(struct pty *p, struct pty_wait *w)
{
    static char text[PTY_SUBJECT + PTY_ROW];
    const struct pty_screen *s = &p->screen;
    size_t len = 0, trimmed;
    VTermPos at;

    vterm_state_get_cursorpos(vterm_obtain_state(s->vt), &at);
    for (int row = 0; row < s->rows && len < PTY_SUBJECT; row++) {
        if (w->typed && (int32_t)(s->changed[row] - w->since) <= 0)
            continue;
        len += pty_text_row(s, row, false, row == at.row ? at.col : 0, text + len);
        text[len++] = '\n';
    }
    if (!len || pty_finds(w, text, len - 1))
        return len;
    trimmed = trim(text, len);
    return trimmed < len && trimmed > 1 && pty_finds(w, text, trimmed - 1);
}

bool pty_is_seen(struct pty *p, struct pty_wait *w)
{
    enum found f = in_plain(p, w);

    return f == FOUND || (f == NOWHERE && !w->beyond_echo && on_screen(p, w));
}
