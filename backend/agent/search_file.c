#include "backend/agent/search_file.h"
#include "backend/agent/file_text.h"
#include "backend/agent/search.h"

#include <string.h>

/* Where the scan is: line `number` starts at `start`. */
struct line {
    size_t start, end; /* without its newline */
    int64_t number;
};

struct scan {
    struct search_text *t;
    struct line at;   /* of the hit in hand */
    size_t counted;   /* newlines up to here are in at.number */
    size_t given;     /* offset behind the last line that was given */
    int64_t after;    /* context lines still owed behind the last hit */
    struct line next; /* the line they start at */
};

static size_t line_end(const struct search_text *t, size_t from)
{
    const char *nl = from < t->len ? memchr(t->text + from, '\n', t->len - from) : NULL;

    return nl ? (size_t)(nl - t->text) : t->len;
}

static size_t line_start(const struct search_text *t, size_t from)
{
    const char *nl = from ? memrchr(t->text, '\n', from) : NULL;

    return nl ? (size_t)(nl - t->text) + 1 : 0;
}

/* At most SEARCH_LINE_MAX bytes of the line, with the hit in them, cut between characters. */
static void window(const char *text, size_t hit, size_t *start, size_t *end)
{
    if (*end > *start && text[*end - 1] == '\r')
        --*end;
    if (*end - *start <= SEARCH_LINE_MAX)
        return;
    if (hit > *start + SEARCH_LINE_MAX / 4) {
        size_t from = hit - SEARCH_LINE_MAX / 4;
        if (from > *end - SEARCH_LINE_MAX)
            from = *end - SEARCH_LINE_MAX;
        for (int i = 0; i < 3 && ((unsigned char)text[from] & 0xc0) == 0x80; i++)
            from++;
        *start = from;
    }
    if (*end - *start > SEARCH_LINE_MAX)
        *end = *start + text_cut(text + *start, SEARCH_LINE_MAX);
}

/* Strings of records hold none; a text may, behind its first bytes. */
static void no_zeros(char *text, size_t len)
{
    char *p;

    while ((p = memchr(text, 0, len)))
        *p = '?';
}

static void record(struct scan *s, char kind, const struct line *line, size_t hit)
{
    struct search_text *t = s->t;
    size_t start = line->start, end = line->end, mark;

    window(t->text, hit, &start, &end);
    mark = record_begin(t->records, 'm');
    record_char(t->records, kind);
    record_i64(t->records, line->number);
    record_i64(t->records, kind == 'm' ? (int64_t)(hit - line->start) + 1 : 0);
    record_str(t->records, t->path, t->path_len);
    record_str(t->records, t->text + start, end - start);
    if (!record_end(t->records, mark))
        t->cut = true;
    else
        no_zeros(t->records->data + t->records->len - (end - start), end - start);
}

/* What is owed behind the last hit, up to the line that starts at `stop`. */
static void context_after(struct scan *s, size_t stop)
{
    while (s->after && s->next.start < stop && s->next.start < s->t->len) {
        s->next.end = line_end(s->t, s->next.start);
        record(s, 'a', &s->next, s->next.start);
        s->given = s->next.start = s->next.end + 1;
        s->next.number++;
        s->after--;
    }
}

static void context_before(struct scan *s)
{
    struct line line = s->at;
    int64_t n = 0;

    while (n < s->t->context && line.start > s->given) {
        line.start = line_start(s->t, line.start - 1);
        n++;
    }
    for (line.number -= n; line.start < s->at.start; line.number++) {
        line.end = line_end(s->t, line.start);
        record(s, 'b', &line, line.start);
        line.start = line.end + 1;
    }
}

/* The hit's line becomes s->at. */
static void locate(struct scan *s, size_t hit, size_t end)
{
    const struct search_text *t = s->t;

    s->at.start = line_start(t, hit);
    s->at.end = line_end(t, end > hit ? end - 1 : hit);
    s->at.number += (int64_t)text_newlines(t->text + s->counted, s->at.start - s->counted);
    s->counted = s->at.start;
}

/* False: that was enough of this file. */
static bool take(struct scan *s, size_t hit)
{
    struct search_text *t = s->t;

    context_after(s, s->at.start);
    if (t->hits == SEARCH_FILE_HITS) {
        t->capped = true;
        return false;
    }
    if (t->hits - t->skip >= t->enough || (int64_t)t->records->len > t->full) {
        t->cut = true;
        return false;
    }
    if (t->hits++ < t->skip)
        return true;
    context_before(s);
    record(s, 'm', &s->at, hit);
    s->given = s->at.end + 1;
    s->after = t->context;
    s->next = (struct line){
        .start = s->at.end + 1,
        .number = s->at.number + 1 +
                  (int64_t)text_newlines(t->text + s->at.start, s->at.end - s->at.start),
    };
    return !t->cut;
}

/* Line by line from s->at.start: for expressions whose matches run over the ends of lines. */
static void each_line(struct scan *s, size_t from)
{
    struct search_text *t = s->t;

    while (from < t->len) {
        size_t end = line_end(t, from), hit, hit_end;
        enum search_found found =
            search_match(t->pattern, t->matcher, t->text + from, end - from, 0, &hit, &hit_end);
        if (found == SEARCH_COSTLY) {
            t->costly = true;
            return;
        }
        if (found == SEARCH_FOUND) {
            locate(s, from + hit, from + hit);
            if (!take(s, from + hit))
                return;
        }
        from = end + 1;
    }
}

static void scan(struct scan *s)
{
    struct search_text *t = s->t;
    bool spans = t->multiline || t->pattern->spans;
    size_t from = 0, hit, end;

    while (from < t->len) {
        enum search_found found =
            search_match(t->pattern, t->matcher, t->text, t->len, from, &hit, &end);
        if (found == SEARCH_COSTLY)
            t->costly = true;
        if (found != SEARCH_FOUND || (hit == t->len && hit && t->text[hit - 1] == '\n'))
            return;
        if (!spans && end > line_end(t, hit)) {
            each_line(s, line_start(t, hit));
            return;
        }
        locate(s, hit, end);
        if (!take(s, hit))
            return;
        from = s->at.end + 1;
    }
}

void search_text(struct search_text *t)
{
    struct scan s = { .t = t, .at = { .number = 1 } };

    scan(&s);
    if (!t->cut && !t->capped)
        context_after(&s, t->len);
}
