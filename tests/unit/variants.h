/*
 * Values made from a schema as tools.json writes them: valid ones, its bounds, just outside of
 * them, wrong types. variants() gives each as JSON text.
 */
#ifndef TESTS_UNIT_VARIANTS_H
#define TESTS_UNIT_VARIANTS_H

#include "base/json.h"
#include "tests/unit/check.h"

#include <stdlib.h>

#define TEXT_MAX (64 * 1024 * 1024)

struct sink {
    void (*take)(void *ctx, const char *json);
    void *ctx;
};

/* ---- values ---- */

static void put(struct buf *b, const char *s)
{
    CHECK(!buf_adds(b, s, NULL));
}

static void put_letters(struct buf *b, uint64_t n, const char *letter)
{
    put(b, "\"");
    for (uint64_t i = 0; i < n; i++)
        put(b, letter);
    put(b, "\"");
}

static void put_number(struct buf *b, double n)
{
    CHECK(!buf_addf(b, NULL, "%.17g", n));
}

static uint64_t count_of(yyjson_val *schema, const char *keyword, uint64_t otherwise)
{
    yyjson_val *v = yyjson_obj_get(schema, keyword);

    return v ? yyjson_get_uint(v) : otherwise;
}

static bool is(yyjson_val *schema, const char *type)
{
    return yyjson_equals_str(yyjson_obj_get(schema, "type"), type);
}

static void put_valid(struct buf *b, yyjson_val *schema);

/* Its required members, without `but`, and without the closing brace. */
static void put_required(struct buf *b, yyjson_val *schema, const char *but)
{
    yyjson_val *list = yyjson_obj_get(schema, "required"), *name;
    const char *comma = "";
    size_t i, max;

    put(b, "{");
    yyjson_arr_foreach (list, i, max, name) {
        const char *s = yyjson_get_str(name);
        if (but && !strcmp(but, s))
            continue;
        CHECK(!buf_addf(b, NULL, "%s\"%s\":", comma, s));
        put_valid(b, yyjson_obj_get(yyjson_obj_get(schema, "properties"), s));
        comma = ",";
    }
}

static void put_items(struct buf *b, yyjson_val *items, uint64_t count)
{
    put(b, "[");
    for (uint64_t i = 0; i < count; i++) {
        put(b, i ? "," : "");
        put_valid(b, items);
    }
    put(b, "]");
}

static void put_members(struct buf *b, yyjson_val *values, uint64_t count)
{
    put(b, "{");
    for (uint64_t i = 0; i < count; i++) {
        CHECK(!buf_addf(b, NULL, "%s\"n%d\":", i ? "," : "", (int)i));
        put_valid(b, values);
    }
    put(b, "}");
}

static void put_valid(struct buf *b, yyjson_val *schema)
{
    yyjson_val *choices = yyjson_obj_get(schema, "enum");
    yyjson_val *values = yyjson_obj_get(schema, "additionalProperties");

    if (choices) {
        CHECK(!buf_addf(b, NULL, "\"%s\"", yyjson_get_str(yyjson_arr_get_first(choices))));
    } else if (is(schema, "string")) {
        put_letters(b, count_of(schema, "minLength", 0), "a");
    } else if (is(schema, "boolean")) {
        put(b, "true");
    } else if (is(schema, "array")) {
        put_items(b, yyjson_obj_get(schema, "items"), count_of(schema, "minItems", 0));
    } else if (values) {
        put_members(b, values, 1);
    } else if (is(schema, "object")) {
        put_required(b, schema, NULL);
        put(b, "}");
    } else {
        put_number(b, yyjson_get_num(yyjson_obj_get(schema, "minimum")));
    }
}

/* ---- variants of a value ---- */

static void variants(yyjson_val *schema, const struct sink *out);

static void give(const struct sink *out, struct buf *b)
{
    out->take(out->ctx, buf_str(b));
    buf_clear(b);
}

static void give_text(const struct sink *out, const char *json)
{
    out->take(out->ctx, json);
}

static void string_variants(yyjson_val *schema, const struct sink *out)
{
    AUTO(buf) struct buf b = BUF_MAX(TEXT_MAX);
    uint64_t min = count_of(schema, "minLength", 0), max = count_of(schema, "maxLength", 0);
    uint64_t lengths[] = { min ? min - 1 : 0, min, min + 1, max - 1, max, max + 1 };
    yyjson_val *choice;
    size_t i, n;

    yyjson_arr_foreach (yyjson_obj_get(schema, "enum"), i, n, choice) {
        CHECK(!buf_addf(&b, NULL, "\"%s\"", yyjson_get_str(choice)));
        give(out, &b);
    }
    for (i = 0; max && i < COUNT_OF(lengths); i++) {
        put_letters(&b, lengths[i], "a");
        give(out, &b);
    }
    if (!max)
        give_text(out, "\"no such choice\"");
    give_text(out, "[]");
    give_text(out, "true");
}

static void number_variants(yyjson_val *schema, const struct sink *out)
{
    double min = yyjson_get_num(yyjson_obj_get(schema, "minimum"));
    double max = yyjson_get_num(yyjson_obj_get(schema, "maximum"));
    double step = is(schema, "integer") ? 1 : 0.5;
    double values[] = { min, max, min - step, max + step, min + step, min + 0.5, max - 0.5 };
    AUTO(buf) struct buf b = BUF_MAX(4096);

    for (size_t i = 0; i < COUNT_OF(values); i++) {
        put_number(&b, values[i]);
        give(out, &b);
    }
    give_text(out, "\"many\"");
    give_text(out, "true");
    give_text(out, "[1]");
}

struct around {
    const struct sink *out;
    const char *before, *after;
};

static void take_inside(void *ctx, const char *json)
{
    const struct around *a = ctx;
    AUTO(buf) struct buf b = BUF_MAX(TEXT_MAX);

    put(&b, a->before);
    put(&b, json);
    put(&b, a->after);
    give(a->out, &b);
}

static void array_variants(yyjson_val *schema, const struct sink *out)
{
    yyjson_val *items = yyjson_obj_get(schema, "items");
    uint64_t min = count_of(schema, "minItems", 0), max = count_of(schema, "maxItems", 0);
    uint64_t counts[] = { 0, min, max, max + 1 };
    struct around one = { out, "[", "]" };
    struct sink inside = { take_inside, &one };
    AUTO(buf) struct buf b = BUF_MAX(TEXT_MAX);

    for (size_t i = 0; i < COUNT_OF(counts); i++) {
        put_items(&b, items, counts[i]);
        give(out, &b);
    }
    variants(items, &inside);
    give_text(out, "{}");
    give_text(out, "\"a\"");
}

static void map_variants(yyjson_val *schema, const struct sink *out)
{
    yyjson_val *values = yyjson_obj_get(schema, "additionalProperties");
    uint64_t max = count_of(schema, "maxProperties", 0);
    uint64_t counts[] = { 0, 1, max, max + 1 };
    struct around one = { out, "{\"name\":", "}" };
    struct sink inside = { take_inside, &one };
    AUTO(buf) struct buf b = BUF_MAX(TEXT_MAX);

    for (size_t i = 0; i < COUNT_OF(counts); i++) {
        put_members(&b, values, counts[i]);
        give(out, &b);
    }
    variants(values, &inside);
    give_text(out, "[]");
}

static void object_variants(yyjson_val *schema, const struct sink *out)
{
    yyjson_val *properties = yyjson_obj_get(schema, "properties"), *key, *val;
    AUTO(buf) struct buf b = BUF_MAX(TEXT_MAX);
    size_t i, max;

    put_valid(&b, schema);
    give(out, &b);
    put_required(&b, schema, NULL);
    put(&b, b.len > 1 ? ",\"no_such\":1}" : "\"no_such\":1}");
    give(out, &b);
    yyjson_obj_foreach (properties, i, max, key, val) {
        AUTO(buf) struct buf before = BUF_MAX(TEXT_MAX);
        struct around one = { out, NULL, "}" };
        struct sink inside = { take_inside, &one };
        put_required(&before, schema, yyjson_get_str(key));
        CHECK(!buf_addf(&b, NULL, "%s}", before.data));
        give(out, &b);
        CHECK(
            !buf_addf(&before, NULL, "%s\"%s\":", before.len > 1 ? "," : "", yyjson_get_str(key)));
        one.before = before.data;
        variants(val, &inside);
    }
    give_text(out, "[]");
}

static void variants(yyjson_val *schema, const struct sink *out)
{
    if (is(schema, "array"))
        array_variants(schema, out);
    else if (yyjson_obj_get(schema, "additionalProperties"))
        map_variants(schema, out);
    else if (is(schema, "object"))
        object_variants(schema, out);
    else if (is(schema, "string"))
        string_variants(schema, out);
    else if (is(schema, "boolean"))
        give_text(out, "true"), give_text(out, "false"), give_text(out, "7"), give_text(out, "[]");
    else
        number_variants(schema, out);
    give_text(out, "null");
}

#endif
