/*
 * Arguments of every tool in the catalogue: an input is a message of tools/call, whose arguments
 * are bound for its tool, or any other JSON value, which is bound for all of them. What was bound
 * must be readable to its last byte, and what was refused must say why.
 *
 * covers: mcp/args.c mcp/args_scalar.c mcp/args_error.c
 * seeds: transcripts tests/fuzz/seeds/args
 */
#include "mcp/tool.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile size_t seen;

static void touch(const char *s)
{
    seen += s ? strlen(s) : 0;
}

static void touch_struct(const struct arg_table *table, const void *bound);

static void touch_objects(const struct arg_row *row, const struct arg_objects *objects)
{
    for (size_t i = 0; i < objects->count; i++)
        touch_struct(row->nested, (const char *)objects->items + i * row->nested->struct_size);
}

static void touch_value(const struct arg_row *row, const void *at)
{
    const struct arg_strings *strings = at;
    const struct arg_map *map = at;

    switch (row->type) {
    case ARG_STRING:
        touch(*(const char *const *)at);
        break;
    case ARG_ENUM:
        if (*(const int *)at >= 0)
            touch(row->choices[*(const int *)at]);
        break;
    case ARG_STRINGS:
        for (size_t i = 0; i < strings->count; i++)
            touch(strings->items[i]);
        break;
    case ARG_MAP:
        for (size_t i = 0; i < map->count; i++) {
            touch(map->items[i].name);
            touch(map->items[i].value);
        }
        break;
    case ARG_OBJECT:
        touch_struct(row->nested, at);
        break;
    case ARG_OBJECTS:
        touch_objects(row, at);
        break;
    case ARG_INT:
    case ARG_NUMBER:
    case ARG_BOOL:
        break;
    }
}

static void touch_struct(const struct arg_table *table, const void *bound)
{
    for (size_t i = 0; i < table->count; i++)
        touch_value(&table->rows[i], (const char *)bound + table->rows[i].offset);
}

static void bind(const struct tool_def *def, yyjson_val *args)
{
    AUTO(args_storage) struct args_storage storage = { 0 };
    AUTO_FREE void *out = malloc(def->args->struct_size + 1);
    struct err err = { 0 };

    if (!args_bind(def->args, args, out, &storage, &err))
        touch_struct(def->args, out);
    else if (!err.msg[0] || err.code == ERR_NONE)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_JSON yyjson_doc *doc = json_parse((const char *)data, size, NULL);
    yyjson_val *root = yyjson_doc_get_root(doc), *params = yyjson_obj_get(root, "params");
    const char *name = json_str(params, "name");
    const struct tool_def *def = name ? tool_find(name) : NULL;

    if (def) {
        bind(def, yyjson_obj_get(params, "arguments"));
        return 0;
    }
    for (size_t i = 0; doc && i < tool_def_count; i++)
        bind(&tool_defs[i], root);
    return 0;
}
