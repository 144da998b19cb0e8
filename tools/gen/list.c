#include "tools/gen/model.h"

#include <stdlib.h>
#include <string.h>

/* Checked when arguments are bound, and worth no reader's bytes. */
static const char *const unlisted[] = {
    "minimum",  "maximum",  "minLength",     "maxLength",
    "minItems", "maxItems", "maxProperties", "additionalProperties",
    "x-coerce", "x-writes",
};

static void put_schema(yyjson_val *schema, bool read_only, FILE *out);

static void put_value(yyjson_val *val, FILE *out)
{
    char *text = yyjson_val_write(val, 0, NULL);

    fputs(text ? text : "null", out);
    free(text);
}

static void put_properties(yyjson_val *properties, bool read_only, FILE *out)
{
    yyjson_val *key, *val;
    const char *comma = "";
    size_t i, max;

    fputc('{', out);
    yyjson_obj_foreach (properties, i, max, key, val) {
        if (read_only && yyjson_obj_get(val, "x-writes"))
            continue;
        fputs(comma, out);
        comma = ",";
        put_value(key, out);
        fputc(':', out);
        put_schema(val, read_only, out);
    }
    fputc('}', out);
}

/* False, 0, the first choice: what nobody would think otherwise. */
static bool plain_default(yyjson_val *schema, yyjson_val *val)
{
    yyjson_val *first = yyjson_arr_get_first(yyjson_obj_get(schema, "enum"));

    return yyjson_is_false(val) || (yyjson_is_num(val) && yyjson_get_num(val) == 0) ||
           (first && yyjson_equals(first, val));
}

static bool listed(yyjson_val *schema, yyjson_val *key, yyjson_val *val)
{
    for (size_t i = 0; i < COUNT_OF(unlisted); i++)
        if (yyjson_equals_str(key, unlisted[i]))
            return false;
    if (yyjson_equals_str(key, "default") && plain_default(schema, val))
        return false;
    return !yyjson_is_arr(val) || yyjson_arr_size(val);
}

static void put_schema(yyjson_val *schema, bool read_only, FILE *out)
{
    yyjson_val *key, *val;
    const char *comma = "";
    size_t i, max;

    fputc('{', out);
    yyjson_obj_foreach (schema, i, max, key, val) {
        if (!listed(schema, key, val))
            continue;
        fputs(comma, out);
        put_value(key, out);
        fputc(':', out);
        comma = ",";
        if (yyjson_equals_str(key, "properties"))
            put_properties(val, read_only, out);
        else if (yyjson_equals_str(key, "items"))
            put_schema(val, read_only, out);
        else
            put_value(val, out);
    }
    fputc('}', out);
}

char *gen_whole(yyjson_val *schema)
{
    char *text = yyjson_val_write(schema, 0, NULL);

    if (text)
        return text;
    fputs("out of memory\n", stderr);
    exit(1);
}

char *gen_listed_input(const struct gen_tool *tool, bool read_only)
{
    return tool->raw ? gen_whole(tool->input) : gen_listed(tool->input, read_only);
}

char *gen_listed(yyjson_val *schema, bool read_only)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    if (out)
        put_schema(schema, read_only, out);
    if (!out || ferror(out) || fclose(out)) {
        fputs("out of memory\n", stderr);
        exit(1);
    }
    return text;
}

/* Bytes of a text as JSON. */
static size_t quoted(const char *s)
{
    size_t len = 2;

    for (; *s; s++)
        len += *s == '"' || *s == '\\' ? 2 : (unsigned char)*s < ' ' ? 6 : 1;
    return len;
}

static size_t hints_size(const struct gen_tool *t)
{
    char *text = yyjson_val_write(t->annotations, 0, NULL);
    size_t len = text ? strlen(text) : 0;

    free(text);
    return len;
}

size_t gen_list_size(const struct gen_tools *tools, bool output_schemas)
{
    size_t len = strlen("{\"tools\":[]}");

    for (size_t i = 0; i < tools->count; i++) {
        const struct gen_tool *t = &tools->items[i];
        len += strlen("{\"name\":,\"title\":,\"description\":,\"inputSchema\":,\"annotations\":}") +
               quoted(t->name) + quoted(t->title) + quoted(t->description) +
               strlen(gen_listed_input(t, false)) + hints_size(t) + (i > 0);
        if (t->output && output_schemas)
            len += strlen(",\"outputSchema\":") + strlen(gen_listed(t->output, false));
    }
    return len;
}
