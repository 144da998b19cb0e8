#include "backend/derive/diff.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define CUT_ROOM 32 /* for the line that says so */

struct line {
    const char *s;
    size_t len; /* without the newline */
};

struct lines {
    struct line *items;
    size_t count;
    bool ends_open; /* the last line has no newline */
};

/* One step of the edit script, in order. */
struct step {
    char kind; /* ' ' both, '-' only a, '+' only b */
    size_t a, b;
};

struct script {
    struct step *items;
    size_t count;
};

static void lines_done(struct lines *l)
{
    free(l->items);
}

static void script_done(struct script *s)
{
    free(s->items);
}

static int split(struct diff_text t, struct lines *out, struct err *err)
{
    size_t n = 0;

    for (size_t i = 0; i < t.len; i++)
        n += t.data[i] == '\n';
    out->ends_open = t.len && t.data[t.len - 1] != '\n';
    n += out->ends_open;
    out->items = calloc(n + 1, sizeof(struct line));
    if (!out->items)
        return err_oom(err);
    for (size_t at = 0; at < t.len;) {
        const char *nl = memchr(t.data + at, '\n', t.len - at);
        size_t len = nl ? (size_t)(nl - t.data) - at : t.len - at;
        out->items[out->count++] = (struct line){ t.data + at, len };
        at += len + 1;
    }
    return 0;
}

static bool same(const struct lines *a, size_t i, const struct lines *b, size_t k)
{
    const struct line *x = &a->items[i], *y = &b->items[k];
    bool x_open = a->ends_open && i + 1 == a->count, y_open = b->ends_open && k + 1 == b->count;

    return x->len == y->len && x_open == y_open && !memcmp(x->s, y->s, x->len);
}

/* The part of both texts between their common head and tail. */
struct window {
    const struct lines *a, *b;
    size_t a0, b0;
    int n, m;
};

static bool equal_at(const struct window *w, int x, int y)
{
    return same(w->a, w->a0 + (size_t)x, w->b, w->b0 + (size_t)y);
}

/*
 * Forward pass of Myers: furthest x on each diagonal k after d edits, all kept in
 * `trace` (row d has 2d+1 values). Returns d, or -1 beyond the bound.
 */
static int forward(const struct window *w, int max, int **trace)
{
    for (int d = 0; d <= max; d++) {
        int *row = trace[d] = calloc((size_t)d * 2 + 1, sizeof(int));
        const int *prev = d ? trace[d - 1] : NULL;
        if (!row)
            return -1;
        for (int k = -d; k <= d; k += 2) {
            bool down = k == -d || (k != d && prev[k - 1 + d - 1] < prev[k + 1 + d - 1]);
            int x = !d ? 0 : down ? prev[k + 1 + d - 1] : prev[k - 1 + d - 1] + 1, y = x - k;
            while (x < w->n && y >= 0 && y < w->m && equal_at(w, x, y))
                x++, y++;
            row[k + d] = x;
            if (x >= w->n && y >= w->m)
                return d;
        }
    }
    return -1;
}

/* From the end back to the start; fills steps backwards, returns how many. */
static size_t backward(const struct window *w, int d, int **trace, struct step *end)
{
    int x = w->n, y = w->m;
    size_t count = 0;

    for (; d >= 0; d--) {
        const int *prev = d ? trace[d - 1] : NULL;
        int k = x - y, px = 0, py = 0;
        bool down = false;
        if (d) {
            down = k == -d || (k != d && prev[k - 1 + d - 1] < prev[k + 1 + d - 1]);
            px = down ? prev[k + 1 + d - 1] : prev[k - 1 + d - 1];
            py = px - (down ? k + 1 : k - 1);
        }
        while (x > (down || !d ? px : px + 1) && y > (down ? py + 1 : py)) {
            x--, y--;
            end[-(ptrdiff_t)++count] = (struct step){ ' ', w->a0 + (size_t)x, w->b0 + (size_t)y };
        }
        if (!d)
            break;
        x = px;
        y = py;
        end[-(ptrdiff_t)++count] =
            (struct step){ down ? '+' : '-', w->a0 + (size_t)x, w->b0 + (size_t)y };
    }
    return count;
}

/* The middle as one block: everything of a goes, everything of b comes. */
static void replace_block(const struct window *w, struct script *s)
{
    for (int i = 0; i < w->n; i++)
        s->items[s->count++] = (struct step){ '-', w->a0 + (size_t)i, w->b0 };
    for (int i = 0; i < w->m; i++)
        s->items[s->count++] = (struct step){ '+', w->a0 + (size_t)w->n, w->b0 + (size_t)i };
}

static int middle(const struct window *w, struct script *s, struct err *err)
{
    int max = w->n + w->m < DIFF_EDITS_MAX ? w->n + w->m : DIFF_EDITS_MAX, d;
    AUTO_FREE struct step *steps = calloc((size_t)w->n + (size_t)w->m + 1, sizeof(*steps));
    AUTO_FREE int **trace = calloc((size_t)max + 1, sizeof(*trace));
    struct step *end;
    size_t count;

    if (!steps || !trace)
        return err_oom(err);
    end = steps + w->n + w->m + 1;
    d = forward(w, max, trace);
    if (d >= 0) {
        count = backward(w, d, trace, end);
        memcpy(s->items + s->count, end - count, count * sizeof(*end));
        s->count += count;
    } else {
        replace_block(w, s);
    }
    for (int i = 0; i <= max; i++)
        free(trace[i]);
    return 0;
}

static int make_script(const struct lines *a, const struct lines *b, struct script *s,
                       struct err *err)
{
    size_t head = 0, tail = 0, min = a->count < b->count ? a->count : b->count;
    struct window w = { .a = a, .b = b };

    s->items = calloc(a->count + b->count + 1, sizeof(*s->items));
    if (!s->items)
        return err_oom(err);
    while (head < min && same(a, head, b, head))
        head++;
    while (tail < min - head && same(a, a->count - 1 - tail, b, b->count - 1 - tail))
        tail++;
    for (size_t i = 0; i < head; i++)
        s->items[s->count++] = (struct step){ ' ', i, i };
    w.a0 = w.b0 = head;
    w.n = (int)(a->count - head - tail);
    w.m = (int)(b->count - head - tail);
    if (middle(&w, s, err))
        return -1;
    for (size_t i = 0; i < tail; i++)
        s->items[s->count++] = (struct step){ ' ', a->count - tail + i, b->count - tail + i };
    return 0;
}

static int put_step(struct buf *out, const struct step *st, const struct lines *a,
                    const struct lines *b, struct err *err)
{
    const struct lines *from = st->kind == '+' ? b : a;
    size_t i = st->kind == '+' ? st->b : st->a;
    bool open = from->ends_open && i + 1 == from->count;

    if (buf_addc(out, st->kind, err) || buf_add(out, from->items[i].s, from->items[i].len, err) ||
        buf_addc(out, '\n', err))
        return -1;
    return open ? buf_adds(out, "\\ No newline at end of file\n", err) : 0;
}

static int put_range(struct buf *out, char sign, size_t start, size_t count, struct err *err)
{
    return count == 1 ? buf_addf(out, err, "%c%zu", sign, start + 1)
                      : buf_addf(out, err, "%c%zu,%zu", sign, count ? start + 1 : start, count);
}

/* One hunk: steps[from..to). */
static int put_hunk(struct buf *out, const struct script *s, size_t from, size_t to,
                    const struct lines *a, const struct lines *b, struct err *err)
{
    size_t na = 0, nb = 0;

    for (size_t i = from; i < to; i++) {
        na += s->items[i].kind != '+';
        nb += s->items[i].kind != '-';
    }
    if (buf_adds(out, "@@ ", err) || put_range(out, '-', s->items[from].a, na, err) ||
        buf_addc(out, ' ', err) || put_range(out, '+', s->items[from].b, nb, err) ||
        buf_adds(out, " @@\n", err))
        return -1;
    for (size_t i = from; i < to; i++)
        if (put_step(out, &s->items[i], a, b, err))
            return -1;
    return 0;
}

/* End of the hunk that starts with the change at `at`: changes closer than twice the
 * context share one. */
static size_t hunk_end(const struct script *s, size_t at)
{
    size_t last = at;

    for (size_t i = at; i < s->count && i - last <= 2 * DIFF_CONTEXT; i++)
        if (s->items[i].kind != ' ')
            last = i;
    return last + 1 + DIFF_CONTEXT < s->count ? last + 1 + DIFF_CONTEXT : s->count;
}

/* "--- path": quoted as git does it when it has what would end or begin something else. */
static int put_name(struct buf *out, const char *mark, const char *path, struct err *err)
{
    bool quoted = false;

    for (const char *p = path; *p; p++)
        quoted |= (unsigned char)*p < 0x20 || *p == 0x7f || *p == '"' || *p == '\\';
    if (!quoted)
        return buf_addf(out, err, "%s %s\n", mark, path);
    if (buf_addf(out, err, "%s \"", mark))
        return -1;
    for (const char *p = path; *p; p++) {
        unsigned char c = (unsigned char)*p;
        if (c < 0x20 || c == 0x7f ? buf_addf(out, err, "\\%03o", c)
                                  : (c == '"' || c == '\\') && buf_addc(out, '\\', err))
            return -1;
        if (c >= 0x20 && c != 0x7f && buf_addc(out, *p, err))
            return -1;
    }
    return buf_adds(out, "\"\n", err);
}

int diff_unified(struct buf *out, const char *path, struct diff_text a, struct diff_text b,
                 struct err *err)
{
    AUTO(lines) struct lines la = { 0 }, lb = { 0 };
    AUTO(script) struct script s = { 0 };
    bool any = false;

    if (split(a, &la, err) || split(b, &lb, err) || make_script(&la, &lb, &s, err))
        return -1;
    for (size_t i = 0; i < s.count; i++) {
        size_t from, to, before;
        struct err full = { 0 };
        if (s.items[i].kind == ' ')
            continue;
        if (!any && (put_name(out, "---", path, err) || put_name(out, "+++", path, err)))
            return -1;
        any = true;
        from = i > DIFF_CONTEXT ? i - DIFF_CONTEXT : 0;
        to = hunk_end(&s, i);
        before = out->len;
        if (put_hunk(out, &s, from, to, &la, &lb, &full) || out->len + CUT_ROOM > out->max) {
            out->len = before;
            return buf_adds(out, "[... diff too long ...]\n", err);
        }
        i = to - 1;
    }
    return 0;
}
