#include "backend/agent/search.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The pattern without a wildcard is a part of the name, or of the path when it has a '/'. */
struct wanted {
    bool part, icase, path;
    const char *text;
    size_t len;
    struct glob glob;
};

static bool holds(const char *text, size_t len, const struct wanted *w)
{
    if (!w->icase)
        return memmem(text, len, w->text, w->len);
    for (size_t i = 0; i + w->len <= len; i++)
        if (!strncasecmp(text + i, w->text, w->len))
            return true;
    return false;
}

static bool matches(const struct wanted *w, const struct walk_entry *e)
{
    size_t from = w->path ? 0 : e->name;

    if (w->part)
        return holds(e->path + from, e->len - from, w);
    return glob_match_path(&w->glob, e->path, e->len, e->name);
}

/* False: the answer is full. */
static bool give(struct search *s, const struct walk_entry *e)
{
    size_t mark = record_begin(&s->records, 'm');

    record_char(&s->records, 'm');
    record_i64(&s->records, 0);
    record_i64(&s->records, 0);
    record_str(&s->records, e->path, e->len);
    record_str(&s->records, "", 0);
    if (!record_end(&s->records, mark) || s->hits == s->limit ||
        (s->hits && s->records.len > s->max_bytes)) {
        s->records.len = mark;
        s->stopped = true;
        return false;
    }
    s->hits++;
    file_cursor_set(&s->last, 'n', 0, e->path, e->len);
    return true;
}

static bool again(struct search *s, unsigned *steps)
{
    if (++*steps % 512)
        return true;
    s->gone = file_job_gone(s->job);
    s->late = search_now() >= s->deadline_ms;
    return !s->gone && !s->late;
}

static void run(struct search *s, const struct wanted *w)
{
    struct walk_entry e;
    enum walk_step step;
    unsigned steps = 0;
    bool skip, take;

    while (again(s, &steps) && (step = walk_next(&s->walk, &e)) != WALK_END) {
        if (step == WALK_LEAVE)
            continue;
        if (search_passed(s, &e)) {
            walk_skip(&s->walk);
            continue;
        }
        s->scanned++;
        take = search_globs_take(&s->globs, &e, &skip);
        if (skip)
            walk_skip(&s->walk);
        if (!take || (s->resumes && walk_order(e.path, e.len, s->from.path, s->from.len) <= 0))
            continue;
        if (matches(w, &e) && !give(s, &e))
            return;
    }
}

int search_names(struct search *s)
{
    const struct wire_in *in = &s->job->in;
    uint32_t flags = wire_u32(in, TAG_FLAGS, 0);
    struct wanted w = { .icase = flags & WIRE_F_ICASE };
    char text[GLOB_PATTERN_MAX + 1];
    size_t n = strlen(s->real);

    if (!wire_str(in, TAG_PATTERN, text, sizeof(text)) || !*text)
        return file_fail(&s->job->error, CODE_INVALID, "pattern: 1 to %d bytes for names",
                         GLOB_PATTERN_MAX);
    w.text = n > 1 && !strncmp(text, s->real, n) && text[n] == '/' ? text + n : text;
    w.len = strlen(w.text);
    w.path = strchr(w.text, '/');
    w.part = flags & WIRE_F_LITERAL || !glob_is_pattern(w.text);
    if (w.part && w.text != text) {
        w.text++;
        w.len--;
    }
    if (!w.part && !glob_compile(&w.glob, w.text, w.len, w.icase ? GLOB_ICASE : 0))
        return file_fail(&s->job->error, CODE_INTERNAL, "out of memory");
    if (!search_globs_show(&s->globs, w.text, w.len))
        return file_fail(&s->job->error, CODE_INVALID, "pattern: too many parts with a dot");
    if (search_walk(s))
        return -1;
    if (s->single[0]) {
        struct walk_entry e = { .path = s->single, .len = strlen(s->single), .type = 'f' };
        s->scanned++;
        if (matches(&w, &e))
            give(s, &e);
    } else {
        run(s, &w);
    }
    glob_done(&w.glob);
    return 0;
}
