#include "mcp/schema_parts.h"

#include <string.h>

#define NOTE(keyword)              \
    {                              \
        keyword, SCHEMA_NOTE, NULL \
    }

/* In the order in which a reader wants to hear of faults is the order of the schema's members. */
static const struct schema_keyword keywords[] = {
    { "type", SCHEMA_TYPES, judge_type },
    { "properties", SCHEMA_MAP, judge_properties },
    { "required", SCHEMA_NAMES, judge_required },
    { "additionalProperties", SCHEMA_ONE, judge_additional },
    { "minProperties", SCHEMA_COUNT, judge_size },
    { "maxProperties", SCHEMA_COUNT, judge_size },
    { "items", SCHEMA_ONE, judge_items },
    { "minItems", SCHEMA_COUNT, judge_size },
    { "maxItems", SCHEMA_COUNT, judge_size },
    { "uniqueItems", SCHEMA_FLAG, judge_unique },
    { "enum", SCHEMA_VALUES, judge_enum },
    { "const", SCHEMA_NOTE, judge_const },
    { "minimum", SCHEMA_NUMBER, judge_number },
    { "maximum", SCHEMA_NUMBER, judge_number },
    { "exclusiveMinimum", SCHEMA_NUMBER, judge_number },
    { "exclusiveMaximum", SCHEMA_NUMBER, judge_number },
    { "minLength", SCHEMA_COUNT, judge_length },
    { "maxLength", SCHEMA_COUNT, judge_length },
    { "$ref", SCHEMA_REF, judge_ref },
    { "allOf", SCHEMA_LIST, judge_all },
    { "anyOf", SCHEMA_LIST, judge_any },
    { "oneOf", SCHEMA_LIST, judge_one },
    { "not", SCHEMA_ONE, judge_not },
    { "if", SCHEMA_ONE, judge_if },
    { "then", SCHEMA_ONE, NULL },
    { "else", SCHEMA_ONE, NULL },
    { "$defs", SCHEMA_MAP, NULL },
    { "$anchor", SCHEMA_ANCHOR, NULL },
    { "$schema", SCHEMA_DIALECT_ARG, NULL },
    NOTE("title"),
    NOTE("description"),
    NOTE("default"),
    NOTE("examples"),
    NOTE("deprecated"),
    NOTE("readOnly"),
    NOTE("writeOnly"),
    NOTE("format"),
    NOTE("enumNames"),
    NOTE("$comment"),
};

const struct schema_keyword *schema_keyword(yyjson_val *key)
{
    static const struct schema_keyword extension = NOTE("x-");
    const char *name = yyjson_get_str(key);

    for (size_t i = 0; i < COUNT_OF(keywords); i++)
        if (yyjson_equals_str(key, keywords[i].name))
            return &keywords[i];
    return name && !strncmp(name, "x-", 2) ? &extension : NULL;
}

int judge_pay(struct judge *j, size_t steps)
{
    if (j->stopped)
        return -1;
    if (steps <= SCHEMA_STEPS_MAX - j->steps) {
        j->steps += steps;
        return 0;
    }
    j->stopped = "takes too long to be checked against the schema";
    return -1;
}

static int judge_keywords(struct judge *j, yyjson_val *schema, yyjson_val *v,
                          const struct args_place *at)
{
    yyjson_val *key, *arg;
    size_t i, max;

    yyjson_obj_foreach (schema, i, max, key, arg) {
        const struct schema_keyword *word = schema_keyword(key);
        if (judge_pay(j, 1))
            return -1;
        if (word && word->judge && word->judge(j, schema, arg, v, at))
            return -1;
    }
    return 0;
}

int judge_value(struct judge *j, yyjson_val *schema, yyjson_val *v, const struct args_place *at)
{
    int failed;

    if (judge_pay(j, 1))
        return -1;
    if (!schema)
        return 0;
    if (yyjson_is_false(schema))
        return args_fail(&j->say, at, "is not accepted here");
    if (j->depth == SCHEMA_DEPTH_MAX) {
        j->stopped = "is nested too deep to be checked against the schema";
        return -1;
    }
    j->depth++;
    failed = judge_keywords(j, schema, v, at);
    j->depth--;
    return failed;
}

int schema_check(yyjson_val *schema, yyjson_val *value, struct err *err)
{
    yyjson_val nothing = { .tag = YYJSON_TYPE_OBJ };
    struct judge j = { .root = schema, .say = { .err = err } };
    struct args_place top = { 0 };

    if (!judge_value(&j, schema, value ? value : &nothing, &top))
        return 0;
    return j.stopped ? err_set(err, ERR_TOO_LARGE, "arguments: %s", j.stopped) : -1;
}
