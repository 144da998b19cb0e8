/*
 * Clients drop a tool whose x-mcp-header they do not like, so every rule of theirs is checked
 * here: where it may stand, on what, and how it is called.
 */
#include "tools/gen/model.h"

#include <string.h>
#include <strings.h>

#define KEYWORD "x-mcp-header"

static bool is_token(const char *s)
{
    return s && *s &&
           !s[strspn(s, "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
                        "ABCDEFGHIJKLMNOPQRSTUVWXYZ")];
}

static bool is_repeatable(yyjson_val *schema)
{
    static const char *const types[] = { "string", "integer", "boolean" };

    for (size_t i = 0; i < COUNT_OF(types); i++)
        if (yyjson_equals_str(yyjson_obj_get(schema, "type"), types[i]))
            return true;
    return false;
}

static void remember(const struct gen_place *at, struct gen_tool *tool, yyjson_val *schema,
                     const char *const *path, size_t depth)
{
    const char *name = yyjson_get_str(yyjson_obj_get(schema, KEYWORD));
    struct gen_header *header = &tool->headers[tool->header_count];

    if (!is_token(name))
        gen_fail(at, KEYWORD " is not a token of HTTP");
    if (!is_repeatable(schema))
        gen_fail(at, KEYWORD " is for texts, integers and booleans");
    for (size_t i = 0; i < tool->header_count; i++)
        if (!strcasecmp(tool->headers[i].name, name))
            gen_fail(at, KEYWORD " \"%s\" is there twice", name);
    if (tool->header_count == GEN_HEADERS_MAX)
        gen_fail(at, "more than %d properties have " KEYWORD, GEN_HEADERS_MAX);
    header->name = name;
    memcpy(header->path, path, depth * sizeof(*path));
    tool->header_count++;
}

/* How often the keyword stands anywhere below. */
static size_t count_all(yyjson_val *v)
{
    yyjson_val *key, *val;
    size_t i, max, n = 0;

    yyjson_obj_foreach (v, i, max, key, val)
        n += yyjson_equals_str(key, KEYWORD) + count_all(val);
    yyjson_arr_foreach (v, i, max, val)
        n += count_all(val);
    return n;
}

static void walk(const struct gen_place *at, struct gen_tool *tool, yyjson_val *schema,
                 const char **path, size_t depth)
{
    yyjson_val *properties = yyjson_obj_get(schema, "properties"), *key, *val;
    size_t i, max;

    if (depth && yyjson_obj_get(schema, KEYWORD))
        remember(at, tool, schema, path, depth);
    if (depth == GEN_DEPTH_MAX || !properties)
        return;
    yyjson_obj_foreach (properties, i, max, key, val) {
        struct gen_place inside = gen_below(at, yyjson_get_str(key));
        path[depth] = yyjson_get_str(key);
        walk(&inside, tool, val, path, depth + 1);
    }
}

void gen_read_headers(const struct gen_place *at, struct gen_tool *tool)
{
    const char *path[GEN_DEPTH_MAX + 1] = { NULL };

    walk(at, tool, tool->input, path, 0);
    if (count_all(tool->input) != tool->header_count)
        gen_fail(at,
                 KEYWORD " stands where " KEYWORD " is not looked for: below properties only, "
                         "%d deep at most",
                 GEN_DEPTH_MAX);
}
