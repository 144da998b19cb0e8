#define PCRE2_CODE_UNIT_WIDTH 8

#include "backend/spool.h"
#include "base/cleanup.h"
#include "base/utf8.h"

#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK 65536
#define MATCH_LIMIT 100000 /* pcre2 steps per line */
#define MATCH_HEAP_KB 4096
#define MATCH_TOO_HARD 100 /* lines that may hit the limit */

struct spool_regex {
    pcre2_code *code;
    pcre2_match_data *data;
    pcre2_match_context *context;
};

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

static uint64_t skip_gap(const struct spool *s, uint64_t from, struct stream_text *out)
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

    from = skip_gap(s, from, out);
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

    from = skip_gap(s, from, out);
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

int spool_regex_new(const char *pattern, struct spool_regex **out, struct err *err)
{
    struct spool_regex *re = calloc(1, sizeof(*re));
    PCRE2_SIZE at;
    int code;

    if (!re)
        return err_oom(err);
    re->code = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
                             PCRE2_NEVER_BACKSLASH_C | PCRE2_UTF | PCRE2_MATCH_INVALID_UTF, &code,
                             &at, NULL);
    if (!re->code) {
        PCRE2_UCHAR text[160];
        pcre2_get_error_message(code, text, sizeof(text));
        free(re);
        return err_set(err, ERR_INVALID, "grep: %s at character %zu", (char *)text, at + 1);
    }
    re->data = pcre2_match_data_create(1, NULL);
    re->context = pcre2_match_context_create(NULL);
    if (!re->data || !re->context) {
        spool_regex_free(re);
        return err_oom(err);
    }
    pcre2_set_match_limit(re->context, MATCH_LIMIT);
    pcre2_set_heap_limit(re->context, MATCH_HEAP_KB);
    *out = re;
    return 0;
}

void spool_regex_free(struct spool_regex *re)
{
    if (!re)
        return;
    pcre2_match_context_free(re->context);
    pcre2_match_data_free(re->data);
    pcre2_code_free(re->code);
    free(re);
}

struct grep {
    struct spool_regex *re;
    struct stream_text *out;
    unsigned too_hard;
};

static int grep_line(struct grep *g, const char *line, size_t len, struct err *err)
{
    size_t text = len && line[len - 1] == '\n' ? len - 1 : len;
    int r = pcre2_match(g->re->code, (PCRE2_SPTR)line, text, 0, 0, g->re->data, g->re->context);

    if (r == PCRE2_ERROR_MATCHLIMIT || r == PCRE2_ERROR_HEAPLIMIT) {
        if (++g->too_hard > MATCH_TOO_HARD)
            return err_set(err, ERR_INVALID, "grep: the pattern needs too many steps per line");
        return 0;
    }
    if (r < 0)
        return 0;
    if (!g->out->omitted && g->out->text.len + len <= g->out->text.max)
        return buf_add(&g->out->text, line, len, err);
    if (!g->out->omitted)
        g->out->hole = g->out->text.len;
    g->out->omitted += len;
    g->out->omitted_lines++;
    return 0;
}

/* The lines of block[0..len); *used is what they take. At the end, and when full, a part of a
 * line is one. */
static int grep_block(struct grep *g, const char *block, size_t len, bool end, size_t *used,
                      struct err *err)
{
    size_t at = 0;

    while (at < len) {
        const char *nl = memchr(block + at, '\n', len - at);
        size_t n = nl ? (size_t)(nl - block) - at + 1 : len - at;
        if (!nl && !end && n < SPOOL_LINE)
            break;
        if (grep_line(g, block + at, n, err))
            return -1;
        at += n;
    }
    *used = at;
    return 0;
}

int spool_grep(const struct spool *s, pthread_mutex_t *lock, uint64_t from, struct spool_regex *re,
               size_t budget, struct stream_text *out, struct err *err)
{
    AUTO_FREE char *block = malloc(2 * SPOOL_LINE);
    struct grep g = { .re = re, .out = out };
    uint64_t end = s->total;
    size_t kept = 0, used = 0;
    int r = 0;

    if (!block)
        return err_oom(err);
    buf_init(&out->text, budget);
    from = skip_gap(s, from, out);
    while (!r && from < end) {
        size_t want = end - from < SPOOL_LINE ? (size_t)(end - from) : SPOOL_LINE;
        size_t got = spool_read(s, from, block + kept, want);
        from += got;
        if (!got)
            from = skip_gap(s, from, out) > from ? skip_gap(s, from, out) : end;
        pthread_mutex_unlock(lock);
        r = grep_block(&g, block, kept + got, from >= end, &used, err);
        kept = r ? 0 : kept + got - used;
        memmove(block, block + used, kept);
        pthread_mutex_lock(lock);
    }
    out->total = out->text.len + out->omitted;
    return r;
}
