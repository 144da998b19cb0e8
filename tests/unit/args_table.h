/*
 * A table with a row of every type, and what comes of binding to it as text:
 *
 *   CHECK_GOOD({ JSON, BOUND }, ...)        JSON has ' where " belongs
 *   CHECK_BAD({ JSON, MESSAGE, NEXT }, ...)
 */
#ifndef TESTS_UNIT_ARGS_TABLE_H
#define TESTS_UNIT_ARGS_TABLE_H

#include "mcp/args.h"
#include "tests/unit/check.h"

#include <stddef.h>

struct inner {
    const char *old;
    int64_t count;
    bool regex;
};

struct all {
    const char *text;
    int64_t count;
    bool has_count;
    double ratio;
    bool flag;
    bool has_flag;
    int mode, kind;
    struct arg_strings list, parts;
    struct arg_map env;
    struct inner one;
    bool has_one;
    struct {
        struct inner *items;
        size_t count;
    } many;
    const char *perm, *sig, *hash;
};

#define ROW(type_, member, arg, ...)                                                          \
    {                                                                                         \
        .name = #member, .type = (arg), .offset = offsetof(struct type_, member), __VA_ARGS__ \
    }
#define HAS(member) .has_offset = offsetof(struct all, has_##member)

static const char *const modes[] = { "overwrite", "create", "append", NULL };
static const char *const part_names[] = { "ports", "policy", NULL };

static const struct arg_row inner_rows[] = {
    ROW(inner, old, ARG_STRING, .flags = ARG_REQUIRED, .min_len = 1, .max_len = 8),
    ROW(inner, count, ARG_INT, .max = 100000, .has_default = true, .default_number = 1),
    ROW(inner, regex, ARG_BOOL),
};
static const struct arg_table inner_table = { inner_rows, COUNT_OF(inner_rows),
                                              sizeof(struct inner) };

static const struct arg_row all_rows[] = {
    ROW(all, text, ARG_STRING, .flags = ARG_REQUIRED, .min_len = 1, .max_len = 10),
    ROW(all, count, ARG_INT, .min = -5, .max = 9007199254740991, HAS(count)),
    ROW(all, ratio, ARG_NUMBER, .max = 86400, .has_default = true, .default_number = 0.5),
    ROW(all, flag, ARG_BOOL, HAS(flag)),
    ROW(all, mode, ARG_ENUM, .choices = modes, .has_default = true, .default_number = 1),
    ROW(all, kind, ARG_ENUM, .choices = modes),
    ROW(all, list, ARG_STRINGS, .max_len = 3, .item_min = 1, .item_max = 4),
    ROW(all, parts, ARG_STRINGS, .max_len = 3, .choices = part_names),
    ROW(all, env, ARG_MAP, .max_len = 3, .item_max = 6),
    ROW(all, one, ARG_OBJECT, .nested = &inner_table, HAS(one)),
    ROW(all, many, ARG_OBJECTS, .nested = &inner_table, .min_len = 1, .max_len = 3),
    ROW(all, perm, ARG_STRING, .flags = ARG_OCTAL, .min_len = 1, .max_len = 5),
    ROW(all, sig, ARG_STRING, .flags = ARG_SIGNAL, .min_len = 1, .max_len = 8, .has_default = true,
        .default_string = "TERM"),
    ROW(all, hash, ARG_STRING, .min_len = 4, .max_len = 4),
};
static const struct arg_table all_table = { all_rows, COUNT_OF(all_rows), sizeof(struct all) };

UNUSED static const struct arg_table empty_table = { .struct_size = 1 };

/* ---- what was bound, as text: only what is not as it would be without arguments ---- */

static char shown[4096];

__attribute__((format(printf, 1, 2))) static void show(const char *fmt, ...)
{
    size_t n = strlen(shown);
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(shown + n, sizeof(shown) - n, fmt, ap);
    va_end(ap);
}

static void show_inner(const char *name, const struct inner *in)
{
    show(" %s{%s %lld %d}", name, in->old, (long long)in->count, in->regex);
}

static void show_strings(const char *name, const struct arg_strings *s)
{
    if (s->items)
        show(" %s[", name);
    for (size_t i = 0; i < s->count; i++)
        show("%s%s", i ? " " : "", s->items[i]);
    if (s->items)
        show("]");
}

UNUSED static const char *show_all(const struct all *a)
{
    shown[0] = '\0';
    show("%s", a->text);
    if (a->has_count || a->count)
        show(" count=%lld", (long long)a->count);
    if (a->ratio != 0.5)
        show(" ratio=%g", a->ratio);
    if (a->has_flag || a->flag)
        show(" flag=%d", a->flag);
    if (a->mode != 1)
        show(" mode=%d", a->mode);
    if (a->kind != -1)
        show(" kind=%d", a->kind);
    show_strings("list", &a->list);
    show_strings("parts", &a->parts);
    for (size_t i = 0; i < a->env.count; i++)
        show(" %s=%s", a->env.items[i].name, a->env.items[i].value);
    if (a->has_one)
        show_inner("one", &a->one);
    for (size_t i = 0; i < a->many.count; i++)
        show_inner("many", &a->many.items[i]);
    if (a->perm)
        show(" perm=%s", a->perm);
    if (strcmp(a->sig, "TERM"))
        show(" sig=%s", a->sig);
    if (a->hash)
        show(" hash=%s", a->hash);
    return shown;
}

/* By yyjson alone: args_bind() must not need what json_parse() refuses. */
static yyjson_doc *parse(const char *json)
{
    char text[512];
    size_t len = (size_t)snprintf(text, sizeof(text), "%s", json);

    for (char *p = text; *p; p++)
        *p = *p == '\'' ? '"' : *p;
    yyjson_doc *doc = yyjson_read(text, len, YYJSON_READ_BIGNUM_AS_RAW);
    if (!doc)
        FAIL("not JSON: %s", json);
    return doc;
}

struct binding {
    struct args_storage storage;
    struct err err;
    struct all all;
    int status;
};

static void binding_done(struct binding *b)
{
    args_storage_done(&b->storage);
}

/* The document is gone before anything is looked at. */
static void bind(struct binding *b, const char *json)
{
    yyjson_doc *doc = parse(json);

    memset(&b->all, 0xee, sizeof(b->all));
    b->err = (struct err){ 0 };
    b->status = args_bind(&all_table, yyjson_doc_get_root(doc), &b->all, &b->storage, &b->err);
    yyjson_doc_free(doc);
}

struct good {
    const char *json, *want;
};

UNUSED static void check_good(const struct good *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        AUTO(binding) struct binding b = { 0 };
        bind(&b, cases[i].json);
        if (b.status)
            FAIL("%s: %s", cases[i].json, b.err.msg);
        if (strcmp(show_all(&b.all), cases[i].want))
            FAIL("%s is bound to \"%s\", not \"%s\"", cases[i].json, shown, cases[i].want);
    }
}

/* Rows of JSON, message, and what to do next (NULL: not said). */
UNUSED static void check_bad(const char *const (*cases)[3], size_t count)
{
    for (size_t i = 0; i < count; i++) {
        AUTO(binding) struct binding b = { 0 };
        bind(&b, cases[i][0]);
        if (b.status != -1)
            FAIL("%s is accepted", cases[i][0]);
        CHECK_INT(b.err.code, ERR_INVALID);
        CHECK_STR(b.err.msg, cases[i][1]);
        CHECK_STR(b.err.next, cases[i][2] ? cases[i][2] : "");
    }
}

#define CHECK_GOOD(...)                                      \
    do {                                                     \
        static const struct good cases_[] = { __VA_ARGS__ }; \
        check_good(cases_, COUNT_OF(cases_));                \
    } while (0)
#define CHECK_BAD(...)                                          \
    do {                                                        \
        static const char *const cases_[][3] = { __VA_ARGS__ }; \
        check_bad(cases_, COUNT_OF(cases_));                    \
    } while (0)

#endif
