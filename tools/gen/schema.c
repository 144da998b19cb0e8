/*
 * Schemas are read strictly: a keyword that is not understood here would be listed and
 * never be checked, so it ends the generation.
 */
#include "tools/gen/model.h"

#include <string.h>

/* The kinds of schema, and the keywords of each beside type and description. */
static const struct kind {
    const char *type;
    enum arg_type arg;
    const char *of_arguments[8], *of_results[8];
} kinds[] = {
    { "string",
      ARG_STRING,
      { "default", "enum", "minLength", "maxLength", "x-coerce", "x-writes", "x-mcp-header" },
      { "enum" } },
    { "integer", ARG_INT, { "default", "minimum", "maximum", "x-mcp-header" }, { NULL } },
    { "number", ARG_NUMBER, { "default", "minimum", "maximum" }, { NULL } },
    { "boolean", ARG_BOOL, { "default", "x-writes", "x-mcp-header" }, { NULL } },
    { "array", ARG_STRINGS, { "items", "minItems", "maxItems" }, { "items" } },
    { "object",
      ARG_OBJECT,
      { "properties", "required", "additionalProperties", "maxProperties" },
      { "properties", "required", "additionalProperties" } },
};

struct gen_place gen_below(const struct gen_place *at, const char *name)
{
    bool root = !strcmp(at->field, "inputSchema");
    const char *dot = *name == '[' ? "" : ".";

    return (struct gen_place){
        .file = at->file,
        .tool = at->tool,
        .field = root ? name : gen_text("%s%s%s", at->field, dot, name),
    };
}

static bool known(const char *keyword, const char *const *keywords)
{
    if (!strcmp(keyword, "type") || !strcmp(keyword, "description"))
        return true;
    for (; *keywords; keywords++)
        if (!strcmp(keyword, *keywords))
            return true;
    return false;
}

static void check_keywords(const struct gen_place *at, yyjson_val *schema, const char *type,
                           const char *const *keywords)
{
    yyjson_val *key, *val;
    size_t i, max;

    yyjson_obj_foreach (schema, i, max, key, val) {
        const char *name = yyjson_get_str(key);
        if (!known(name, keywords))
            gen_fail(at, "unknown keyword \"%s\" for type %s", name, type);
        if (yyjson_obj_get(schema, name) != val)
            gen_fail(at, "keyword \"%s\" is given twice", name);
    }
}

enum arg_type gen_type(const struct gen_place *at, yyjson_val *schema, bool of_result)
{
    const char *type = yyjson_get_str(yyjson_obj_get(schema, "type"));

    if (!yyjson_is_obj(schema))
        gen_fail(at, "is missing, or not a schema");
    if (!type)
        gen_fail(at, "type is missing, or not a text");
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        if (strcmp(type, kinds[i].type))
            continue;
        check_keywords(at, schema, type, of_result ? kinds[i].of_results : kinds[i].of_arguments);
        return kinds[i].arg;
    }
    gen_fail(at, "unknown type \"%s\"", type);
}

/* Each choice becomes a constant of its own. */
static void check_constants(const struct gen_place *at, yyjson_val *list)
{
    for (size_t i = 0; i < yyjson_arr_size(list); i++) {
        const char *one = yyjson_get_str(yyjson_arr_get(list, i));
        for (size_t j = 0; j < i; j++) {
            const char *other = yyjson_get_str(yyjson_arr_get(list, j));
            if (!strcmp(one, other))
                gen_fail(at, "enum holds \"%s\" twice", one);
            if (!strcmp(gen_upper(one), gen_upper(other)))
                gen_fail(at, "\"%s\" and \"%s\" are one constant in C", other, one);
        }
    }
}

yyjson_val *gen_choices(const struct gen_place *at, yyjson_val *schema)
{
    yyjson_val *list = yyjson_obj_get(schema, "enum"), *val;
    size_t i, max;

    if (list && !yyjson_arr_size(list))
        gen_fail(at, "enum is empty, or not an array");
    yyjson_arr_foreach (list, i, max, val)
        if (!yyjson_is_str(val) || !yyjson_get_len(val))
            gen_fail(at, "enum holds something else than texts");
    check_constants(at, list);
    return list;
}

bool gen_holds(yyjson_val *list, const char *s)
{
    yyjson_val *val;
    size_t i, max;

    yyjson_arr_foreach (list, i, max, val)
        if (yyjson_equals_str(val, s))
            return true;
    return false;
}

void gen_check_required(const struct gen_place *at, yyjson_val *schema)
{
    yyjson_val *required = yyjson_obj_get(schema, "required"), *val;
    yyjson_val *properties = yyjson_obj_get(schema, "properties");
    size_t i, max;

    if (required && !yyjson_is_arr(required))
        gen_fail(at, "required is not an array");
    yyjson_arr_foreach (required, i, max, val) {
        const char *name = yyjson_get_str(val);
        if (!name || !yyjson_obj_get(properties, name))
            gen_fail(at, "requires \"%s\", which is no property", name ? name : "?");
    }
}

void gen_check_output(const struct gen_place *at, yyjson_val *schema)
{
    yyjson_val *items = yyjson_obj_get(schema, "items"), *key, *val;
    yyjson_val *values = yyjson_obj_get(schema, "additionalProperties");
    enum arg_type type = gen_type(at, schema, true);
    struct gen_place inside;
    size_t i, max;

    gen_choices(at, schema);
    gen_check_required(at, schema);
    if (type == ARG_STRINGS) {
        inside = gen_below(at, "[]");
        gen_check_output(&inside, items);
    }
    if (values) {
        inside = gen_below(at, "*");
        gen_check_output(&inside, values);
    }
    yyjson_obj_foreach (yyjson_obj_get(schema, "properties"), i, max, key, val) {
        inside = gen_below(at, yyjson_get_str(key));
        gen_check_output(&inside, val);
    }
}
