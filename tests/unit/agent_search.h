/*
 * Searches, and what they found in the form that grep gives it.
 */
#ifndef TESTS_UNIT_AGENT_SEARCH_H
#define TESTS_UNIT_AGENT_SEARCH_H

#include "tests/unit/agent_files.h"

static struct wire_out w;
static struct answer a;

struct query {
    const char *pattern;
    uint32_t flags;
    int64_t context, limit, max_bytes;
    const char *cursor;
    const char *include[4], *exclude[4];
};

static void put_globs(uint16_t tag, const char *const *globs)
{
    char all[4096];
    size_t n = 0;

    for (int i = 0; i < 4 && globs[i]; i++) {
        memcpy(all + n, globs[i], strlen(globs[i]) + 1);
        n += strlen(globs[i]) + 1;
    }
    if (n)
        wire_put(&w, tag, all, n);
}

static void start_search(const char *path, struct query q)
{
    wire_begin(&w, WIRE_START, 0);
    wire_put_str(&w, TAG_PATH, path);
    wire_put_str(&w, TAG_PATTERN, q.pattern);
    wire_put_u32(&w, TAG_FLAGS, q.flags | WIRE_F_IGNORE);
    wire_put_i64(&w, TAG_CONTEXT, q.context);
    wire_put_i64(&w, TAG_LIMIT, q.limit);
    wire_put_i64(&w, TAG_MAX_BYTES, q.max_bytes);
    wire_put_str(&w, TAG_CURSOR, q.cursor);
    put_globs(TAG_INCLUDE, q.include);
    put_globs(TAG_EXCLUDE, q.exclude);
}

static void search_as(const char *path, struct query q, uid_t uid)
{
    struct served s;

    serve_start(&s, true, -1, uid);
    start_search(path, q);
    ask(&s, &w, true, &a);
    serve_stop(&s);
}

static void search(const char *path, struct query q)
{
    search_as(path, q, 0);
}

struct match {
    char kind;
    int64_t line, column;
    char path[4200], text[4200];
};

static bool next_match(struct fields *all, struct match *m)
{
    struct fields one;

    if (!next_record(all, 'm', &one))
        return false;
    m->kind = *one.p++;
    m->line = field_i64(&one);
    m->column = field_i64(&one);
    field_str(&one, m->path, sizeof(m->path));
    field_str(&one, m->text, sizeof(m->text));
    CHECK(one.p == one.end);
    return true;
}

/* grep's form: "path:line:column:text|path-line-text|...". */
static const char *found(void)
{
    static char out[1 << 20];
    struct fields all = { a.data, a.data + a.len };
    static struct match m;
    size_t n = 0;

    check_reply(&a);
    out[0] = '\0';
    while (next_match(&all, &m) && n + 10000 < sizeof(out)) {
        n += (size_t)sprintf(out + n, "%s%s", n ? "|" : "", m.path);
        if (m.kind == 'm' && m.line)
            n += (size_t)sprintf(out + n, ":%d:%d:%s", (int)m.line, (int)m.column, m.text);
        else if (m.line)
            n += (size_t)sprintf(out + n, "%c%d-%s", m.kind, (int)m.line, m.text);
    }
    return out;
}

static const char *cursor(void)
{
    static char text[16384];

    return wire_str(&a.in, TAG_CURSOR, text, sizeof(text)) ? text : NULL;
}

static int64_t number(uint16_t tag)
{
    return wire_i64(&a.in, tag, -99);
}

static void folders(const char *const *paths)
{
    for (; *paths; paths++)
        CHECK(!mkdir(at(*paths), 0755));
}

#endif
