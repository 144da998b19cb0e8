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

static const struct arg_table empty_table = { .struct_size = 1 };

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

static const char *show_all(const struct all *a)
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

/* yyjson alone: args_bind() must not need what json_parse() refuses. */
static yyjson_doc *parse(const char *json)
{
    yyjson_doc *doc = yyjson_read(json, strlen(json), YYJSON_READ_BIGNUM_AS_RAW);

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

static void check_good(const struct good *cases, size_t count)
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

struct bad {
    const char *json, *msg, *next;
};

static void check_bad(const struct bad *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        AUTO(binding) struct binding b = { 0 };
        bind(&b, cases[i].json);
        if (b.status != -1)
            FAIL("%s is accepted", cases[i].json);
        CHECK_INT(b.err.code, ERR_INVALID);
        CHECK_STR(b.err.msg, cases[i].msg);
        CHECK_STR(b.err.next, cases[i].next ? cases[i].next : "");
    }
}

#define CHECK_GOOD(...)                                      \
    do {                                                     \
        static const struct good cases_[] = { __VA_ARGS__ }; \
        check_good(cases_, COUNT_OF(cases_));                \
    } while (0)
#define CHECK_BAD(...)                                      \
    do {                                                    \
        static const struct bad cases_[] = { __VA_ARGS__ }; \
        check_bad(cases_, COUNT_OF(cases_));                \
    } while (0)

/* ---- tests ---- */

static void every_type_is_bound(void)
{
    CHECK_GOOD({ "{\"text\":\"a\"}", "a" }, { "{\"text\":\"a\",\"count\":7}", "a count=7" },
               { "{\"count\":0,\"text\":\"a\"}", "a count=0" },
               { "{\"text\":\"a\",\"ratio\":0.25}", "a ratio=0.25" },
               { "{\"text\":\"a\",\"ratio\":3}", "a ratio=3" },
               { "{\"text\":\"a\",\"flag\":true}", "a flag=1" },
               { "{\"text\":\"a\",\"flag\":false}", "a flag=0" },
               { "{\"text\":\"a\",\"mode\":\"append\",\"kind\":\"overwrite\"}", "a mode=2 kind=0" },
               { "{\"text\":\"a\",\"list\":[\"x\",\"yy\"]}", "a list[x yy]" },
               { "{\"text\":\"a\",\"list\":[]}", "a list[]" },
               { "{\"text\":\"a\",\"parts\":[\"policy\",\"ports\"]}", "a parts[policy ports]" },
               { "{\"text\":\"a\",\"env\":{\"A\":\"b\",\"C\":\"\"}}", "a A=b C=" },
               { "{\"text\":\"a\",\"one\":{\"old\":\"x\"}}", "a one{x 1 0}" },
               { "{\"text\":\"a\",\"many\":[{\"old\":\"x\",\"count\":0},{\"regex\":true,\"old\":"
                 "\"y\"}]}",
                 "a many{x 0 0} many{y 1 1}" },
               { "{\"text\":\"a\",\"perm\":\"0644\",\"sig\":\"KILL\",\"hash\":\"abcd\"}",
                 "a perm=0644 sig=KILL hash=abcd" },
               { "{\"text\":\"\\u00e9\\n\\ud83d\\ude00\"}", "\u00e9\n\U0001f600" });
}

static void the_known_slips_are_coerced(void)
{
    CHECK_GOOD({ "{\"text\":\"a\",\"count\":\"5\"}", "a count=5" },
               { "{\"text\":\"a\",\"count\":\"-5\"}", "a count=-5" },
               { "{\"text\":\"a\",\"count\":5.0}", "a count=5" },
               { "{\"text\":\"a\",\"count\":1e3}", "a count=1000" },
               { "{\"text\":\"a\",\"ratio\":\"5\"}", "a ratio=5" },
               { "{\"text\":\"a\",\"ratio\":\"0.25\"}", "a ratio=0.25" },
               { "{\"text\":\"a\",\"ratio\":\"1e3\"}", "a ratio=1000" },
               { "{\"text\":\"a\",\"flag\":\"true\"}", "a flag=1" },
               { "{\"text\":\"a\",\"flag\":\"false\"}", "a flag=0" },
               { "{\"text\":\"a\",\"perm\":644}", "a perm=0644" },
               { "{\"text\":\"a\",\"perm\":1777}", "a perm=1777" },
               { "{\"text\":\"a\",\"perm\":0}", "a perm=0000" },
               { "{\"text\":\"a\",\"sig\":9}", "a sig=9" },
               { "{\"text\":\"a\",\"sig\":9.0}", "a sig=9" },
               { "{\"text\":\"a\",\"env\":{\"A\":1,\"B\":true}}", "a A=1 B=true" },
               { "{\"text\":\"a\",\"env\":{\"A\":-1.5,\"B\":false}}", "a A=-1.5 B=false" });
}

static void nothing_else_is_coerced(void)
{
    CHECK_BAD({ "{\"text\":5.5}", "text: must be a string, not a number", NULL },
              { "{\"text\":true}", "text: must be a string, not a boolean", NULL },
              { "{\"text\":null}", "text: must be a string, not null",
                "leave it out instead of passing null" },
              { "{\"text\":[\"a\"]}", "text: must be a string, not an array", NULL },
              { "{\"text\":{}}", "text: must be a string, not an object", NULL },
              { "{\"count\":5.5}", "count: must be an integer, not 5.5", NULL },
              { "{\"count\":\"5.5\"}", "count: must be an integer, not a string", NULL },
              { "{\"count\":\"5.0\"}", "count: must be an integer, not a string", NULL },
              { "{\"count\":\" 5\"}", "count: must be an integer, not a string", NULL },
              { "{\"count\":\"+5\"}", "count: must be an integer, not a string", NULL },
              { "{\"count\":\"0x5\"}", "count: must be an integer, not a string", NULL },
              { "{\"count\":\"5\\u0000\"}", "count: must be an integer, not a string", NULL },
              { "{\"count\":\"-\"}", "count: must be an integer, not a string", NULL },
              { "{\"count\":\"\"}", "count: must be an integer, not a string", NULL },
              { "{\"count\":true}", "count: must be an integer, not a boolean", NULL },
              { "{\"ratio\":\"inf\"}", "ratio: must be a number, not a string", NULL },
              { "{\"ratio\":\"nan\"}", "ratio: must be a number, not a string", NULL },
              { "{\"ratio\":\"1-2\"}", "ratio: must be a number, not a string", NULL },
              { "{\"ratio\":\"1e999\"}", "ratio: must be a number, not a string", NULL },
              { "{\"flag\":1}", "flag: must be true or false, not a number", NULL },
              { "{\"flag\":\"yes\"}", "flag: must be true or false, not a string", NULL },
              { "{\"flag\":\"True\"}", "flag: must be true or false, not a string", NULL },
              { "{\"mode\":1}", "mode: must be a string, not a number", NULL },
              { "{\"sig\":true}", "sig: must be a string, not a boolean", NULL },
              { "{\"list\":\"x\"}", "list: must be an array of strings, not a string", NULL },
              { "{\"list\":[1]}", "list[0]: must be a string, not a number", NULL },
              { "{\"env\":[]}", "env: must be an object of strings, not an array", NULL },
              { "{\"env\":{\"A\":null}}", "env.A: must be a string, not null",
                "leave it out instead of passing null" },
              { "{\"one\":[]}", "one: must be an object, not an array", NULL },
              { "{\"many\":{}}", "many: must be an array of objects, not an object", NULL },
              { "{\"many\":[1]}", "many[0]: must be an object, not a number", NULL });
}

static void bounds_are_named(void)
{
    CHECK_BAD(
        { "{\"count\":-6}", "count: -6 is not within -5..9007199254740991", NULL },
        { "{\"count\":\"-6\"}", "count: -6 is not within -5..9007199254740991", NULL },
        { "{\"count\":9007199254740993}",
          "count: 9007199254740993 is not within -5..9007199254740991", NULL },
        { "{\"count\":18446744073709551615}",
          "count: 1.84467440737096e+19 is not within -5..9007199254740991", NULL },
        { "{\"count\":\"99999999999999999999\"}", "count: 1e+20 is not within -5..9007199254740991",
          NULL },
        { "{\"count\":1e300}", "count: 1e+300 is not within -5..9007199254740991", NULL },
        { "{\"ratio\":700000}", "ratio: 700000 is not within 0..86400", NULL },
        { "{\"ratio\":-0.5}", "ratio: -0.5 is not within 0..86400", NULL },
        { "{\"text\":\"\"}", "text: must not be empty", NULL },
        { "{\"text\":\"12345678901\"}", "text: 11 bytes is not within 1..10 bytes", NULL },
        { "{\"hash\":\"abc\"}", "hash: 3 bytes is not within 4..4 bytes", NULL },
        { "{\"list\":[\"1\",\"2\",\"3\",\"4\"]}", "list: 4 items is not within 0..3 items", NULL },
        { "{\"list\":[\"1\",\"\"]}", "list[1]: must not be empty", NULL },
        { "{\"list\":[\"1\",\"12345\"]}", "list[1]: 5 bytes is not within 1..4 bytes", NULL },
        { "{\"many\":[]}", "many: 0 items is not within 1..3 items", NULL },
        { "{\"many\":[{\"old\":\"a\"},{\"old\":\"b\"},{\"old\":\"c\",\"count\":-1}]}",
          "many[2].count: -1 is not within 0..100000", NULL },
        { "{\"env\":{\"A\":\"1234567\"}}", "env.A: 7 bytes is not within 0..6 bytes", NULL },
        { "{\"env\":{\"A\":\"1\",\"B\":\"1\",\"C\":\"1\",\"D\":\"1\"}}",
          "env: 4 items is not within 0..3 items", NULL },
        { "{\"env\":{\"\":\"1\"}}", "env: a name is empty", NULL },
        { "{\"sig\":0}", "sig: 0 is not within 1..64", NULL },
        { "{\"sig\":65}", "sig: 65 is not within 1..64", NULL },
        { "{\"sig\":9.5}", "sig: must be an integer, not 9.5", NULL },
        { "{\"perm\":8}", "perm: 8 is not octal", NULL },
        { "{\"perm\":-1}", "perm: -1 is not within 0..7777", NULL },
        { "{\"perm\":77777}", "perm: 77777 is not within 0..7777", NULL },
        { "{\"perm\":\"123456\"}", "perm: 6 bytes is not within 1..5 bytes", NULL });
}

static void nul_characters_are_refused(void)
{
    CHECK_BAD({ "{\"text\":\"a\\u0000b\"}", "text: contains a NUL character", NULL },
              { "{\"list\":[\"\\u0000\"]}", "list[0]: contains a NUL character", NULL },
              { "{\"env\":{\"A\":\"\\u0000\"}}", "env.A: contains a NUL character", NULL },
              { "{\"env\":{\"A\\u0000\":\"1\"}}", "env: contains a NUL character", NULL },
              { "{\"mode\":\"create\\u0000\"}",
                "mode: \"create\" is not one of overwrite, create, append",
                "did you mean \"create\"?" },
              { "{\"text\\u0000\":\"1\"}",
                "text: unknown argument; accepted: text, count, ratio, flag, mode, kind, list, "
                "parts, env, one, many, perm, sig, hash",
                "did you mean \"text\"?" });
}

static void unknown_arguments_name_the_accepted_ones(void)
{
    CHECK_BAD(
        { "{\"text\":\"a\",\"txt\":1}",
          "txt: unknown argument; accepted: text, count, ratio, flag, mode, kind, list, "
          "parts, env, one, many, perm, sig, hash",
          "did you mean \"text\"?" },
        { "{\"one\":{\"old\":\"a\",\"old_string\":\"b\"}}",
          "one.old_string: unknown argument; accepted: old, count, regex",
          "did you mean \"old\"?" },
        { "{\"many\":[{\"old\":\"a\"},{\"zzz\":\"b\"}]}",
          "many[1].zzz: unknown argument; accepted: old, count, regex", NULL },
        { "{\"one\":{\"\":1}}", "one.: unknown argument; accepted: old, count, regex", NULL },
        { "{\"one\":{\"a\\n\\u001b[31mb\":1}}",
          "one.a??[31mb: unknown argument; accepted: old, count, regex", NULL },
        { "{\"one\":{\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\":1}}",
          "one.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa...: unknown argument; "
          "accepted: old, count, regex",
          NULL });
}

static void choices_are_named(void)
{
    CHECK_BAD(
        { "{\"mode\":\"apend\"}", "mode: \"apend\" is not one of overwrite, create, append",
          "did you mean \"append\"?" },
        { "{\"mode\":\"\"}", "mode: \"\" is not one of overwrite, create, append", NULL },
        { "{\"mode\":\"Append\"}", "mode: \"Append\" is not one of overwrite, create, append",
          "did you mean \"append\"?" },
        { "{\"parts\":[\"ports\",\"x\"]}", "parts[1]: \"x\" is not one of ports, policy", NULL });
}

static void what_is_required_is_missed(void)
{
    CHECK_BAD({ "{}", "text: is required", NULL }, { "{\"flag\":true}", "text: is required", NULL },
              { "{\"text\":\"a\",\"many\":[{\"count\":1}]}", "many[0].old: is required", NULL },
              { "{\"text\":\"a\",\"one\":{}}", "one.old: is required", NULL });
}

static void arguments_are_one_object(void)
{
    CHECK_BAD({ "[]", "arguments: must be an object, not an array", NULL },
              { "\"{}\"", "arguments: must be an object, not a string", NULL },
              { "null", "arguments: must be an object, not null",
                "leave it out instead of passing null" },
              { "{\"text\":\"a\",\"text\":\"b\"}", "text: is given twice", NULL });
}

static void numbers_beyond_all_types_are_refused(void)
{
    CHECK_BAD(
        { "{\"count\":1e999}", "count: must be an integer, not a number out of range", NULL },
        { "{\"env\":{\"A\":1e999}}", "env.A: must be a string, not a number out of range", NULL });
}

static void without_arguments_there_are_the_defaults(void)
{
    struct args_storage storage = { 0 };
    struct err err = { 0 };
    char nothing = 'x';
    struct inner in;

    CHECK(!args_bind(&empty_table, NULL, &nothing, &storage, &err));
    CHECK_INT(nothing, 0);
    CHECK_INT(args_bind(&inner_table, NULL, &in, &storage, &err), -1);
    CHECK_STR(err.msg, "old: is required");
    args_storage_done(&storage);

    AUTO(binding) struct binding b = { 0 };
    bind(&b, "{\"text\":\"a\"}");
    CHECK(!b.status && !b.all.has_one && !b.all.has_flag && !b.all.has_count);
    CHECK_STR(b.all.sig, "TERM");
    CHECK(!b.all.perm && !b.all.list.items && !b.all.many.items && !b.all.env.items);
}

static void a_table_without_rows_accepts_nothing(void)
{
    struct args_storage storage = { 0 };
    struct err err = { 0 };
    char nothing;
    yyjson_doc *doc = parse("{\"x\":1}");

    CHECK_INT(args_bind(&empty_table, yyjson_doc_get_root(doc), &nothing, &storage, &err), -1);
    CHECK_STR(err.msg, "x: unknown argument; accepted: none");
    yyjson_doc_free(doc);
}

static void large_texts_and_many_small_ones_fit(void)
{
    enum { LARGE = 3 * 1024 * 1024, MANY = 2000 };
    static const struct arg_row rows[] = {
        ROW(all, text, ARG_STRING, .max_len = LARGE),
        ROW(all, list, ARG_STRINGS, .max_len = MANY, .item_max = LARGE),
        ROW(all, hash, ARG_STRING, .max_len = LARGE),
    };
    static const struct arg_table table = { rows, COUNT_OF(rows), sizeof(struct all) };
    yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
    yyjson_mut_val *root = yyjson_mut_obj(doc), *list = yyjson_mut_arr(doc);
    AUTO_FREE char *large = malloc(LARGE + 1);
    struct args_storage storage = { 0 };
    struct err err = { 0 };
    struct all all;

    memset(large, 'x', LARGE);
    large[LARGE] = '\0';
    for (int i = 0; i < MANY; i++) {
        char text[32];
        snprintf(text, sizeof(text), "item %d", i);
        yyjson_mut_arr_add_strcpy(doc, list, text);
    }
    yyjson_mut_doc_set_root(doc, root);
    yyjson_mut_obj_add_str(doc, root, "text", "small");
    yyjson_mut_obj_add_str(doc, root, "hash", large);
    yyjson_mut_obj_add_val(doc, root, "list", list);
    yyjson_doc *plain = yyjson_mut_doc_imut_copy(doc, NULL);
    yyjson_mut_doc_free(doc);
    int status = args_bind(&table, yyjson_doc_get_root(plain), &all, &storage, &err);
    yyjson_doc_free(plain);

    CHECK(!status);
    CHECK_STR(all.text, "small");
    CHECK(!strcmp(all.hash, large));
    CHECK_INT(all.list.count, MANY);
    for (size_t i = 0; i < MANY; i++) {
        char text[32];
        snprintf(text, sizeof(text), "item %zu", i);
        CHECK_STR(all.list.items[i], text);
    }
    args_storage_done(&storage);
    CHECK(!storage.chunks);
}

static const struct test tests[] = {
    TEST(every_type_is_bound),
    TEST(the_known_slips_are_coerced),
    TEST(nothing_else_is_coerced),
    TEST(bounds_are_named),
    TEST(nul_characters_are_refused),
    TEST(unknown_arguments_name_the_accepted_ones),
    TEST(choices_are_named),
    TEST(what_is_required_is_missed),
    TEST(arguments_are_one_object),
    TEST(numbers_beyond_all_types_are_refused),
    TEST(without_arguments_there_are_the_defaults),
    TEST(a_table_without_rows_accepts_nothing),
    TEST(large_texts_and_many_small_ones_fit),
};
TEST_MAIN(tests)
