#define PCRE2_CODE_UNIT_WIDTH 8

#include "backend/spool.h"
#include "base/cleanup.h"
#include "base/utf8.h"

#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

#define MATCH_LIMIT 100000 /* pcre2 steps per line */
#define MATCH_HEAP_KB 4096
#define MATCH_TOO_HARD 100 /* lines that may hit the limit */

struct spool_regex {
    pcre2_code *code;
    pcre2_match_data *data;
    pcre2_match_context *context;
    struct buf plain;
    unsigned too_hard;
};

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
        err_set(err, ERR_INVALID, "%s at character %zu of the pattern", (char *)text, at + 1);
        return err_next(err, "it is a PCRE2 regex: put a backslash before what is meant literally");
    }
    re->plain = BUF_MAX(4 * SPOOL_LINE);
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
    buf_done(&re->plain);
    pcre2_match_context_free(re->context);
    pcre2_match_data_free(re->data);
    pcre2_code_free(re->code);
    free(re);
}

/* As a model reads the line: without colours, and of what was rewritten the last state. */
static int clean(struct spool_regex *re, const char **line, size_t *len, struct err *err)
{
    if (*len && (*line)[*len - 1] == '\n')
        --*len;
    if (!memchr(*line, '\033', *len) && !memchr(*line, '\r', *len) && utf8_valid(*line, *len))
        return 0;
    buf_clear(&re->plain);
    if (text_add_plain(&re->plain, *line, *len, NULL, err))
        return -1;
    *line = buf_str(&re->plain);
    *len = re->plain.len;
    return 0;
}

/* 1 it does, 0 not, -1. */
static int matches(struct spool_regex *re, const char *line, size_t len, uint32_t options,
                   struct err *err)
{
    int r;

    if (clean(re, &line, &len, err))
        return -1;
    r = pcre2_match(re->code, (PCRE2_SPTR)line, len, 0, options, re->data, re->context);
    if (r != PCRE2_ERROR_MATCHLIMIT && r != PCRE2_ERROR_HEAPLIMIT)
        return r >= 0;
    if (++re->too_hard > MATCH_TOO_HARD)
        return err_set(err, ERR_INVALID, "the pattern needs too many steps per line");
    return 0;
}

struct grep {
    struct spool_regex *re;
    struct stream_text *out;
};

static int grep_line(struct grep *g, const char *line, size_t len, struct err *err)
{
    int r = matches(g->re, line, len, 0, err);

    if (r <= 0)
        return r;
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
    from = spool_skip_gap(s, from, out);
    while (!r && from < end) {
        size_t want = end - from < SPOOL_LINE ? (size_t)(end - from) : SPOOL_LINE;
        size_t got = spool_read(s, from, block + kept, want);
        from += got;
        if (!got)
            from = spool_skip_gap(s, from, out) > from ? spool_skip_gap(s, from, out) : end;
        pthread_mutex_unlock(lock);
        r = grep_block(&g, block, kept + got, from >= end, &used, err);
        kept = r ? 0 : kept + got - used;
        memmove(block, block + used, kept);
        pthread_mutex_lock(lock);
    }
    out->total = out->text.len + out->omitted;
    return r;
}

/* The complete lines of block[0..len): 1 one matches and *used is what goes before and with it. */
static int find_in(struct spool_regex *re, const char *block, size_t len, size_t *used,
                   struct buf *line, struct err *err)
{
    size_t at = 0;

    while (at < len) {
        const char *nl = memchr(block + at, '\n', len - at);
        size_t n = nl ? (size_t)(nl - block) - at + 1 : len - at;
        int r;
        if (!nl && n < SPOOL_LINE)
            break;
        r = matches(re, block + at, n, 0, err);
        if (r > 0)
            r = buf_add(line, block + at, n, err) ? -1 : 1;
        at += n;
        *used = at;
        if (r)
            return r;
    }
    *used = at;
    return 0;
}

static int find_open(struct spool_regex *re, const char *rest, size_t len, bool ended,
                     struct buf *line, struct err *err)
{
    int r = len ? matches(re, rest, len, ended ? 0 : PCRE2_NOTEOL, err) : 0;

    return r > 0 && buf_add(line, rest, len, err) ? -1 : r;
}

int spool_find(const struct spool *s, pthread_mutex_t *lock, uint64_t *at, bool ended,
               struct spool_regex *re, struct buf *line, bool *open, struct err *err)
{
    AUTO_FREE char *block = malloc(2 * SPOOL_LINE);
    struct stream_text ignored;
    uint64_t end = s->total, from = *at;
    size_t kept = 0, used = 0;
    int r = 0;

    *open = false;
    if (!block)
        return err_oom(err);
    while (!r && from < end) {
        size_t want = end - from < SPOOL_LINE ? (size_t)(end - from) : SPOOL_LINE;
        size_t got = spool_read(s, from, block + kept, want);
        if (!got) {
            from =
                spool_skip_gap(s, from, &ignored) > from ? spool_skip_gap(s, from, &ignored) : end;
            *at = from;
            kept = 0;
            continue;
        }
        from += got;
        pthread_mutex_unlock(lock);
        r = find_in(re, block, kept + got, &used, line, err);
        kept += got - used;
        *at = from - kept;
        memmove(block, block + used, kept);
        pthread_mutex_lock(lock);
    }
    if (r || !kept)
        return r;
    r = find_open(re, block, kept, ended, line, err);
    *open = r > 0;
    *at += r > 0 ? kept : 0;
    return r;
}
