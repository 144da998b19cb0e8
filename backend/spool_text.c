#include "backend/spool.h"
#include "base/cleanup.h"
#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>

#define BLOCK 65536

/* Append what is kept of [from, from + len). */
static int add_range(const struct spool *s, uint64_t from, size_t len, struct buf *out,
                     struct err *err)
{
    char *p;

    if (!len)
        return 0;
    p = buf_reserve(out, len, err);
    if (!p)
        return -1;
    buf_commit(out, spool_read(s, from, p, len));
    return 0;
}

/* Where to end a head of len bytes: behind a newline of its last quarter, or between characters. */
static size_t cut_head(const char *p, size_t len)
{
    const char *nl = len ? memrchr(p, '\n', len) : NULL;

    if (nl && (size_t)(nl - p) >= len - len / 4)
        return (size_t)(nl - p) + 1;
    return utf8_cut(p, len);
}

/* Where to begin a tail: behind a newline of its first quarter, or between characters. */
static size_t cut_tail(const char *p, size_t len)
{
    const char *nl = len ? memchr(p, '\n', len / 4) : NULL;

    if (nl)
        return (size_t)(nl - p) + 1;
    return utf8_skip(p, len);
}

static uint64_t lines_in(const struct spool *s, uint64_t from, uint64_t to)
{
    AUTO_FREE char *block = malloc(BLOCK);
    uint64_t n = 0;

    while (block && from < to) {
        size_t got = spool_read(s, from, block, to - from < BLOCK ? (size_t)(to - from) : BLOCK);
        if (!got)
            break;
        n += spool_lines(block, got);
        from += got;
    }
    return n;
}

static uint64_t lines_omitted(const struct spool *s, uint64_t from, uint64_t hole_from,
                              uint64_t hole_to, const struct stream_text *t)
{
    uint64_t gap_from, gap_to;

    if (from && !(spool_gap(s, &gap_from, &gap_to) && gap_from >= from))
        return lines_in(s, hole_from, hole_to);
    return s->lines - lines_in(s, 0, from) - spool_lines(buf_str(&t->text), t->text.len);
}

uint64_t spool_skip_gap(const struct spool *s, uint64_t from, struct stream_text *out)
{
    uint64_t gap_from, gap_to;

    if (from > s->total)
        from = s->total;
    out->total = s->total - from;
    if (spool_gap(s, &gap_from, &gap_to) && from >= gap_from && from < gap_to) {
        out->evicted = gap_to - from;
        return gap_to;
    }
    return from;
}

int spool_text(const struct spool *s, uint64_t from, size_t budget, struct stream_text *out,
               uint64_t *hole_at, struct err *err)
{
    size_t head = budget * 6 / 10, tail = budget - head, skip;
    uint64_t gap_from = s->total, gap_to = s->total;
    bool gap = spool_gap(s, &gap_from, &gap_to);

    from = spool_skip_gap(s, from, out);
    gap = gap && from < gap_from;
    buf_init(&out->text, budget);
    *hole_at = s->total;
    if (!gap && s->total - from <= budget)
        return add_range(s, from, (size_t)(s->total - from), &out->text, err);
    if (gap && head > gap_from - from)
        head = (size_t)(gap_from - from);
    if (gap && tail > s->total - gap_to)
        tail = (size_t)(s->total - gap_to);
    if (add_range(s, from, head, &out->text, err))
        return -1;
    if (out->text.len) {
        out->text.len = cut_head(out->text.data, out->text.len);
        out->text.data[out->text.len] = '\0';
    }
    out->hole = out->text.len;
    *hole_at = from + out->hole;
    if (add_range(s, s->total - tail, tail, &out->text, err))
        return -1;
    skip = cut_tail(buf_str(&out->text) + out->hole, out->text.len - out->hole);
    if (skip) {
        memmove(out->text.data + out->hole, out->text.data + out->hole + skip,
                out->text.len - out->hole - skip);
        out->text.len -= skip;
        out->text.data[out->text.len] = '\0';
    }
    out->omitted = s->total - (out->text.len - out->hole) - *hole_at;
    out->omitted_lines = lines_omitted(s, from, *hole_at, *hole_at + out->omitted, out);
    return 0;
}

int spool_chunk(const struct spool *s, uint64_t from, size_t budget, struct stream_text *out,
                uint64_t *next, struct err *err)
{
    size_t len, cut;

    from = spool_skip_gap(s, from, out);
    len = s->total - from < budget ? (size_t)(s->total - from) : budget;
    buf_init(&out->text, budget);
    if (add_range(s, from, len, &out->text, err))
        return -1;
    if (from + out->text.len < s->total && out->text.len == budget) {
        cut = cut_head(out->text.data, out->text.len);
        if (cut)
            out->text.len = cut;
        out->text.data[out->text.len] = '\0';
    }
    *next = from + out->text.len;
    return 0;
}

int spool_tail(const struct spool *s, int64_t count, size_t budget, struct stream_text *out,
               struct err *err)
{
    uint64_t gap_from, gap_to, start = s->total > budget ? s->total - budget : 0;
    size_t at, skip = 0;

    if (spool_gap(s, &gap_from, &gap_to) && start < gap_to)
        start = gap_to;
    buf_init(&out->text, budget);
    if (add_range(s, start, (size_t)(s->total - start), &out->text, err))
        return -1;
    at = out->text.len;
    if (at && out->text.data[at - 1] == '\n')
        at--;
    while (count > 0) {
        char *nl = at ? memrchr(out->text.data, '\n', at) : NULL;
        if (!nl) {
            skip = start ? cut_tail(buf_str(&out->text), out->text.len) : 0;
            break;
        }
        at = (size_t)(nl - out->text.data);
        skip = at + 1;
        count--;
    }
    buf_drop_front(&out->text, skip);
    out->total = out->text.len;
    return 0;
}
